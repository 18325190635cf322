"""Every program in examples/ on an exchange as `mockx up` starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.credentials import FILE_NAME, read_credentials
from tests.support.running_exchange import RunningExchange

FOLDER = Path(__file__).parents[2] / "examples"
PATIENCE_S = 120

RUNS = {
    "ccxt_bot.py": (["--rounds", "3", "--pause", "0"], ["buy", "balance: {'"]),
    "ccxt_pro_bot.py": (["--symbol", "ETH/USDT", "--rounds", "3"], ["bid ", "order "]),
    "python_binance_bot.py": (["--rounds", "2"], ["bought ", "is CANCELED", "trades so far"]),
    "market_maker.py": (["--rounds", "3", "--pause", "0"], ["middle ", "sell ", "trades as maker"]),
    "order_generator.py": (
        ["--rounds", "3", "--min-sleep", "0", "--max-sleep", "0", "--seed", "7", "--reset-portfolio"],
        [" buy ", ": closed"],
    ),
    "listen.py": (["--count", "3"], ["tick "]),
}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory) -> Iterator[RunningExchange]:
    running = RunningExchange(tmp_path_factory.mktemp("examples") / "data", symbols="BTC/USDT,ETH/USDT")
    running.start()
    yield running
    assert running.stop() == 0


def run(exchange: RunningExchange, name: str, *words: str) -> str:
    """Run an example as the demo account; return what it printed."""
    credentials = read_credentials(exchange.data_dir / FILE_NAME)
    variables = {
        "MOCKEXCHANGE_BASE_URL": exchange.url,
        "MOCKEXCHANGE_API_KEY": credentials.demo_api_key,
        "MOCKEXCHANGE_SECRET": credentials.demo_api_secret,
        "MOCKEXCHANGE_ADMIN_KEY": credentials.admin_key,
    }
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MOCKX_", "MOCKEXCHANGE_"))}
    if name == "listen.py":
        url = f"nats://127.0.0.1:{exchange.variables['MOCKX_NATS_PORT']}"
        words = (*words, "--url", url, "--key", credentials.demo_api_key, "--secret", credentials.demo_api_secret)
    done = subprocess.run(
        [sys.executable, str(FOLDER / name), *words],
        env=inherited | {"PYTHONPATH": os.getcwd()} | variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def test_every_example_is_run_here():
    assert {path.name for path in FOLDER.glob("*.py")} == set(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_an_example_explains_itself(name):
    done = subprocess.run(
        [sys.executable, str(FOLDER / name), "--help"],
        env=os.environ | {"PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert f"python examples/{name}" in done.stdout


@pytest.mark.parametrize("name", RUNS)
def test_an_example_does_what_it_says(exchange, name):
    words, said = RUNS[name]
    printed = run(exchange, name, *words)
    for text in said:
        assert text in printed, printed
