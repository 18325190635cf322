"""What keeps these tests away from the network."""

from __future__ import annotations

import asyncio
import socket

import pytest


def test_a_unit_test_cannot_connect_or_listen() -> None:
    with socket.socket() as attempt:
        with pytest.raises(AssertionError):
            attempt.connect(("127.0.0.1", 9))
        with pytest.raises(AssertionError):
            attempt.bind(("127.0.0.1", 0))


def test_a_unit_test_may_run_an_event_loop() -> None:
    assert asyncio.run(asyncio.sleep(0, "done")) == "done"
