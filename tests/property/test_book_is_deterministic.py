from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.book_session import digest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", range(5))
def test_the_same_session_gives_the_same_bytes(seed: int) -> None:
    assert digest(seed) == digest(seed)
    assert digest(seed) != digest(seed + 1)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_process_gives_the_same_bytes(hash_seed: str) -> None:
    command = [sys.executable, "-m", "tests.support.book_session", "7"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout == digest(7)
