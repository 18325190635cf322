"""Channels: a named stream is made once in a process and sent to all who read it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

Leave = Callable[[], None]


class Message:
    """One message of a channel, encoded once; `combined` is the same wrapped with the channel's name."""

    __slots__ = ("_combined", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._combined = ""

    @property
    def combined(self) -> str:
        """The message as `{"stream": name, "data": message}`."""
        if not self._combined:
            self._combined = f'{{"stream":"{self.name}","data":{self.text}}}'
        return self._combined


class Reader(Protocol):
    """Who reads channels."""

    def hear(self, message: Message) -> None:
        """Take a message; must not wait."""


class Channel:
    """A stream with readers. With `keeps_last` a new reader gets the last message at once.

    `snapshot` returns what all messages until now have made, where the stream has such a thing.
    """

    def __init__(self, name: str, *, keeps_last: bool = False) -> None:
        self.name = name
        self.snapshot: Callable[[], str] | None = None
        self.readers: dict[Reader, None] = {}
        self._keeps_last = keeps_last
        self._last: Message | None = None

    def publish(self, text: str) -> None:
        """Send a message to all readers."""
        message = Message(self.name, text)
        if self._keeps_last:
            self._last = message
        for reader in tuple(self.readers):
            reader.hear(message)

    def greet(self, reader: Reader) -> None:
        """Send a new reader the last message, where there is one to keep."""
        if self._last is not None:
            reader.hear(self._last)


Opener = Callable[[Channel], Awaitable[Leave]]
"""Begins to feed a channel; what it returns ends that."""


class Channels:
    """The channels of this process, each open while it has readers."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Channel, asyncio.Task[Leave]]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Return how many channels are open."""
        return len(self._open)

    async def join(self, name: str, opener: Opener, reader: Reader, *, keeps_last: bool = False) -> Channel:
        """Let a reader have all messages of a channel from now on; returns when the channel is open."""
        entry = self._open.get(name)
        if entry is None:
            channel = Channel(name, keeps_last=keeps_last)
            entry = self._open[name] = (channel, asyncio.ensure_future(opener(channel)))
        channel, opening = entry
        if reader in channel.readers:
            return channel
        channel.greet(reader)
        channel.readers[reader] = None
        try:
            await asyncio.shield(opening)
        except BaseException:
            self.leave(name, reader)
            raise
        return channel

    def leave(self, name: str, reader: Reader) -> None:
        """Send a reader nothing more of a channel."""
        entry = self._open.get(name)
        if entry is None:
            return
        channel, opening = entry
        channel.readers.pop(reader, None)
        if not channel.readers:
            del self._open[name]
            ending = asyncio.ensure_future(_end(opening))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def stop(self) -> None:
        """Close all channels."""
        for _, opening in self._open.values():
            self._ending.add(asyncio.ensure_future(_end(opening)))
        self._open.clear()
        await asyncio.gather(*self._ending, return_exceptions=True)


async def _end(opening: asyncio.Task[Leave]) -> None:
    await asyncio.wait((opening,))
    if not opening.cancelled() and opening.exception() is None:
        opening.result()()
