"""Who looks at a page: signed in with an API key, or with the local password as the administrator.

A session lives in a cookie alone: the key, encrypted for this exchange, and until when. It survives a restart, scripts
cannot read it, and a browser sends it to no page of another site.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Final

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from dashboard.gateway_client import GatewayClient, GatewayRefusal

COOKIE: Final = "mockx_session"
LIFETIME_S: Final = 12 * 3600
MAX_SECRET_LENGTH: Final = 256
MAX_ENDED: Final = 100_000


class Session(msgspec.Struct, frozen=True):
    """A signed-in person: the account that is theirs, and the key that the gateway knows them by."""

    key: str
    account: int
    is_admin: bool
    until: float
    name: str = ""

    def may_see(self, account: int) -> bool:
        """Whether an account is this person's to see."""
        return self.is_admin or account == self.account


class SignInRefused(Exception):
    """Neither a key nor the password of this exchange."""


class Sessions:
    """Opens sessions and reads them back from cookies."""

    def __init__(self, gateway: GatewayClient, *, seal_key: str, admin_key: str, password: str) -> None:
        self._gateway = gateway
        self._fernet = Fernet(seal_key)
        self._admin_key = admin_key
        self._password = password
        self._ended: dict[bytes, float] = {}
        self._listeners: list[Callable[[], None]] = []

    async def sign_in(self, secret: str) -> Session:
        """Open a session with a key or the password. Raises SignInRefused, or GatewayAway."""
        secret = secret.strip()
        if not 0 < len(secret) <= MAX_SECRET_LENGTH:
            raise SignInRefused
        if _same(secret, self._password):
            secret = self._admin_key
        try:
            state = await self._gateway.get("/account", secret)
        except GatewayRefusal as refusal:
            raise SignInRefused from refusal
        is_admin = _same(secret, self._admin_key)
        return Session(secret, int(state["account"]), is_admin, time.time() + LIFETIME_S, str(state["name"]))

    def cookie(self, session: Session) -> str:
        """Return the cookie of a session."""
        return self._fernet.encrypt(msgspec.json.encode(session)).decode()

    def read(self, cookie: str | None) -> Session | None:
        """Return the session of a cookie, None where there is none or it is over."""
        if not cookie:
            return None
        try:
            session = msgspec.json.decode(self._fernet.decrypt(cookie.encode()), type=Session)
        except (InvalidToken, msgspec.DecodeError, UnicodeEncodeError):
            return None
        is_over = session.until <= time.time() or _digest(cookie) in self._ended or _digest(session.key) in self._ended
        return None if is_over else session

    def end(self, cookie: str | None) -> None:
        """End the session of a cookie at once, wherever a copy of it may be."""
        if cookie and self.read(cookie) is not None:
            self._note_ended(cookie)

    def end_key(self, key: str) -> None:
        """End all sessions of a key that the gateway knows no more."""
        if _digest(key) not in self._ended:
            self._note_ended(key)

    def on_end(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever a session has ended before its time."""
        self._listeners.append(listener)

    def _note_ended(self, secret: str) -> None:
        """Remember what has ended for as long as a cookie lives."""
        now = time.time()
        while self._ended and (len(self._ended) >= MAX_ENDED or next(iter(self._ended.values())) <= now):
            del self._ended[next(iter(self._ended))]
        self._ended[_digest(secret)] = now + LIFETIME_S
        for listener in self._listeners:
            listener()


def _same(given: str, expected: str) -> bool:
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
