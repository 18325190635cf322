"""How the embedded nats-server is started."""

from __future__ import annotations

import os

import pytest

from infra.embedded.nats_server import environment


@pytest.mark.parametrize(("processors", "used"), [(1, "1"), (2, "1"), (4, "1"), (8, "2"), (64, "16")])
def test_it_works_on_a_part_of_the_processors(monkeypatch: pytest.MonkeyPatch, processors: int, used: str) -> None:
    monkeypatch.delenv("GOMAXPROCS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)))
    assert environment() == {"GOMAXPROCS": used}


def test_who_has_said_how_many_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOMAXPROCS", "3")
    assert environment() == {"GOMAXPROCS": "3"}
