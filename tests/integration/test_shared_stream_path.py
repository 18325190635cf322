"""The path `/ws`: the kind of the first message decides which dialect answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gateway
from tests.support.stream_site import StreamSite, on_a_stream_site

DIALECT = """
from gateway.dialect import Dialect
from gateway.native.errors import write_failure
from gateway.streams.visit import Speech

async def greet(visit, first):
    visit.connection.send('{"greeting": "hello"}')
    await visit.connection.receive()

def is_greeting(message):
    return message == "hello?"

DIALECT = Dialect("polite", [], write_failure, prefixes=("/polite/",), speech=Speech(is_greeting, greet))
"""


@pytest.fixture
def polite_dialect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with one more dialect, found because it is there."""
    folder = tmp_path / "polite"
    folder.mkdir()
    (folder / "__init__.py").write_text(DIALECT)
    monkeypatch.setattr(gateway, "__path__", [*gateway.__path__, str(tmp_path)])
    yield
    sys.modules.pop("gateway.polite", None)


@pytest.mark.usefixtures("polite_dialect")
def test_each_dialect_is_known_by_its_first_message() -> None:
    @on_a_stream_site()
    async def talk_to_all(at: StreamSite) -> None:
        async with at.talk("/ws") as one, at.talk("/ws") as two, at.talk("/ws") as three, at.talk("/ws") as four:
            assert await one.ask('"hello?"') == {"greeting": "hello"}
            assert await two.ask({"method": "LIST_SUBSCRIPTIONS", "id": 1}) == {"result": [], "id": 1}
            assert await three.ask({"type": "ping"}) == {"type": "pong"}
            assert (await four.ask({"neither": 1}))["type"] == "error"

    talk_to_all()
