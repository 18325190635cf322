"""Conversations on `/ws` and `/stream`: streams named in the path, and SUBSCRIBE, UNSUBSCRIBE and the like."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from litestar import websocket

from gateway.binance.errors import describe
from gateway.binance.listen_keys import caller_of
from gateway.binance.market_streams import find_stream, unknown_stream
from gateway.binance.user_streams import UserStream
from gateway.failures import Failure
from gateway.streams.channels import Message
from gateway.streams.visit import AnySocket, Speech, Visit, receive_visit

INVALID: Final = 2
MALFORMED: Final = 3
UNKNOWN_PROPERTY: Final = 0
WRONG_TYPE: Final = 1

METHODS: Final = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
MAX_ID_LENGTH: Final = 36

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


class Refused(Exception):
    """A request that cannot be used, in this protocol's codes."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


class StreamSession:
    """One connection's subscriptions to market streams and to user data by listen key."""

    def __init__(self, visit: Visit, *, is_combined: bool) -> None:
        self._visit = visit
        self._gateway = visit.gateway
        self._connection = visit.connection
        self._is_combined = is_combined
        self._names: dict[str, UserStream | None] = {}
        self._connection.on_close(self._end)

    async def converse(self, names: Sequence[str], first: str | None = None) -> None:
        """Open the streams that the path names, then answer requests until the client goes."""
        for name in names[: self._gateway.streams.limits.max_subscriptions]:
            await self._open_named(name)
        text = first if first is not None else await self._connection.receive()
        while text is not None:
            self._connection.send(await self._answer(text))
            text = await self._connection.receive()

    def hear(self, message: Message) -> None:
        """Pass a message on."""
        self._connection.send(message.combined if self._is_combined else message.text)

    # --- requests ---

    async def _answer(self, text: str) -> str:
        number: Any = None
        try:
            request = _read(text)
            number = _id_of(request)
            result = await self._do(request)
        except Refused as refused:
            return _encode({"error": {"code": refused.code, "msg": refused.text}, "id": number}).decode()
        except Failure as failure:
            told = describe(failure)
            return _encode({"error": {"code": INVALID, "msg": f"Invalid request: {told.text}"}, "id": number}).decode()
        return _encode({"result": result, "id": number}).decode()

    async def _do(self, request: dict[str, Any]) -> Any:
        match request["method"]:
            case "SUBSCRIBE":
                await self._subscribe(_names_of(request))
            case "UNSUBSCRIBE":
                for name in _names_of(request):
                    self._close(name)
            case "LIST_SUBSCRIPTIONS":
                return list(self._names)
            case "SET_PROPERTY":
                self._set_property(request.get("params"))
            case "GET_PROPERTY":
                return self._get_property(request.get("params"))
        return None

    async def _subscribe(self, names: list[str]) -> None:
        added = [name for name in dict.fromkeys(names) if name not in self._names]
        if len(self._names) + len(added) > self._gateway.streams.limits.max_subscriptions:
            raise Refused(INVALID, "Invalid request: too many parameters")
        offers = {name: await find_stream(self._gateway, name) for name in added if "@" in name or name[:1] == "!"}
        self._names |= dict.fromkeys(offers)
        # Side by side, since a stream may wait for its book.
        join = self._gateway.streams.channels.join
        await asyncio.gather(
            *(join(name, offer.open, self, keeps_last=offer.keeps_last) for name, offer in offers.items())
        )
        for name in added:
            if name not in offers and not await self._open_user_stream(name):
                raise unknown_stream(name)

    async def _open_named(self, name: str) -> None:
        """Open what a path names if there is such a stream; clients also put other things there."""
        try:
            if "@" in name or name.startswith("!"):
                await self._subscribe([name])
            else:
                await self._open_user_stream(name)
        except Failure as failure:
            error = {"error": {"code": INVALID, "msg": f"Invalid request: {describe(failure).text}"}, "id": None}
            self._connection.send(_encode(error).decode())

    async def _open_user_stream(self, token: str) -> bool:
        if token in self._names:
            return True
        if len(token) < MIN_TOKEN_LENGTH:
            return False
        caller = await caller_of(self._gateway, token)
        if caller is None:
            return False

        def send(event: dict[str, Any]) -> None:
            self.hear(Message(token, _encode(event).decode()))

        stream = UserStream(self._gateway, caller, send, self._connection.close)
        self._names[token] = stream
        try:
            await stream.open(listen_key=token)
        except Failure:
            del self._names[token]
            raise
        return True

    def _close(self, name: str) -> None:
        if name not in self._names:
            return
        stream = self._names.pop(name)
        if stream is not None:
            stream.close()
        else:
            self._gateway.streams.channels.leave(name, self)

    def _end(self) -> None:
        for name in list(self._names):
            self._close(name)

    def _set_property(self, params: object) -> None:
        if not isinstance(params, list) or len(params) != 2 or not isinstance(params[0], str):
            raise Refused(INVALID, "Invalid request: property name must be a string")
        if params[0] != "combined":
            raise Refused(UNKNOWN_PROPERTY, "Unknown property")
        if not isinstance(params[1], bool):
            raise Refused(WRONG_TYPE, "Invalid value type: expected Boolean")
        self._is_combined = params[1]

    def _get_property(self, params: object) -> bool:
        if not isinstance(params, list) or len(params) != 1 or not isinstance(params[0], str):
            raise Refused(INVALID, "Invalid request: property name must be a string")
        if params[0] != "combined":
            raise Refused(UNKNOWN_PROPERTY, "Unknown property")
        return self._is_combined


MIN_TOKEN_LENGTH: Final = 20


def _read(text: str) -> dict[str, Any]:
    try:
        request = _decode(text)
    except msgspec.DecodeError as error:
        raise Refused(MALFORMED, f"Invalid JSON: {error}") from error
    if not isinstance(request, dict):
        raise Refused(INVALID, "Invalid request: an object was expected")
    method = request.get("method")
    if method is None:
        raise Refused(INVALID, "Invalid request: missing field `method`")
    if method not in METHODS:
        expected = ", ".join(f"`{name}`" for name in METHODS)
        raise Refused(INVALID, f"Invalid request: unknown variant `{str(method)[:40]}`, expected one of {expected}")
    return request


def _id_of(request: dict[str, Any]) -> int | str | None:
    number = request.get("id")
    if isinstance(number, bool) or not isinstance(number, int | str | None):
        raise Refused(INVALID, "Invalid request: request ID must be an unsigned integer")
    if (isinstance(number, int) and number < 0) or (isinstance(number, str) and len(number) > MAX_ID_LENGTH):
        raise Refused(INVALID, "Invalid request: request ID must be an unsigned integer")
    return number


def _names_of(request: dict[str, Any]) -> list[str]:
    names = request.get("params")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refused(INVALID, "Invalid request: params must be a list of stream names")
    return names


# --- paths ---


async def _converse_on_shared_path(visit: Visit, first: str) -> None:
    await StreamSession(visit, is_combined=False).converse([], first)


async def _host_raw(visit: Visit) -> None:
    names = visit.path.removeprefix("/ws/").split("/")
    await StreamSession(visit, is_combined=False).converse([name for name in names if name])


async def _host_stream(visit: Visit) -> None:
    """Streams of the query come wrapped; below `/stream/ws` it is all as below `/ws`."""
    below = visit.path.removeprefix("/stream").strip("/").split("/")
    if below[0] == "ws":
        await StreamSession(visit, is_combined=False).converse([name for name in below[1:] if name])
        return
    names = visit.query.get("streams", "").split("/")
    await StreamSession(visit, is_combined=True).converse([name for name in names if name])


@websocket("/ws/{names:path}")
async def raw_streams(socket: AnySocket) -> None:
    """Serve the streams that the path names."""
    await receive_visit(socket, _host_raw)


@websocket(["/stream", "/stream/{names:path}"])
async def combined_streams(socket: AnySocket) -> None:
    """Serve the streams that the query names."""
    await receive_visit(socket, _host_stream)


def _is_request(message: object) -> bool:
    return isinstance(message, dict) and "method" in message


HANDLERS: Final = [raw_streams, combined_streams]
SPEECH: Final = Speech(_is_request, _converse_on_shared_path)
