"""The way to the actors: found through Ray by their names, called over NATS, found again when they were replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import ray
from ray.exceptions import RayError

from infra.nats.calls import Caller
from infra.nats.connection import Connection
from infra.ports import PeerLost
from mockexchange.messages.codec import decode_directory_answer, encode
from mockexchange.messages.directory import Done, EnsureBook
from mockexchange.messages.subjects import token

LOOKUP_TIMEOUT_S: Final = 5.0
DIRECTORY_TIMEOUT_S: Final = 30.0
ASK_TIMEOUT_S: Final = 5.0


class Actors:
    """Handles of named actors, looked up once and again after a failure.

    Looking up asks Ray's control service and blocks, so it is done in a thread of its own, with a bound.
    """

    def __init__(self) -> None:
        self._handles: dict[str, Any] = {}
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="ray-lookup")

    async def call(self, name: str, method: str, *arguments: Any, timeout_s: float) -> Any:
        """Call a method of an actor through Ray. Raises PeerLost when nobody knows what became of the call."""
        handle = self._handles.get(name) or await self._look_up(name)
        reference = getattr(handle, method).remote(*arguments)
        try:
            async with asyncio.timeout(timeout_s):
                return await reference
        except TimeoutError as error:
            raise PeerLost(f"{name} did not answer within {timeout_s} s") from error
        except RayError as error:
            self._handles.pop(name, None)
            raise PeerLost(f"{name}: {type(error).__name__}") from error

    async def _look_up(self, name: str) -> Any:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                handle = await loop.run_in_executor(self._threads, ray.get_actor, name)
        except (ValueError, TimeoutError, RayError) as error:
            raise PeerLost(f"{name} was not found: {type(error).__name__}") from error
        self._handles[name] = handle
        return handle


class Peers:
    """Addresses of actors, asked for through Ray; the calls themselves go over NATS."""

    def __init__(self, actors: Actors, caller: Caller) -> None:
        self._actors = actors
        self._caller = caller
        self._addresses: dict[str, str] = {}

    async def call(self, name: str, method: str, payload: bytes) -> bytes:
        """Call a method of an actor, however long it takes; bound it by a timeout of your own.

        Raises PeerLost when nobody knows what became of the call.
        """
        address = self._addresses.get(name) or await self._find(name)
        try:
            return await self._caller.call(address, method, payload)
        except PeerLost:
            self.forget(name)
            raise

    def forget(self, name: str) -> None:
        """Ask for the actor's address again at the next call."""
        self._addresses.pop(name, None)

    async def _find(self, name: str) -> str:
        address: str = await self._actors.call(name, "address", timeout_s=LOOKUP_TIMEOUT_S)
        if not address:
            raise PeerLost(f"{name} is starting")
        self._addresses[name] = address
        return address


class PeerShards:
    """The accounts shards."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def handle(self, shard: int, payload: bytes) -> bytes:
        """Hand over requests; see `infra.ports.Shards`."""
        return await self._peers.call(f"accounts.{shard}", "handle", payload)


class RayDirectory:
    """The directory, which is called through Ray: it must answer when nothing else runs yet."""

    def __init__(self, actors: Actors) -> None:
        self._actors = actors

    async def handle(self, payload: bytes) -> bytes:
        """Hand over a request; see `infra.ports.Directory`."""
        answer: bytes = await self._actors.call("directory", "handle", payload, timeout_s=DIRECTORY_TIMEOUT_S)
        return answer


class PeerBooks:
    """The order books."""

    def __init__(self, peers: Peers, directory: RayDirectory) -> None:
        self._peers = peers
        self._directory = directory

    async def deliver(self, symbol: str, payload: bytes) -> bytes:
        """Hand a delivery to a book; see `infra.ports.Books`."""
        return await self._peers.call(_name_of(symbol), "deliver", payload)

    async def ask(self, symbol: str, payload: bytes) -> bytes:
        """Ask a book; see `infra.ports.Books`."""
        name = _name_of(symbol)
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                return await self._peers.call(name, "ask", payload)
        except TimeoutError as error:
            raise PeerLost(f"{name} did not answer within {ASK_TIMEOUT_S} s") from error

    async def renew(self, symbol: str) -> None:
        """Have the directory start or replace the book; see `infra.ports.Books`."""
        self._peers.forget(_name_of(symbol))
        answer = decode_directory_answer(await self._directory.handle(encode(EnsureBook(symbol))))
        if not isinstance(answer, Done):
            raise PeerLost(f"the book of {symbol} cannot be started: {answer}")


@dataclass(frozen=True, slots=True)
class PeerParts:
    """All that a gateway or an actor needs of the others."""

    shards: PeerShards
    books: PeerBooks
    directory: RayDirectory
    close: Callable[[], Awaitable[None]]


def parts(connection: Connection) -> PeerParts:
    """Return the way to the actors, for a process that has joined Ray and NATS."""
    actors = Actors()
    directory = RayDirectory(actors)
    peers = Peers(actors, Caller(connection))
    return PeerParts(PeerShards(peers), PeerBooks(peers, directory), directory, _leave)


async def _leave() -> None:
    await asyncio.get_running_loop().run_in_executor(None, ray.shutdown)


def _name_of(symbol: str) -> str:
    return f"book.{token(symbol)}"
