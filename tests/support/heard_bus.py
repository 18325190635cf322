"""A bus within the test: what is published is heard at once and remembered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from fnmatch import fnmatchcase


class HeardBus:
    """Implements `infra.ports.Bus`."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes]] = []
        self.handlers: list[tuple[str, Callable[[str, bytes], None]]] = []
        self.servers: dict[str, Callable[[str, bytes], bytes | None]] = {}

    def publish(self, subject: str, payload: bytes) -> None:
        self.published.append((subject, payload))
        for pattern, handler in list(self.handlers):
            if fnmatchcase(subject, pattern):
                handler(subject, payload)

    def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        for subject, payload in messages:
            self.publish(subject, payload)

    def payloads(self, subject: str) -> list[bytes]:
        return [payload for published, payload in self.published if published == subject]

    async def subscribe(self, subject: str, handler: Callable[[str, bytes], None]) -> Callable[[], Awaitable[None]]:
        entry = (subject, handler)
        self.handlers.append(entry)

        async def end() -> None:
            self.handlers.remove(entry)

        return end

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes | None:
        server = self.servers.get(subject)
        return None if server is None else server(subject, payload)

    async def serve(self, subject: str, handler: Callable[[str, bytes], bytes | None]) -> Callable[[], Awaitable[None]]:
        self.servers[subject] = handler

        async def end() -> None:
            del self.servers[subject]

        return end
