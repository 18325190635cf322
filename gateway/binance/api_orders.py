"""Orders of the WebSocket API: what has come is placed as one batch, and told when its outcome is known."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from gateway.auth import Caller
from gateway.binance.api_answers import BROKEN, ApiAnswers, Asking
from gateway.binance.errors import BinanceError
from gateway.binance.operation import Inquiry
from gateway.binance.order_requests import Asked, read_order
from gateway.binance.orders import show_placed
from gateway.failures import Failure
from gateway.gateway import Gateway
from gateway.order_desk import Placed, Sent
from gateway.rate_limits import Used

logger = logging.getLogger(__name__)

Authorize = Callable[[Asking, list[Used]], Awaitable[Inquiry]]


class Ready(NamedTuple):
    """An order that was read: who places it, and what was counted for it."""

    asking: Asking
    used: list[Used]
    caller: Caller
    asked: Asked


class OrderBatches:
    """Places the orders of one connection; `authorize` counts a request, finds out who asks, and may raise Failure."""

    def __init__(self, gateway: Gateway, authorize: Authorize, answers: ApiAnswers) -> None:
        self._gateway = gateway
        self._authorize = authorize
        self._answers = answers

    async def send(self, run: Sequence[Asking]) -> Awaitable[None]:
        """Send the orders of a run on their way, in one call for each account; the result tells their outcomes."""
        readings = [self._read_order(asking) for asking in run]
        # Counting asks a store, which is then asked for all at once.
        is_counted = self._gateway.limiter.has_limits and len(run) > 1
        read = await asyncio.gather(*readings) if is_counted else [await reading for reading in readings]
        by_caller: dict[Caller, list[Ready]] = {}
        for ready in read:
            if ready is not None:
                by_caller.setdefault(ready.caller, []).append(ready)
        return self._tell_orders([(orders, await self._send(caller, orders)) for caller, orders in by_caller.items()])

    async def _read_order(self, asking: Asking) -> Ready | None:
        """Read an order, or tell why it cannot be."""
        used: list[Used] = []
        try:
            inquiry = await self._authorize(asking, used)
            return Ready(asking, used, inquiry.account, await read_order(inquiry))
        except Failure as failure:
            self._answers.refuse(asking.number, failure, used, asking.parameters)
        except Exception:
            self._answers.break_off(asking)
        return None

    async def _send(self, caller: Caller, orders: Sequence[Ready]) -> Sent | Failure:
        try:
            return await self._gateway.orders.send_many(caller, [ready.asked.new for ready in orders])
        except Failure as failure:
            return failure
        except Exception:
            logger.exception("orders broke")
            return BinanceError(*BROKEN)

    async def _tell_orders(self, sent: Sequence[tuple[Sequence[Ready], Sent | Failure]]) -> None:
        """Tell what became of orders, those of one call once all of it is known."""
        for orders, way in sent:
            outcomes = [way] * len(orders) if isinstance(way, Failure) else await self._gateway.orders.outcomes(way)
            for ready, outcome in zip(orders, outcomes, strict=True):
                self._tell_order(ready, outcome)

    def _tell_order(self, ready: Ready, outcome: Placed | Failure) -> None:
        try:
            if isinstance(outcome, Failure):
                raise outcome
            result = show_placed(outcome, ready.asked.response)
        except Failure as failure:
            self._answers.refuse(ready.asking.number, failure, ready.used, ready.asking.parameters)
        except Exception:
            self._answers.break_off(ready.asking)
        else:
            self._answers.tell(ready.asking.number, result, ready.used, ready.asking.parameters)
