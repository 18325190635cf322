"""Bounded waits on the gateway's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from infra.ports import Clock

T = TypeVar("T")


async def within(clock: Clock, seconds: float, awaitable: Awaitable[T]) -> T:
    """Return what an awaitable gives, cancelling it after `seconds`. Raises TimeoutError."""
    task = asyncio.ensure_future(awaitable)
    try:
        if not await is_done_within(clock, max(0.0, seconds), task):
            raise TimeoutError
        return task.result()
    finally:
        task.cancel()


async def is_done_within(clock: Clock, seconds: float, future: asyncio.Future[T]) -> bool:
    """Wait for a future, at most so long; return whether it is done. It goes on if it is not."""
    woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake(_: object = None) -> None:
        if not woken.done():
            woken.set_result(None)

    call_off = clock.call_later(seconds, wake)
    future.add_done_callback(wake)
    try:
        await woken
    finally:
        call_off()
        future.remove_done_callback(wake)
    return future.done()
