"""The WebSocket API: all that REST has, sessions, and user data streams on the same connection.

Order entry is the fast lane: `order.place` requests that have come while others were under way go on as one batch.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Final

import msgspec
from litestar import websocket

from gateway.auth import Caller
from gateway.binance.api_answers import ApiAnswers, Asking
from gateway.binance.api_lanes import Lanes
from gateway.binance.api_orders import OrderBatches
from gateway.binance.catalogue import BY_NAME
from gateway.binance.errors import BAD_KEY, BinanceError
from gateway.binance.limits import count_orders, count_request
from gateway.binance.listen_keys import is_valid
from gateway.binance.operation import Inquiry, Operation, Security
from gateway.binance.parameters import Parameters
from gateway.binance.signature import (
    authorize,
    check_signature,
    check_window,
    identify,
    require,
    signed_parameters,
)
from gateway.binance.user_streams import UserStream
from gateway.failures import Failure
from gateway.rate_limits import Used
from gateway.streams.connection import ConnectionLimits
from gateway.streams.visit import AnySocket, Visit, receive_visit
from mockexchange.candles import NS_PER_MS

logger = logging.getLogger(__name__)

PLACE: Final = "order.place"
MAX_ID_LENGTH: Final = 36
MAX_SUBSCRIPTIONS: Final = 100
LIMITS: Final = ConnectionLimits(burst=100_000, pace=100_000.0)
"""Requests are bounded by how many wait for an answer and by the rate limits, not by their pace."""

_ALREADY: Final = "User Data Stream subscription already active."
_NOT_SUBSCRIBED: Final = "User Data Stream subscription not active."

Json = dict[str, Any]


class Request(msgspec.Struct):
    """A request as it came."""

    method: str
    id: int | str | None = None
    params: dict[str, Any] | None = None


_decode: Final = msgspec.json.Decoder(Request, float_hook=Decimal).decode


class Subscription:
    """A user data stream on this connection; what happens before its id was told waits for that."""

    def __init__(self, session: ApiSession, number: int, caller: Caller) -> None:
        self.number = number
        self.caller = caller
        self._session = session
        self._held: list[Json] | None = []
        self.stream = UserStream(session.gateway, caller, self._send, self._end)

    def go_live(self) -> None:
        """Tell what was held back, and from now on everything at once."""
        held, self._held = self._held or [], None
        for event in held:
            self._send(event)

    def _send(self, event: Json) -> None:
        if self._held is not None:
            self._held.append(event)
        else:
            self._session.answers.send({"subscriptionId": self.number, "event": event})

    def _end(self, code: int, reason: str) -> None:
        self._session.lose(self, code, reason)


class ApiSession:
    """One connection: who has logged on, what it has subscribed to, and its requests under way."""

    def __init__(self, visit: Visit) -> None:
        self.gateway = visit.gateway
        self._visit = visit
        self._connection = visit.connection
        returns_limits = visit.query.get("returnRateLimits", "true") != "false"
        self.answers = ApiAnswers(visit.connection.send, returns_limits=returns_limits)
        orders = OrderBatches(self.gateway, self._authorized, self.answers)
        self._lanes = Lanes(self._answer, orders.send, _is_order, self.gateway.streams.limits.max_pending)
        self._caller: Caller | None = None
        self._api_key: str | None = None
        self._since_ms = 0
        self._connected_ms = self._now_ms()
        self._subscriptions: dict[int, Subscription] = {}
        self._next_subscription = 0
        self._own: dict[str, Callable[[Parameters], Awaitable[Any]]] = {
            "session.logon": self._log_on,
            "session.status": self._status,
            "session.logout": self._log_out,
            "session.subscriptions": self._list_subscriptions,
            "userDataStream.subscribe": self._subscribe,
            "userDataStream.subscribe.signature": self._subscribe_signed,
            "userDataStream.unsubscribe": self._unsubscribe,
        }
        self._connection.on_close(self._end)

    async def converse(self) -> None:
        """Answer requests until the client goes."""
        while (text := await self._connection.receive()) is not None:
            await self._take(text)

    def lose(self, subscription: Subscription, code: int, reason: str) -> None:
        """Close, since a subscription has ended by itself."""
        self._drop(subscription)
        self._connection.close(code, reason)

    # --- requests ---

    async def _take(self, text: str) -> None:
        """Read a request and send it on its way; what concerns the session is done at once."""
        try:
            request = _decode(text)
            number = _checked_id(request.id)
            parameters = Parameters.of_json(request.params or {})
        except msgspec.DecodeError:
            self.answers.refuse(None, BinanceError(-1135, "Invalid JSON Request"))
            return
        except Failure as failure:
            self.answers.refuse(None, failure)
            return
        own = self._own.get(request.method)
        if own is not None:
            await self._do_own(number, own, parameters)
            return
        operation = BY_NAME.get(request.method)
        if operation is None:
            self.answers.refuse(number, BinanceError(-1020, "This operation is not supported."))
            return
        lane = parameters.raw("symbol") if operation.security is Security.TRADE else None
        await self._lanes.put(Asking(number, operation, parameters), lane)

    async def _do_own(
        self, number: int | str | None, handle: Callable[[Parameters], Awaitable[Any]], parameters: Parameters
    ) -> None:
        used: list[Used] = []
        try:
            used = await count_request(self.gateway, self._visit.address, SESSION, parameters)
            result = await handle(parameters)
        except Failure as failure:
            self.answers.refuse(number, failure, used, parameters)
            return
        self.answers.tell(number, result, used, parameters)
        for subscription in tuple(self._subscriptions.values()):
            subscription.go_live()

    async def _answer(self, asking: Asking) -> None:
        used: list[Used] = []
        try:
            result = await asking.operation.handle(await self._authorized(asking, used))
        except Failure as failure:
            self.answers.refuse(asking.number, failure, used, asking.parameters)
        except Exception:
            self.answers.break_off(asking)
        else:
            self.answers.tell(asking.number, result, used, asking.parameters)

    async def _authorized(self, asking: Asking, used: list[Used]) -> Inquiry:
        """Count a request and find out who asks; `used` is filled with what is used up. Raises Failure."""
        operation, parameters = asking.operation, asking.parameters
        used += await count_request(self.gateway, self._visit.address, operation, parameters)
        caller = await self._caller_of(operation, parameters)
        if operation.orders and caller is not None:
            used += await count_orders(self.gateway, caller.account, operation.orders)
        return Inquiry(self.gateway, parameters, caller)

    async def _caller_of(self, operation: Operation, parameters: Parameters) -> Caller | None:
        if operation.security is Security.NONE:
            return None
        if self._caller is not None and "apiKey" not in parameters:
            caller = self._logged_on()
            if "timestamp" in parameters:
                check_window(parameters, self.gateway.parts.clock.now_ns())
            require(caller, operation.security)
            return caller
        api_key = parameters.optional_text("apiKey")
        return await authorize(
            self.gateway, operation.security, api_key, parameters, lambda: signed_parameters(parameters)
        )

    # --- the session ---

    async def _log_on(self, parameters: Parameters) -> Json:
        self._caller = await self._prove(parameters)
        self._api_key = parameters.text("apiKey", "")
        self._since_ms = self._now_ms()
        return await self._status(parameters)

    async def _status(self, _: Parameters) -> Json:
        return {
            "apiKey": self._api_key,
            "authorizedSince": self._since_ms or None,
            "connectedSince": self._connected_ms,
            "returnRateLimits": self.answers.returns_limits,
            "serverTime": self._now_ms(),
            "userDataStream": bool(self._subscriptions),
        }

    async def _log_out(self, parameters: Parameters) -> Json:
        if self._caller is not None:
            for subscription in list(self._subscriptions.values()):
                if subscription.caller.account == self._caller.account:
                    self._terminate(subscription)
        self._caller, self._api_key, self._since_ms = None, None, 0
        return await self._status(parameters)

    async def _prove(self, parameters: Parameters) -> Caller:
        """Return who signed a request. Raises Failure."""
        api_key = parameters.optional_text("apiKey")
        caller = await identify(self.gateway, api_key)
        if self.gateway.parts.is_auth_on:
            check_window(parameters, self.gateway.parts.clock.now_ns())
            check_signature(self.gateway, api_key or "", signed_parameters(parameters), parameters)
        return caller

    def _logged_on(self) -> Caller:
        if self._caller is None or not is_valid(self.gateway, self._caller.key_id):
            raise BinanceError(-2015, BAD_KEY, 401)
        return self._caller

    # --- user data ---

    async def _subscribe(self, _: Parameters) -> Json:
        return await self._open(self._logged_on())

    async def _subscribe_signed(self, parameters: Parameters) -> Json:
        return await self._open(await self._prove(parameters))

    async def _open(self, caller: Caller) -> Json:
        require(caller, Security.READ)
        if any(known.caller.account == caller.account for known in self._subscriptions.values()):
            raise BinanceError(-2035, _ALREADY)
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            raise BinanceError(-1003, "Too many subscriptions.", 429)
        subscription = Subscription(self, self._next_subscription, caller)
        self._next_subscription += 1
        self._subscriptions[subscription.number] = subscription
        try:
            await subscription.stream.open()
        except Failure:
            self._drop(subscription)
            raise
        return {"subscriptionId": subscription.number}

    async def _unsubscribe(self, parameters: Parameters) -> Json:
        number = parameters.optional_integer("subscriptionId")
        chosen = [each for each in self._subscriptions.values() if number in (None, each.number)]
        if not chosen:
            raise BinanceError(-2036, _NOT_SUBSCRIBED)
        for subscription in chosen:
            self._terminate(subscription)
        return {}

    async def _list_subscriptions(self, _: Parameters) -> list[Json]:
        return [{"subscriptionId": number} for number in self._subscriptions]

    def _terminate(self, subscription: Subscription) -> None:
        """End a subscription, and say so where it was heard."""
        self._drop(subscription)
        event = {"e": "eventStreamTerminated", "E": self._now_ms()}
        self.answers.send({"subscriptionId": subscription.number, "event": event})

    def _drop(self, subscription: Subscription) -> None:
        self._subscriptions.pop(subscription.number, None)
        subscription.stream.close()

    def _end(self) -> None:
        self._lanes.stop()
        for subscription in list(self._subscriptions.values()):
            self._drop(subscription)

    def _now_ms(self) -> int:
        return self.gateway.parts.clock.now_ns() // NS_PER_MS


async def _nothing(_: Inquiry) -> None:
    return None


SESSION: Final = Operation("", "", "", Security.NONE, 2, _nothing)
"""What requests of the session count as."""


def _is_order(asking: Asking) -> bool:
    return asking.operation.name == PLACE


def _checked_id(number: int | str | None) -> int | str | None:
    if isinstance(number, str) and len(number) > MAX_ID_LENGTH:
        raise BinanceError(-1135, "Invalid JSON Request")
    return number


@websocket("/ws-api/v3")
async def websocket_api(socket: AnySocket) -> None:
    """Serve the WebSocket API."""
    await receive_visit(socket, _host, LIMITS)


async def _host(visit: Visit) -> None:
    await ApiSession(visit).converse()


HANDLERS: Final = [websocket_api]
