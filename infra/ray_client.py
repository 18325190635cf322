"""The way to the actors through Ray: found by name, and found again when they were replaced."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ray
from ray.exceptions import RayError

from infra.credentials import ray_environment
from infra.ports import PeerLost
from mockexchange.messages.codec import decode_directory_answer, encode
from mockexchange.messages.directory import Done, EnsureBook
from mockexchange.messages.subjects import token

LOOKUP_TIMEOUT_S: Final = 5.0
CALL_TIMEOUT_S: Final = 60.0
"""Bound of any call; whoever has a deadline of his own waits less."""


def namespace_of(data_dir: Path, version: int) -> str:
    """Return the Ray namespace of one exchange: its data directory and schema version name it."""
    return f"mockx-{version}-{hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]}"


def prepare_environment(ray_token: str) -> None:
    """Set the variables that Ray reads when it is first used in a process and in those it starts."""
    os.environ.update(ray_environment(ray_token))


def join(address: str, namespace: str) -> None:
    """Join a running Ray. Raises ConnectionError when it cannot be reached."""
    ray.init(address=address, namespace=namespace, log_to_driver=False, configure_logging=False)


class Peers:
    """Handles of named actors, looked up once and again after a failure.

    Looking up asks Ray's control service and blocks, so it is done in a thread of its own, with a bound.
    """

    def __init__(self) -> None:
        self._handles: dict[str, Any] = {}
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="ray-lookup")

    async def call(self, name: str, method: str, *arguments: Any, timeout_s: float = CALL_TIMEOUT_S) -> Any:
        """Call a method of a named actor. Raises PeerLost when nobody knows what became of the call."""
        handle = self._handles.get(name) or await self._look_up(name)
        reference = getattr(handle, method).remote(*arguments)
        try:
            async with asyncio.timeout(timeout_s):
                return await reference
        except TimeoutError as error:
            raise PeerLost(f"{name} did not answer within {timeout_s} s") from error
        except RayError as error:
            self.forget(name)
            raise PeerLost(f"{name}: {type(error).__name__}") from error

    def forget(self, name: str) -> None:
        """Look the actor up again at the next call."""
        self._handles.pop(name, None)

    async def _look_up(self, name: str) -> Any:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                handle = await loop.run_in_executor(self._threads, ray.get_actor, name)
        except (ValueError, TimeoutError, RayError) as error:
            raise PeerLost(f"{name} was not found: {type(error).__name__}") from error
        self._handles[name] = handle
        return handle


class RayShards:
    """The accounts shards."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def handle(self, shard: int, payload: bytes) -> bytes:
        """Hand over requests; see `infra.ports.Shards`."""
        answer: bytes = await self._peers.call(f"accounts.{shard}", "handle", payload)
        return answer


class RayDirectory:
    """The directory."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def handle(self, payload: bytes) -> bytes:
        """Hand over a request; see `infra.ports.Directory`."""
        answer: bytes = await self._peers.call("directory", "handle", payload, timeout_s=30.0)
        return answer


class RayBooks:
    """The order books."""

    def __init__(self, peers: Peers, directory: RayDirectory) -> None:
        self._peers = peers
        self._directory = directory

    async def deliver(self, symbol: str, payload: bytes) -> bytes:
        """Hand a delivery to a book; see `infra.ports.Books`."""
        answer: bytes = await self._peers.call(_name_of(symbol), "deliver", payload)
        return answer

    async def ask(self, symbol: str, payload: bytes) -> bytes:
        """Ask a book; see `infra.ports.Books`."""
        answer: bytes = await self._peers.call(_name_of(symbol), "ask", payload, timeout_s=5.0)
        return answer

    async def renew(self, symbol: str) -> None:
        """Have the directory start or replace the book; see `infra.ports.Books`."""
        self._peers.forget(_name_of(symbol))
        answer = decode_directory_answer(await self._directory.handle(encode(EnsureBook(symbol))))
        if not isinstance(answer, Done):
            raise PeerLost(f"the book of {symbol} cannot be started: {answer}")


@dataclass(frozen=True, slots=True)
class RayParts:
    """All that a gateway or an actor needs of the others."""

    shards: RayShards
    books: RayBooks
    directory: RayDirectory
    close: Callable[[], Awaitable[None]]


def parts() -> RayParts:
    """Return the way to the actors, for a process that has joined Ray."""
    peers = Peers()
    directory = RayDirectory(peers)
    return RayParts(RayShards(peers), RayBooks(peers, directory), directory, _leave)


async def _leave() -> None:
    await asyncio.get_running_loop().run_in_executor(None, ray.shutdown)


def _name_of(symbol: str) -> str:
    return f"book.{token(symbol)}"
