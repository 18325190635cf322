"""The exchange's own dialect: plain REST with decimal strings."""

from __future__ import annotations

from gateway.dialect import Dialect
from gateway.native import admin, balance, market, orders, overview, system
from gateway.native.errors import write_failure

DIALECT = Dialect(
    name="native",
    handlers=[
        *system.HANDLERS,
        *market.HANDLERS,
        *balance.HANDLERS,
        *orders.HANDLERS,
        *overview.HANDLERS,
        *admin.HANDLERS,
    ],
    write_failure=write_failure,
)
