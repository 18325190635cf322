"""One exchange as `mockx up` runs it, which all real clients trade on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.members import Member, Members
from tests.support.running_exchange import RunningExchange


@pytest.fixture(scope="package")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    running = RunningExchange(tmp_path_factory.mktemp("clients") / "data", gateway_processes="2", **UNLIMITED)
    running.start()
    yield running
    assert running.stop() == 0
    running.wait_until_gone()


UNLIMITED = dict.fromkeys(
    ("limit_weight_per_minute", "limit_requests_per_5_minutes", "limit_orders_per_10_seconds", "limit_orders_per_day"),
    "0",
)


@pytest.fixture(scope="package")
def members(exchange: RunningExchange) -> Members:
    made = Members(exchange)
    made.list_lab()
    return made


@pytest.fixture
def alice(members: Members) -> Member:
    return members.join()


@pytest.fixture
def bob(members: Members) -> Member:
    return members.join()
