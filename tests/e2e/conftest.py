"""What tests of a whole exchange share: a browser, members that trade, and what no test may leave behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import chromium
from tests.support.floor import floor, shared_floor
from tests.support.launched import LaunchedExchange
from tests.support.members import Members

__all__ = ["floor", "shared_floor"]


@pytest.fixture(scope="module")
def browser(exchange: LaunchedExchange) -> Iterator[Browser]:
    """Run a browser for as long as the module's exchange runs."""
    with chromium() as running:
        yield running


@pytest.fixture
def members(exchange: LaunchedExchange) -> Members:
    """Make members of the module's exchange."""
    return Members(exchange)
