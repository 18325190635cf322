"""Waiting for what must become true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

TIMEOUT_S = 30.0
_POLL_S = 0.01


async def eventually(condition: Callable[[], bool], timeout_s: float = TIMEOUT_S) -> None:
    """Return as soon as the condition holds. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while True:
            if condition():
                return
            await asyncio.sleep(_POLL_S)
