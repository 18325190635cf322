"""What an administrator's client can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockexchange.client.core import ExchangeCore
from mockexchange.client.requests import Amount, Request, amount_text, body_of, path_of


class AdministratorMethods(ExchangeCore):
    """Prices, balances, accounts, keys and instruments, by the administrator's key."""

    def set_balance(self, asset: str, free: Amount, used: Amount | None = None, account: int | None = None) -> Any:
        """Set a free balance, of the demo account unless another is named."""
        body = body_of(free=amount_text(free), used=None if used is None else amount_text(used))
        return self._administer("PATCH", path_of("admin", "balance", asset, account=account), body)

    def set_ticker(
        self, symbol: str, price: Amount, bid_volume: Amount | None = None, ask_volume: Amount | None = None
    ) -> Any:
        """Put a price in place of the outside market; the fills it causes are done when this returns."""
        volumes = {"bid_volume": bid_volume, "ask_volume": ask_volume}
        exact = {name: amount_text(volume) for name, volume in volumes.items() if volume is not None}
        return self._administer("PATCH", _price_path(symbol), body_of(price=amount_text(price), **exact))

    def release_ticker(self, symbol: str) -> Any:
        """Let the outside market count again."""
        return self._administer("DELETE", _price_path(symbol))

    def reset_data(self) -> Any:
        """Cancel all orders, bring all balances back to their starting funds, start history anew; keys stay."""
        return self._administer("DELETE", "/admin/data")

    def create_account(self, name: str, funds: Mapping[str, Amount] | None = None) -> Any:
        """Create an account; the answer holds its first key and secret, which are never shown again."""
        amounts = None if funds is None else {asset: amount_text(amount) for asset, amount in funds.items()}
        return self._administer("POST", "/accounts", body_of(name=name, funds=amounts))

    def list_accounts(self) -> Any:
        """List all accounts."""
        return self._administer("GET", "/accounts")

    def create_key(self, account: int, *, read_only: bool = False, public_key: str | None = None) -> Any:
        """Make another key for an account; its secret is never shown again.

        With a public key (PEM, RSA or Ed25519) requests are signed by its other half, the secret of a client.
        """
        permissions = ["read"] if read_only else ["read", "trade"]
        body = body_of(permissions=permissions, public_key=public_key)
        return self._administer("POST", path_of("accounts", account, "keys"), body)

    def list_keys(self, account: int) -> Any:
        """List the keys of an account, without secrets."""
        return self._administer("GET", path_of("accounts", account, "keys"))

    def revoke_key(self, key_id: str) -> Any:
        """Make a key invalid for ever."""
        return self._administer("DELETE", path_of("keys", key_id))

    def set_maintenance(self, on: bool) -> Any:
        """Refuse new orders, or take them again; cancels and reads go on."""
        return self._administer("POST", "/admin/maintenance", body_of(on=on))

    def list_instrument(self, symbol: str, **filters: Any) -> Any:
        """List a symbol as a plain book between accounts, or change the filters of a listed one."""
        return self._administer("POST", "/instruments", body_of(symbol=symbol, **filters))

    def _administer(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._ask(Request(method, path, body, is_admin=True))


def _price_path(symbol: str) -> str:
    return path_of("admin", "tickers", *symbol.split("/"), "price")
