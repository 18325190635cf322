"""Whatever fits the OpenAPI document, and much that does not, is answered without a server error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from infra.credentials import FILE_NAME, read_credentials
from tests.support.running_exchange import RunningExchange

EXAMPLES = 12
SKIPPED = "/admin/maintenance"
"""While it is on all orders are refused, and nothing else would be tried."""


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    running = RunningExchange(tmp_path_factory.mktemp("openapi") / "data", symbols="BTC/USDT")
    running.start()
    yield running
    assert running.stop() == 0
    running.wait_until_gone()


def test_no_request_is_answered_with_a_server_error(exchange: RunningExchange) -> None:
    key = read_credentials(exchange.data_dir / FILE_NAME).admin_key
    schema = schemathesis.openapi.from_url(f"{exchange.url}/docs/openapi.json").exclude(path=SKIPPED)
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy() | operation.as_strategy(GenerationMode.NEGATIVE))
        def call(case: Any) -> None:
            answer = case.call(headers={"x-api-key": key}, timeout=30)
            case.validate_response(answer, checks=[not_a_server_error])

        call()
        tried += 1
    assert tried > 30
