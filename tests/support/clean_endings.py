"""What a test opens must be gone when it ends, so that the test that leaves something behind is the one that fails.

Otherwise the garbage collector meets it later, and blames whichever test runs then.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Generator, Iterator

import pytest

from tests.support.isolation import is_isolated

_left: list[str] = []


@pytest.fixture(scope="session", autouse=True)
def watched_event_loops() -> Iterator[None]:
    """Note the connections that are still there when an event loop is closed, and close them."""
    close = asyncio.SelectorEventLoop.close

    def close_and_look(loop: asyncio.SelectorEventLoop) -> None:
        # A transport that was closed with data unsent, or in the loop's last turn, still has its socket.
        open_transports = [one for one in loop._transports.values() if one._sock is not None]  # type: ignore[attr-defined]
        _left.extend(f"{one!r} to {one.get_extra_info('peername')}" for one in open_transports)
        close(loop)
        for one in open_transports:
            one._sock.close()
            one._sock = None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.SelectorEventLoop, "close", close_and_look)
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    """Fail the test whose event loop, or that of its last fixture, ended before its connections did."""
    try:
        return (yield)
    finally:
        left, _left[:] = _left[:], []
        assert not left, f"an event loop was closed before its connections: {', '.join(left)}"


@pytest.fixture(scope="module", autouse=True)
def collected_garbage(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect garbage when a module ends that may open sockets: what warns then is of that module."""
    yield
    if not is_isolated(request):
        gc.collect()
