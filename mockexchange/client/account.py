"""What an account can do beside ccxt's methods, and ccxt's methods where they demand more than this exchange needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockexchange.client.core import ExchangeCore
from mockexchange.client.refusals import raise_rejection
from mockexchange.client.requests import MAX_ROWS, Amount, Request, amount_text, body_of, order_body, path_of
from mockexchange.client.views import read_balances, read_fills, read_order, read_orders


class AccountMethods(ExchangeCore):
    """Money, orders and what the account is worth.

    With an API key and no secret, what needs a signature at Binance goes to the exchange's own API instead.
    """

    def deposit(self, asset: str, amount: Amount) -> Any:
        """Bring money in from the outside world; return the asset's balance."""
        return self._ask(Request("POST", path_of("balance", asset, "deposit"), body_of(amount=amount_text(amount))))

    def withdraw(
        self,
        code: str,
        amount: Amount,
        address: str | None = None,  # noqa: ARG002
        tag: str | None = None,  # noqa: ARG002
        params: Mapping[str, Any] = {},  # noqa: ARG002
    ) -> Any:
        """Take money out; return the asset's balance. There is nowhere to send it, so an address means nothing."""
        return self._ask(Request("POST", path_of("balance", code, "withdrawal"), body_of(amount=amount_text(amount))))

    def fetch_balance(self, params: Mapping[str, Any] = {}) -> Any:
        """Fetch all balances."""
        if not self._is_unsigned:
            return super().fetch_balance(params)
        return self._ask(Request("GET", "/balance", read=lambda answer: read_balances(self, answer)))

    def fetch_balance_list(self) -> Any:
        """Fetch the codes of the assets that the account has."""
        return self._ask(Request("GET", "/balance/list", read=lambda answer: answer["assets"]))

    def create_order(  # noqa: PLR0917, as ccxt has it
        self,
        symbol: str,
        type: str,
        side: str,
        amount: Amount | None,
        price: Amount | None = None,
        params: Mapping[str, Any] = {},
    ) -> Any:
        """Place an order. Decimals and strings keep all their digits on the way."""
        if self._is_unsigned:
            body = order_body(symbol, type, side, amount=amount, price=price, params=params)
            return self._ask(Request("POST", "/orders", body, read=self._read_placed))
        exact_amount = None if amount is None else amount_text(amount)
        return super().create_order(
            symbol, type, side, exact_amount, None if price is None else amount_text(price), params
        )

    def can_execute_order(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: Amount,
        price: Amount | None = None,
    ) -> Any:
        """Ask whether the free balance would pay for an order now: `{"ok", "reason"}`. Nothing is placed."""
        return self._ask(
            Request("POST", "/orders/can_execute", order_body(symbol, type, side, amount=amount, price=price))
        )

    def fetch_order(self, id: str, symbol: str | None = None, params: Mapping[str, Any] = {}) -> Any:
        """Fetch an order; the symbol may be left out."""
        if self._can_sign_for(symbol):
            return super().fetch_order(id, symbol, params)
        return self._ask(Request("GET", path_of("orders", id), read=lambda answer: read_order(self, answer)))

    def fetch_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Mapping[str, Any] = {},
        *,
        status: str | None = None,
        side: str | None = None,
        tail: int | None = None,
    ) -> Any:
        """Fetch orders, of one symbol or of all; `tail` is another name of `limit`.

        With a status or a side, or without a symbol, the newest 500 at most.
        """
        rows = limit if tail is None else tail
        if status is None and side is None and self._can_sign_for(symbol):
            return super().fetch_orders(symbol, since, rows, params)
        return self._list_orders(symbol, since, rows, status=status, side=side)

    def fetch_open_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Mapping[str, Any] = {},
    ) -> Any:
        """Fetch open orders, of one symbol or of all."""
        if not self._is_unsigned:
            return super().fetch_open_orders(symbol, since, limit, params)
        return self._list_orders(symbol, since, limit, status="open")

    def fetch_closed_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Mapping[str, Any] = {},
    ) -> Any:
        """Fetch filled orders; without a symbol the newest 500 at most."""
        if self._can_sign_for(symbol):
            return super().fetch_closed_orders(symbol, since, limit, params)
        return self._list_orders(symbol, since, limit, status="filled")

    def cancel_order(self, id: str, symbol: str | None = None, params: Mapping[str, Any] = {}) -> Any:
        """Cancel an open order; the symbol may be left out."""
        if self._can_sign_for(symbol):
            return super().cancel_order(id, symbol, params)
        return self._ask(Request("DELETE", path_of("orders", id), read=lambda answer: read_order(self, answer)))

    def cancel_all_orders(self, symbol: str | None = None, params: Mapping[str, Any] = {}) -> Any:
        """Cancel all open orders, of one symbol or of all; return those that were canceled."""
        if self._can_sign_for(symbol):
            return super().cancel_all_orders(symbol, params)
        return self._ask(
            Request(
                "DELETE",
                path_of("orders", symbol=symbol),
                read=lambda answer: [read_order(self, order) for order in answer],
            )
        )

    def fetch_my_trades(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Mapping[str, Any] = {},
    ) -> Any:
        """Fetch the account's trades; without a symbol the newest 500 at most."""
        if self._can_sign_for(symbol):
            return super().fetch_my_trades(symbol, since, limit, params)
        path = path_of("trades", symbol=symbol, limit=_rows(since, limit))
        return self._ask(Request("GET", path, read=lambda answer: read_fills(self, answer, since, limit)))

    def fetch_capital(self, *, aggregation: bool = True) -> Any:
        """Fetch equity, deposits, withdrawals and profit; or all of it asset by asset."""
        return self._ask(Request("GET", path_of("overview", "capital", aggregation=aggregation)))

    def fetch_assets_overview(self) -> Any:
        """Fetch free and held values, by what balances and by what open orders say."""
        return self._ask(Request("GET", "/overview/assets"))

    def fetch_trades_overview(self, side: str | None = None, assets: list[str] | None = None) -> Any:
        """Fetch totals of trades by side and symbol."""
        names = ",".join(assets) if assets else None
        return self._ask(Request("GET", path_of("overview", "trades", side=side, assets=names)))

    def fetch_health(self) -> Any:
        """Fetch how the parts of the exchange are."""
        return self._ask(Request("GET", "/health"))

    def _can_sign_for(self, symbol: str | None) -> bool:
        """Whether ccxt's own method can ask: with a secret to sign with, and a symbol, which Binance demands."""
        return symbol is not None and not self._is_unsigned

    def _read_placed(self, order: Mapping[str, Any]) -> Any:
        raise_rejection(self.id, order)
        return read_order(self, order)

    def _list_orders(
        self, symbol: str | None, since: int | None, limit: int | None, *, status: str | None, side: str | None = None
    ) -> Any:
        path = path_of("orders", symbol=symbol, status=status, side=side, limit=_rows(since, limit))
        return self._ask(Request("GET", path, read=lambda answer: read_orders(self, answer, since, limit)))


def _rows(since: int | None, limit: int | None) -> int:
    """Return how many of the newest rows hold those that are asked for."""
    return MAX_ROWS if since is not None or limit is None else max(1, min(limit, MAX_ROWS))
