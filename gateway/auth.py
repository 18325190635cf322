"""Who asks, and what he may do. Keys are looked up by digest and never logged."""

from __future__ import annotations

import hmac
from enum import Enum
from typing import Final, NamedTuple

from gateway.failures import NotAuthenticated, NotAvailable, NotFound, NotPermitted
from gateway.registry_follower import RegistryFollower
from mockexchange.messages.events import AccountCreated
from mockexchange.registry import Registry

MAX_KEY_LENGTH: Final = 256
DEMO_NAME: Final = "demo"


class Permission(Enum):
    """What a route asks of a key."""

    READ = "read"
    TRADE = "trade"
    ADMIN = "admin"


class Caller(NamedTuple):
    """The account a request acts for, the shard it lives on, and what its key allows.

    `key_id` is empty for the administrator, and for everybody where no keys are needed.
    """

    account: int
    shard: int
    permissions: frozenset[str]
    key_id: str = ""

    @property
    def is_admin(self) -> bool:
        """Whether the caller may administer the exchange."""
        return Permission.ADMIN.value in self.permissions

    def require(self, permission: Permission) -> None:
        """Raise NotPermitted unless the key allows this."""
        if permission.value not in self.permissions:
            raise NotPermitted(f"this key has no permission to {_VERBS[permission]}")


_VERBS: Final = {Permission.READ: "read", Permission.TRADE: "trade", Permission.ADMIN: "administer"}
_ALL: Final = frozenset(permission.value for permission in Permission)


class Authenticator:
    """Turns a key into a caller. The administrator acts for the demo account unless told otherwise."""

    def __init__(self, follower: RegistryFollower, admin_key: str, *, is_on: bool, demo_name: str = DEMO_NAME) -> None:
        self._follower = follower
        self._admin_key = admin_key.encode()
        self._is_on = is_on
        self._demo_name = demo_name
        self._callers: dict[str, Caller] = {}
        self._callers_of = -1

    async def authenticate(self, api_key: str | None) -> Caller:
        """Return whom a key belongs to. Raises NotAuthenticated, or NotAvailable while that cannot be known."""
        if not self._is_on:
            return self._administrator()
        if not api_key:
            raise NotAuthenticated("the header x-api-key is missing")
        if len(api_key) > MAX_KEY_LENGTH:
            raise NotAuthenticated("the key is not valid")
        caller = self._known(api_key)
        if caller is not None:
            return caller
        if self._admin_key and hmac.compare_digest(api_key.encode(), self._admin_key):
            return self._administrator()
        await self._follower.catch_up()
        caller = self._known(api_key)
        if caller is None:
            raise NotAuthenticated("the key is not valid")
        return caller

    def account(self, account: int) -> AccountCreated:
        """Return an account. Raises NotFound."""
        created = self._registry.accounts.get(account)
        if created is None:
            raise NotFound("account", "the account does not exist")
        return created

    def acting_for(self, caller: Caller, account: int | None) -> Caller:
        """Return the caller as acting for an account, which only an administrator may choose."""
        if account is None or account == caller.account:
            return caller
        caller.require(Permission.ADMIN)
        return caller._replace(account=account, shard=self.account(account).shard)

    @property
    def _registry(self) -> Registry:
        return self._follower.registry

    def _known(self, api_key: str) -> Caller | None:
        key = self._registry.key(api_key)
        if key is None:
            return None
        if self._callers_of != self._registry.sequence:
            self._callers.clear()
            self._callers_of = self._registry.sequence
        caller = self._callers.get(key.key_id)
        if caller is None:
            shard = self._registry.accounts[key.account].shard
            # A key never administers, whatever its record says: only the administrator's own does.
            permissions = frozenset(key.permissions) - {Permission.ADMIN.value}
            caller = self._callers[key.key_id] = Caller(key.account, shard, permissions, key.key_id)
        return caller

    def _administrator(self) -> Caller:
        demo = self._registry.account_named(self._demo_name)
        if demo is None:
            raise NotAvailable("the exchange is starting: there are no accounts yet")
        return Caller(demo.account, demo.shard, _ALL)
