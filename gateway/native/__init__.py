"""The exchange's own dialect: plain REST with decimal strings."""

from __future__ import annotations

from gateway.dialect import Dialect
from gateway.native import account, admin, balance, market, order_changes, orders, overview, portfolio, system
from gateway.native.errors import RESPONSES, write_failure
from gateway.native.stream import SPEECH

_HANDLERS = [
    *system.HANDLERS,
    *market.HANDLERS,
    *account.HANDLERS,
    *balance.HANDLERS,
    *orders.HANDLERS,
    *order_changes.HANDLERS,
    *overview.HANDLERS,
    *portfolio.HANDLERS,
    *admin.HANDLERS,
]
for _handler in _HANDLERS:
    _handler.responses = {**RESPONSES, **(_handler.responses or {})}

DIALECT = Dialect(name="native", handlers=_HANDLERS, write_failure=write_failure, speech=SPEECH)
