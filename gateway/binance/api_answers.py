"""Answers of the WebSocket API: to whom, with which status, and with the limits as they are used up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from gateway.binance.errors import BinanceError, describe
from gateway.binance.limits import rate_limits
from gateway.binance.operation import Operation
from gateway.binance.parameters import Parameters
from gateway.failures import Failure
from gateway.rate_limits import Used

logger = logging.getLogger(__name__)

RequestId = int | str | None

BROKEN: Final = (-1000, "An unknown error occurred while processing the request.", 500)

_encode: Final = msgspec.json.Encoder().encode


class Asking(NamedTuple):
    """A request on its way."""

    number: RequestId
    operation: Operation
    parameters: Parameters


class ApiAnswers:
    """Sends the answers of one connection."""

    def __init__(self, send_text: Callable[[str], None], *, returns_limits: bool) -> None:
        self._send_text = send_text
        self.returns_limits = returns_limits

    def send(self, message: Any) -> None:
        """Send a message as JSON."""
        self._send_text(_encode(message).decode())

    def tell(self, number: RequestId, result: Any, used: Sequence[Used], parameters: Parameters) -> None:
        """Answer a request with its result."""
        answer = {"id": number, "status": 200, "result": result}
        self.send(answer | self._limits(used, parameters))

    def refuse(
        self, number: RequestId, failure: Failure, used: Sequence[Used] = (), parameters: Parameters | None = None
    ) -> None:
        """Answer a request with the error that a failure is."""
        told = describe(failure)
        error: dict[str, Any] = {"code": told.code, "msg": told.text}
        if told.data is not None:
            error["data"] = told.data
        answer = {"id": number, "status": told.status, "error": error}
        self.send(answer | self._limits(used, parameters))

    def break_off(self, asking: Asking) -> None:
        """Answer a request that an exception has ended, and log that."""
        logger.exception("%s broke", asking.operation.name)
        self.refuse(asking.number, BinanceError(*BROKEN))

    def _limits(self, used: Sequence[Used], parameters: Parameters | None) -> dict[str, Any]:
        wanted = None if parameters is None else parameters.raw("returnRateLimits")
        is_wanted = self.returns_limits if not wanted else wanted != "false"
        return {"rateLimits": rate_limits(used)} if is_wanted else {}
