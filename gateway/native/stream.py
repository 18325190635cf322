"""The native stream on `/ws`: a snapshot first, then updates that are numbered without gaps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal

import msgspec

from gateway.auth import Caller, Permission
from gateway.dispatch import READS
from gateway.failures import Failure, InvalidInput, NotAvailable
from gateway.gateway import Gateway
from gateway.native.errors import tell
from gateway.native.requests import parse_symbol
from gateway.native.stream_channels import open_book, open_bus, recent_candles, recent_trades
from gateway.streams.account_feed import AccountEvent, OrderEvent
from gateway.streams.channels import Message, Opener
from gateway.streams.connection import POLICY, RESTART
from gateway.streams.pace import every
from gateway.streams.visit import Speech, Visit
from mockexchange.candles import Interval
from mockexchange.instruments import Instrument
from mockexchange.messages.commands import AccountAnswer, ReadAccount
from mockexchange.views import balance_view, order_view

MAX_DEPTH: Final = 1_000
DEFAULT_DEPTH: Final = 100
MAX_HELD: Final = 10_000
CHECK_S: Final = 2.0

Channel = Literal["orderbook", "trades", "ticker", "candles", "orders", "balance"]
_PRIVATE: Final = frozenset({"orders", "balance"})
_INTERVALS: Final = {interval.value: interval for interval in Interval}


class Request(msgspec.Struct, omit_defaults=True):
    """What a client says."""

    type: Literal["subscribe", "unsubscribe", "auth", "ping"]
    channel: Channel | None = None
    symbol: str | None = None
    depth: int = DEFAULT_DEPTH
    interval: str = "1m"
    api_key: str | None = None


class Topic(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a subscription is of; every message of it begins with these."""

    channel: str
    symbol: str = ""
    depth: int = 0
    interval: str = ""


_decode: Final = msgspec.json.Decoder(Request).decode
_encode: Final = msgspec.json.Encoder().encode


class Subscription:
    """One subscription: it holds back what comes before its snapshot, and numbers what follows it."""

    def __init__(self, topic: Topic, send: Callable[[str], None], lose: Callable[[str], None]) -> None:
        self.topic = topic
        self.leave: Callable[[], None] = lambda: None
        self._head = _encode(topic).decode()[1:-1]
        self._send = send
        self._lose = lose
        self._number = 0
        self._held: list[tuple[int, str]] | None = []

    def go_live(self, snapshot: str, *, until: int = 0) -> None:
        """Tell the snapshot, and then what was held back and is above it."""
        self._send(f'{{"type":"snapshot",{self._head},"number":0,"data":{snapshot}}}')
        held, self._held = self._held or [], None
        for position, data in held:
            if position > until:
                self._update(data)

    def forget_held(self) -> None:
        """Forget what was held back: the snapshot has it."""
        self._held = []

    # --- what readers of channels and accounts do ---

    def hear(self, message: Message) -> None:
        """Tell a message of a public channel."""
        self._take(1, f'"data":{message.text}')

    def take(self, event: AccountEvent) -> None:
        """Tell an event of the account, if this subscription is of its kind."""
        is_order = isinstance(event, OrderEvent)
        if is_order is not (self.topic.channel == "orders"):
            return
        if isinstance(event, OrderEvent) and self.topic.symbol not in {"", event.told.order.symbol}:
            return
        parts = [payload.decode() for payload in event.payloads]
        text = f'"data":{parts[0]}' + (f',"fill":{parts[1]}' if len(parts) > 1 else "")
        self._take(event.sequence, text)

    def lose(self, _name: str, reason: str) -> None:
        """Learn that messages are missing."""
        self._lose(reason)

    def _take(self, position: int, text: str) -> None:
        if self._held is None:
            self._update(text)
        elif len(self._held) < MAX_HELD:
            self._held.append((position, text))
        else:
            self._lose("too much happened before the snapshot: connect again")

    def _update(self, text: str) -> None:
        self._number += 1
        self._send(f'{{"type":"update",{self._head},"number":{self._number},{text}}}')


class NativeSession:
    """One connection's subscriptions."""

    def __init__(self, visit: Visit) -> None:
        self._gateway = visit.gateway
        self._connection = visit.connection
        self._api_key = visit.headers.get("x-api-key")
        self._subscriptions: dict[Topic, Subscription] = {}
        self._key_ids: set[str] = set()
        self._stop_checking: Callable[[], None] | None = None
        self._connection.on_close(self._end)

    async def converse(self, first: str) -> None:
        """Answer requests until the client goes."""
        text: str | None = first
        while text is not None:
            try:
                await self._answer(_read(text))
            except Failure as failure:
                error = tell(failure).error
                self._send(_encode({"type": "error"} | msgspec.to_builtins(error)).decode())
            text = await self._connection.receive()

    async def _answer(self, request: Request) -> None:
        match request.type:
            case "ping":
                self._send('{"type":"pong"}')
            case "auth":
                await self._authenticate(request)
            case "subscribe":
                await self._subscribe(await self._topic(request))
            case "unsubscribe":
                self._unsubscribe(await self._topic(request))

    async def _authenticate(self, request: Request) -> None:
        if not request.api_key:
            raise InvalidInput("api_key", "is required")
        caller = await self._gateway.auth.authenticate(request.api_key)
        self._api_key = request.api_key
        self._send(_encode({"type": "authenticated", "account": caller.account}).decode())

    async def _topic(self, request: Request) -> Topic:
        """Return what a request is about, checked. Raises Failure."""
        channel = request.channel
        if channel is None:
            raise InvalidInput("channel", "is required")
        if request.symbol is None and channel not in _PRIVATE:
            raise InvalidInput("symbol", "is required")
        symbol = "" if request.symbol is None else (await self._instrument(request.symbol)).symbol
        match channel:
            case "orderbook":
                if not 1 <= request.depth <= MAX_DEPTH:
                    raise InvalidInput("depth", f"must be 1 to {MAX_DEPTH}")
                return Topic(channel, symbol, depth=request.depth)
            case "candles":
                if request.interval not in _INTERVALS:
                    raise InvalidInput("interval", f"must be one of {', '.join(_INTERVALS)}")
                return Topic(channel, symbol, interval=request.interval)
            case "balance":
                return Topic(channel)
        return Topic(channel, symbol)

    async def _instrument(self, symbol: str) -> Instrument:
        return await self._gateway.floor.instrument(parse_symbol(symbol))

    async def _subscribe(self, topic: Topic) -> None:
        if topic in self._subscriptions:
            raise InvalidInput("channel", "is already subscribed to")
        most = self._gateway.streams.limits.max_subscriptions
        if len(self._subscriptions) >= most:
            raise InvalidInput("channel", f"must be at most {most} subscriptions")
        subscription = self._subscriptions[topic] = Subscription(topic, self._send, self._lose)
        try:
            if topic.channel in _PRIVATE:
                await self._open_private(subscription)
            else:
                await self._open_public(subscription)
        except Failure:
            self._drop(subscription)
            raise

    def _unsubscribe(self, topic: Topic) -> None:
        subscription = self._subscriptions.get(topic)
        if subscription is None:
            raise InvalidInput("channel", "is not subscribed to")
        self._drop(subscription)
        self._send(_encode({"type": "unsubscribed"} | msgspec.to_builtins(topic)).decode())

    # --- public channels ---

    async def _open_public(self, subscription: Subscription) -> None:
        gateway, topic = self._gateway, subscription.topic
        instrument = await self._instrument(topic.symbol)
        name = f"native:{topic.channel}:{topic.symbol}:{topic.depth}:{topic.interval}"
        channel = await gateway.streams.channels.join(name, _opener(gateway, instrument, topic), subscription)
        subscription.leave = partial(gateway.streams.channels.leave, name, subscription)
        if channel.snapshot is not None:
            subscription.forget_held()
            subscription.go_live(channel.snapshot())
        else:
            subscription.go_live(await self._public_snapshot(instrument, topic))

    async def _public_snapshot(self, instrument: Instrument, topic: Topic) -> str:
        """Return what is known already; without the read model it is less."""
        data: Any
        try:
            match topic.channel:
                case "trades":
                    data = await recent_trades(self._gateway, instrument)
                case "candles":
                    data = await recent_candles(self._gateway, instrument, _INTERVALS[topic.interval])
                case _:
                    data = self._gateway.memory.ticker(instrument)
        except NotAvailable:
            data = []
        return _encode(data).decode()

    # --- private channels ---

    async def _open_private(self, subscription: Subscription) -> None:
        """Listen first and read then: what is told above the snapshot's sequence continues it."""
        caller = await self._gateway.auth.authenticate(self._api_key)
        caller.require(Permission.READ)
        subscription.leave = await self._gateway.streams.accounts.join(caller, subscription)
        self._check_from_now_on(caller)
        if subscription.topic.channel == "orders":
            data, sequence = await self._orders(caller, subscription.topic.symbol)
        else:
            data, sequence = await self._balances(caller)
        subscription.go_live(_encode(data | {"sequence": sequence}).decode(), until=sequence)

    async def _orders(self, caller: Caller, symbol: str) -> tuple[dict[str, Any], int]:
        gateway = self._gateway
        orders, sequence = await gateway.lists.all_open(caller, symbol)
        shown = [order_view(order, await gateway.floor.instrument(order.symbol)) for order in orders]
        return {"account": caller.account, "orders": shown}, sequence

    async def _balances(self, caller: Caller) -> tuple[dict[str, Any], int]:
        floor = self._gateway.floor
        answer = await floor.ask(caller.shard, READS, ReadAccount(caller.account), AccountAnswer)
        shown = [balance_view(balance, floor.registry.assets[balance.asset].scale) for balance in answer.balances]
        return {"account": caller.account, "balances": shown}, answer.sequence

    def _check_from_now_on(self, caller: Caller) -> None:
        """Close once a key that was used here is revoked."""
        if caller.key_id:
            self._key_ids.add(caller.key_id)
        if self._stop_checking is None:
            self._stop_checking = every(self._gateway.parts.clock, CHECK_S, self._check)

    async def _check(self) -> None:
        if not self._key_ids <= self._gateway.floor.registry.keys.keys():
            self._connection.close(POLICY, "the API key was revoked")

    # --- endings ---

    def _send(self, text: str) -> None:
        self._connection.send(text)

    def _lose(self, reason: str) -> None:
        self._connection.close(RESTART, reason)

    def _drop(self, subscription: Subscription) -> None:
        self._subscriptions.pop(subscription.topic, None)
        subscription.leave()

    def _end(self) -> None:
        if self._stop_checking is not None:
            self._stop_checking()
        for subscription in list(self._subscriptions.values()):
            self._drop(subscription)


def _opener(gateway: Gateway, instrument: Instrument, topic: Topic) -> Opener:
    if topic.channel == "orderbook":
        return partial(open_book, gateway, instrument, topic.depth)
    kind = {"trades": "trade", "ticker": "ticker"}.get(topic.channel, f"candle.{topic.interval}")
    return partial(open_bus, gateway, instrument, kind)


def _read(text: str) -> Request:
    try:
        return _decode(text)
    except msgspec.ValidationError as error:
        message, _, path = str(error).rpartition(" - at `$")
        raise InvalidInput(path.strip("`.") if message else "", message or str(error)) from error
    except msgspec.DecodeError as error:
        raise InvalidInput("", f"is not JSON: {error}") from error


async def _converse(visit: Visit, first: str) -> None:
    await NativeSession(visit).converse(first)


SPEECH: Final = Speech(lambda message: isinstance(message, dict) and "type" in message, _converse)
