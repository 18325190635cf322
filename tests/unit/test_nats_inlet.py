"""What arrives from NATS is taken apart rightly, however the network cuts it, and in its order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.nats.inlet import Arrival, Inlet

pytestmark = pytest.mark.anyio

HEADERS = b"NATS/1.0\r\nA: b\r\n\r\n"
PAYLOADS = [b"", b"\r\n", b"MSG a 1 5\r\n", b"x" * 3_000]


class FakeTransport(asyncio.Transport):
    """Holds a protocol, as a transport does."""

    def __init__(self) -> None:
        super().__init__()
        self.before = FakeFlow()
        self.protocol: asyncio.BaseProtocol = self.before

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


class FakeFlow(asyncio.Protocol):
    """What the transport talked to before."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def pause_writing(self) -> None:
        self.heard.append("pause")

    def resume_writing(self) -> None:
        self.heard.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.heard.append(f"lost {exc}")


class Heard:
    """What an inlet handed over, in order."""

    def __init__(self) -> None:
        self.transport = FakeTransport()
        self.all: list[Arrival | bytes] = []
        self.work: Callable[[], Awaitable[None] | None] = lambda: None
        self.inlet = Inlet(self.transport, self._receive, self._control)

    def _receive(self, arrival: Arrival) -> Awaitable[None] | None:
        self.all.append(arrival)
        return self.work()

    async def _control(self, line: bytes) -> None:
        await asyncio.sleep(0)
        if line.startswith(b"?"):
            raise ValueError("no such word")
        self.all.append(line)


def message(number: int, payload: bytes, reply: bytes = b"", headers: bytes = b"") -> tuple[bytes, Arrival]:
    """Return a message as the server sends it, and as it is to be handed over."""
    words = [b"MSG", b"a.b", b"%d" % number, *([reply] if reply else [])]
    if headers:
        words[0] = b"HMSG"
        words.append(b"%d" % len(headers))
    words.append(b"%d" % (len(headers) + len(payload)))
    sent = b" ".join(words) + b"\r\n" + headers + payload + b"\r\n"
    return sent, Arrival(number, b"a.b", reply, headers, payload)


def line(text: bytes) -> tuple[bytes, bytes]:
    """Return a line that is no message, sent and handed over."""
    return text, text


parts = st.one_of(
    st.builds(
        message,
        st.integers(1, 10**6),
        st.sampled_from(PAYLOADS) | st.binary(max_size=40),
        st.sampled_from([b"", b"_INBOX.a.1"]),
        st.sampled_from([b"", HEADERS]),
    ),
    st.sampled_from([b"PING\r\n", b"+OK\r\n", b"-ERR 'slow'\r\n", b'INFO {"a": 1}\r\n']).map(line),
)


@given(st.lists(parts, max_size=8), st.lists(st.integers(1, 60), min_size=1, max_size=20))
def test_however_it_is_cut_all_arrives_in_order(said: list[tuple[bytes, Arrival | bytes]], lengths: list[int]) -> None:
    async def main() -> list[Arrival | bytes]:
        heard, data, turn = Heard(), b"".join(sent for sent, _ in said), 0
        while data:
            length = lengths[turn % len(lengths)]
            heard.inlet.data_received(data[:length])
            data, turn = data[length:], turn + 1
            if turn % 3 == 0:
                await asyncio.sleep(0)
        for _ in range(5 * len(said)):
            await asyncio.sleep(0)
        return heard.all

    assert asyncio.run(main()) == [expected for _, expected in said]


async def test_messages_are_handed_over_at_once() -> None:
    heard = Heard()
    (first, a), (second, b) = message(1, b"one"), message(2, b"two", b"r", HEADERS)
    heard.inlet.data_received(first + second)
    assert heard.all == [a, b]


async def test_nothing_overtakes_work_that_waits() -> None:
    heard, gate = Heard(), asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    heard.work = wait
    (first, a), (second, b) = message(1, b"one"), message(2, b"two")
    heard.inlet.data_received(first)
    heard.work = lambda: None
    heard.inlet.data_received(second)
    await asyncio.sleep(0.01)
    assert heard.all == [a]
    gate.set()
    await asyncio.sleep(0.01)
    assert heard.all == [a, b]


async def test_what_is_no_protocol_ends_the_connection() -> None:
    heard = Heard()
    heard.inlet.data_received(b"? what\r\n" + message(1, b"one")[0])
    assert isinstance(await heard.inlet.ended, ValueError)
    assert heard.all == []


@pytest.mark.parametrize("error", [None, ConnectionResetError("reset")])
async def test_the_end_of_the_connection_is_told_to_both(error: Exception | None) -> None:
    heard = Heard()
    heard.transport.protocol.connection_lost(error)
    assert await heard.inlet.ended is error
    assert heard.transport.before.heard == [f"lost {error}"]


async def test_whoever_writes_hears_that_there_is_no_room() -> None:
    heard = Heard()
    heard.inlet.pause_writing()
    heard.inlet.resume_writing()
    assert heard.transport.before.heard == ["pause", "resume"]


async def test_one_that_was_stopped_takes_nothing_more() -> None:
    heard = Heard()
    heard.inlet.stop()
    heard.inlet.data_received(message(1, b"one")[0])
    assert heard.all == []
