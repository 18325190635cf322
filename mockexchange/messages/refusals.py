"""Refusals: values with stable names and texts.

The order of the members is the order of precedence: where several apply, the first is given.
*Denied* is said by the accounts shard before anything is journaled; *rejected* by the book, in the journal.
"""

from __future__ import annotations

from enum import Enum


class RejectReason(Enum):
    """Why a command was refused: the value is its stable code, `text` what people read."""

    text: str

    def __new__(cls, code: str, text: str) -> RejectReason:
        """Make a member whose value is the code alone."""
        member = object.__new__(cls)
        member._value_ = code
        member.text = text
        return member

    # Identity and repetition.
    UNKNOWN_ACCOUNT = "unknown_account", "the account does not exist"
    DUPLICATE_COMMAND = "duplicate_command", "this id was already used with a different body"
    DUPLICATE_CLIENT_ORDER_ID = "duplicate_client_order_id", "an open order already has this client_order_id"
    # The instrument and its filters.
    UNKNOWN_SYMBOL = "unknown_symbol", "the symbol is not listed"
    UNKNOWN_ASSET = "unknown_asset", "the asset is not known"
    INVALID_AMOUNT = "invalid_amount", "the amount must be greater than 0 and within bounds"
    PRICE_OUT_OF_RANGE = "price_out_of_range", "the price must be greater than 0 and within bounds"
    PRICE_OFF_TICK = "price_off_tick", "the price is not a multiple of the tick size"
    QUANTITY_OUT_OF_RANGE = "quantity_out_of_range", "the quantity is outside the instrument's limits"
    QUANTITY_OFF_STEP = "quantity_off_step", "the quantity is not a multiple of the step size"
    NOTIONAL_TOO_SMALL = "notional_too_small", "the order's value is below the minimum notional"
    NOTIONAL_TOO_LARGE = "notional_too_large", "the order's value is out of bounds"
    INVALID_LIST = "invalid_list", "the orders of the list do not go together"
    INVALID_AMENDMENT = "invalid_amendment", "the new quantity must be below the old and above what is filled"
    # Limits and money.
    TOO_MANY_OPEN_ORDERS = "too_many_open_orders", "the account has reached its limit of open orders"
    NO_PRICE = "no_price", "there is no price for a market order"
    INSUFFICIENT_FUNDS = "insufficient_funds", "insufficient funds"
    USED_MISMATCH = "used_mismatch", "used must equal the amount held by open orders"
    # Orders that exist.
    UNKNOWN_ORDER = "unknown_order", "the order does not exist"
    ORDER_NOT_OPEN = "order_not_open", "the order is not open"
    # Said by the book; PRICE_STALE by the shard too, in place of NO_PRICE, where a market is mirrored.
    TOO_LATE = "too_late", "the deadline passed before the order reached the book"
    NOT_REPLACED = "not_replaced", "the order to be replaced was not open"
    PRICE_STALE = "price_stale", "the outside market is silent, its prices are stale"
    WOULD_TAKE = "would_take", "a post-only order would match at once"
    WOULD_TRIGGER = "would_trigger", "the stop price would trigger the order at once"
    PRICE_OUT_OF_BAND = "price_out_of_band", "the price is too far from the last price"
    NOT_FILLABLE = "not_fillable", "a fill-or-kill order cannot be filled in full"
    # Why the rest of an accepted order was canceled.
    NO_LIQUIDITY = "no_liquidity", "nothing is left to match against"
    HOLD_EXHAUSTED = "hold_exhausted", "the held funds are spent"
    FILL_LIMIT = "fill_limit", "the order reached the limit of fills in one step"
    SELF_TRADE = "self_trade", "the order met another of its own account"
    LIST_DONE = "list_done", "the other order of its list traded or was triggered"
    REPLACED = "replaced", "replaced by another order"
    CANCELED_BY_USER = "canceled_by_user", "canceled by the user"
    CANCELED_BY_ADMIN = "canceled_by_admin", "canceled by an administrator"
