"""A test that leaves a connection or a socket behind fails, and none but that."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

GUILTY = """
import asyncio
import socket


def listening():
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen()
    return made


def test_unsent():
    async def leave(address):
        _, writer = await asyncio.open_connection(*address)
        writer.write(b"x" * 20_000_000)
        writer.close()

    with listening() as server:
        asyncio.run(leave(server.getsockname()))


def test_closed():
    async def close(address):
        _, writer = await asyncio.open_connection(*address)
        writer.close()
        await writer.wait_closed()

    with listening() as server:
        asyncio.run(close(server.getsockname()))


def test_in_a_circle():
    forgotten = [listening()]
    forgotten.append(forgotten)
"""
INNOCENT = """
import gc


def test_innocent():
    gc.collect()
"""

SETTINGS = """
[pytest]
filterwarnings = error
addopts = -rA -p tests.support.isolation -p tests.support.clean_endings -p no:cacheprovider -p no:dash
"""


def test_the_test_or_the_module_that_left_something_is_named(tmp_path: Path) -> None:
    (tmp_path / "test_1_guilty.py").write_text(GUILTY)
    (tmp_path / "test_2_innocent.py").write_text(INNOCENT)
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.getcwd()},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    outcomes = re.findall(r"^(PASSED|ERROR|FAILED) \S+::(\w+)", done.stdout, re.MULTILINE)
    assert sorted(name for outcome, name in outcomes if outcome == "PASSED") == [
        "test_closed", "test_in_a_circle", "test_innocent", "test_unsent"
    ], done.stdout  # fmt: skip
    assert [name for outcome, name in outcomes if outcome != "PASSED"] == ["test_unsent", "test_in_a_circle"]
    assert "an event loop was closed before its connections: <_SelectorSocketTransport closing" in done.stdout
