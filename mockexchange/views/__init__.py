"""What people see: orders, fills, trades, balances and tickers as plain objects of decimal strings.

The gateway answers with them and the shards and books publish them, so that REST and the streams say the same.
Amounts are strings in the instrument's or asset's precision, times are milliseconds since the epoch, ids of orders
are strings. `docs/protocol.md` shows the payloads.
"""

from mockexchange.views.account import (
    AccountBalance,
    AccountFill,
    AccountOrder,
    BalanceView,
    FillView,
    balance_view,
    encode_account_balance,
    encode_account_fill,
    encode_account_order,
    fill_view,
)
from mockexchange.views.market import (
    DepthView,
    TickerView,
    TradeView,
    encode_depth,
    encode_ticker,
    encode_trade,
    levels_view,
    ticker_view,
    trade_view,
)
from mockexchange.views.names import NS_PER_MS
from mockexchange.views.orders import (
    OrderView,
    average_price,
    history_view,
    order_view,
    reserved_after_us,
)

__all__ = [
    "NS_PER_MS",
    "AccountBalance",
    "AccountFill",
    "AccountOrder",
    "BalanceView",
    "DepthView",
    "FillView",
    "OrderView",
    "TickerView",
    "TradeView",
    "average_price",
    "balance_view",
    "encode_account_balance",
    "encode_account_fill",
    "encode_account_order",
    "encode_depth",
    "encode_ticker",
    "encode_trade",
    "fill_view",
    "history_view",
    "levels_view",
    "order_view",
    "reserved_after_us",
    "ticker_view",
    "trade_view",
]
