"""Who may look: cookies, what ends them, and what every request must prove."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import pytest
from cryptography.fernet import Fernet
from quart import Quart

from dashboard import sessions as sessions_module
from dashboard import web
from dashboard.gateway_client import GatewayAway, GatewayRefusal
from dashboard.sessions import COOKIE, Session, Sessions, SignInRefused
from tests.support.dashboard_gateway import PutGateway

SEAL = Fernet.generate_key().decode()
OWN = {"origin": "http://localhost"}


def make_sessions(account: Any = None, seal: str = SEAL, password: str = "let me in") -> Sessions:
    gateway = PutGateway(account=account or {"account": 7, "name": "ann"})
    return Sessions(gateway, seal_key=seal, admin_key="the-admin-key", password=password)


def sign_in(sessions: Sessions, secret: str) -> Session:
    return asyncio.run(sessions.sign_in(secret))


def session(until: float | None = None, key: str = "key") -> Session:
    return Session(key, 7, False, time.time() + 60 if until is None else until)


def test_a_key_signs_in_to_its_account_and_the_password_as_the_administrator():
    sessions = make_sessions()
    person, admin = sign_in(sessions, " key "), sign_in(sessions, "let me in")
    assert (person.key, person.account, person.name, person.is_admin) == ("key", 7, "ann", False)
    assert (admin.key, admin.is_admin) == ("the-admin-key", True)
    assert person.may_see(7)
    assert not person.may_see(8)
    assert admin.may_see(8)


@pytest.mark.parametrize("secret", ["", "   ", "x" * 257, "refused"])
def test_anything_else_does_not_sign_in(secret):
    with pytest.raises(SignInRefused):
        sign_in(make_sessions(GatewayRefusal(401, "unknown", "")), secret)


def test_an_empty_password_signs_nobody_in():
    sessions = make_sessions(GatewayRefusal(401, "unknown", ""), password="")
    with pytest.raises(SignInRefused):
        sign_in(sessions, "")


def test_a_gateway_that_is_away_refuses_nobody():
    with pytest.raises(GatewayAway):
        sign_in(make_sessions(GatewayAway("away")), "key")


def test_a_cookie_holds_a_session_and_shows_nothing_of_it():
    sessions = make_sessions()
    cookie = sessions.cookie(session())
    assert sessions.read(cookie) == session(until=sessions.read(cookie).until)  # type: ignore[union-attr]
    assert "key" not in cookie


@pytest.mark.parametrize("cookie", [None, "", "nonsense", "ü", "A" * 5000])
def test_what_is_no_cookie_of_ours_is_no_session(cookie):
    assert make_sessions().read(cookie) is None


def test_a_changed_foreign_or_old_cookie_is_no_session():
    sessions = make_sessions()
    cookie = sessions.cookie(session())
    for k in (10, len(cookie) // 2, len(cookie) - 5):
        other = "A" if cookie[k] != "A" else "B"
        assert sessions.read(cookie[:k] + other + cookie[k + 1 :]) is None
    assert make_sessions(seal=Fernet.generate_key().decode()).read(cookie) is None
    assert sessions.read(sessions.cookie(session(until=time.time() - 1))) is None
    assert sessions.read(Fernet(SEAL).encrypt(msgspec.json.encode({"key": "x"})).decode()) is None


def test_an_ended_cookie_and_all_cookies_of_an_ended_key_are_over_and_it_is_told_once():
    sessions, told = make_sessions(), []
    sessions.on_end(lambda: told.append(1))
    one, two, other = (sessions.cookie(session(key=key)) for key in ("a", "a", "b"))
    sessions.end(one)
    sessions.end(one)
    sessions.end("nonsense")
    assert (sessions.read(one), sessions.read(two) is None, told) == (None, False, [1])
    sessions.end_key("a")
    sessions.end_key("a")
    assert (sessions.read(two), sessions.read(other) is None, told) == (None, False, [1, 1])


def test_what_has_ended_is_remembered_within_a_bound(monkeypatch):
    monkeypatch.setattr(sessions_module, "MAX_ENDED", 3)
    sessions = make_sessions()
    cookies = [sessions.cookie(session(key=str(number))) for number in range(5)]
    for cookie in cookies:
        sessions.end(cookie)
    assert [sessions.read(cookie) is None for cookie in cookies] == [False, False, True, True, True]


# --- requests ---


def served(sessions: Sessions) -> Any:
    server = Quart("tried")
    web.protect(server, sessions, lambda: ["'sha256-abc'"])

    @server.get("/")
    async def _page() -> str:
        current = web.current_session(sessions)
        return "nobody" if current is None else current.key

    return server.test_client()


def test_signing_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use():
    async def scenario() -> None:
        client = served(make_sessions())
        answer = await client.post("/session", form={"secret": "key"}, headers=OWN)
        assert (answer.status_code, answer.location) == (303, "/")
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(answer.headers["set-cookie"].split("; "))
        assert await (await client.get("/")).get_data(as_text=True) == "key"
        await client.post("/session/end", headers=OWN)
        assert await (await client.get("/")).get_data(as_text=True) == "nobody"

    asyncio.run(scenario())


def test_a_cookie_kept_from_before_signing_out_opens_nothing():
    async def scenario() -> None:
        client = served(make_sessions())
        answer = await client.post("/session", form={"secret": "key"}, headers=OWN)
        kept = answer.headers["set-cookie"].split(";")[0].partition("=")[2]
        await client.post("/session/end", headers=OWN)
        client.set_cookie("localhost", COOKIE, kept)
        assert await (await client.get("/")).get_data(as_text=True) == "nobody"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://localhost.evil.example"}],
)
@pytest.mark.parametrize("path", ["/session", "/session/end", "/_dash-update-component"])
def test_a_request_that_changes_something_must_come_from_our_own_pages(path, headers):
    async def scenario() -> None:
        answer = await served(make_sessions()).post(path, form={"secret": "key"}, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers

    asyncio.run(scenario())


def test_a_wrong_secret_and_a_gateway_away_are_told_on_the_sign_in_page():
    async def scenario() -> None:
        for failure, told in ((GatewayRefusal(401, "", ""), "wrong"), (GatewayAway("away"), "away")):
            client = served(make_sessions(failure))
            answer = await client.post("/session", form={"secret": "key"}, headers=OWN)
            assert answer.location == f"/sign-in?{told}=1"

    asyncio.run(scenario())


def test_no_inline_script_runs_but_those_that_are_named():
    async def scenario() -> None:
        policy = (await served(make_sessions()).get("/")).headers["content-security-policy"]
        scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
        assert scripts == "script-src 'self' 'sha256-abc'"
        assert "frame-ancestors 'none'" in policy

    asyncio.run(scenario())
