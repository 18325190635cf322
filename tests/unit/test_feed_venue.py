"""Calls of ccxt, bounded in time."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from actors.feeds.venue import Quiet, VenueLost, within


async def fails_when_canceled() -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise ConnectionError("as ccxt says it") from None


def test_a_call_that_takes_too_long_ends_quietly_however_it_ends() -> None:
    problems: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        with pytest.raises(Quiet):
            await within(fails_when_canceled(), 0.01)
        waiting = asyncio.create_task(within(fails_when_canceled(), 60))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(0)

    asyncio.run(main())
    gc.collect()
    assert problems == []


def test_what_a_call_comes_to_is_told() -> None:
    async def fails() -> None:
        raise ValueError("garbage")

    async def is_canceled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(ValueError, match="garbage"):
        asyncio.run(within(fails(), 60))
    with pytest.raises(VenueLost):
        asyncio.run(within(is_canceled(), 60))
    assert asyncio.run(within(asyncio.sleep(0, "here"), 60)) == "here"
