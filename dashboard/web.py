"""The web side of the dashboard: signing in and out, and what every request must prove."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from quart import Quart, Response, has_websocket_context, redirect, request, websocket

from dashboard.gateway_client import GatewayAway
from dashboard.sessions import COOKIE, LIFETIME_S, Session, Sessions, SignInRefused

SIGN_IN: Final = "/sign-in"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY_BYTES: Final = 1_000_000
POLICY: Final = (
    "default-src 'self'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
"""No script runs in a page but those that are served as files and those whose hashes are named."""

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def current_session(sessions: Sessions) -> Session | None:
    """Return the session of the request or WebSocket that is served now."""
    asking: Any = websocket if has_websocket_context() else request
    return sessions.read(asking.cookies.get(COOKIE))


def protect(server: Quart, sessions: Sessions, script_hashes: Callable[[], Sequence[str]]) -> None:
    """Add the routes of signing in and out, and the checks on every request.

    `script_hashes` are asked for once, when all scripts of the pages are known.
    """
    headers = dict(HEADERS)
    server.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES

    @server.before_request
    async def _refuse_strangers() -> Response | None:
        if request.method in SAFE_METHODS or _is_own(request.headers.get("origin"), request.host):
            return None
        return Response("This request does not come from a page of this dashboard.", 403)

    @server.after_request
    async def _add_headers(response: Response) -> Response:
        if "Content-Security-Policy" not in headers:
            headers["Content-Security-Policy"] = POLICY.format(scripts=" ".join(script_hashes()))
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response

    @server.post("/session")
    async def _sign_in() -> Any:
        form = await request.form
        sessions.end(request.cookies.get(COOKIE))
        try:
            session = await sessions.sign_in(form.get("secret", ""))
        except SignInRefused:
            return redirect(f"{SIGN_IN}?wrong=1", 303)
        except GatewayAway:
            return redirect(f"{SIGN_IN}?away=1", 303)
        response = redirect("/", 303)
        response.set_cookie(
            COOKIE,
            sessions.cookie(session),
            max_age=LIFETIME_S,
            httponly=True,
            samesite="Strict",
            secure=request.is_secure,
        )
        return response

    @server.post("/session/end")
    async def _sign_out() -> Any:
        sessions.end(request.cookies.get(COOKIE))
        response = redirect("/", 303)
        response.delete_cookie(COOKIE, httponly=True, samesite="Strict")
        return response


def _is_own(origin: str | None, host: str) -> bool:
    """Whether a request comes from a page of ours; browsers say with every POST where it comes from."""
    return origin is not None and urlsplit(origin).netloc == host
