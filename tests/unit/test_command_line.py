import json
import sys

import pytest

from infra.credentials import credentials_for
from infra.http_client import NoAnswer
from infra.settings import load_settings
from mockexchange.cli import exchange, main
from mockexchange.cli import status as status_command
from mockexchange.cli.arguments import parse_arguments
from mockexchange.cli.banner import banner, curl_line
from mockexchange.cli.trading import COMMANDS as TRADING

COMMANDS = [
    [],
    ["up"],
    ["status"],
    ["account"],
    ["account", "create"],
    ["account", "list"],
    ["key"],
    ["key", "create"],
    ["key", "list"],
    ["key", "revoke"],
    ["maintenance"],
    ["backup"],
    ["restore"],
    ["health"],
    *([name] for name in TRADING),
]


@pytest.fixture
def mockx(monkeypatch, tmp_path, capsys):
    """Run a command line; return its status, what it printed and what it complained of."""
    monkeypatch.chdir(tmp_path)

    def nobody(method, url, **_):
        raise NoAnswer(f"nobody answers at {url}")

    for module in (exchange, status_command):
        monkeypatch.setattr(module, "request", nobody)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mockx", *words])
        status = main()
        out, error = capsys.readouterr()
        return status, out, error

    return run


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_examples(command, capsys):
    with pytest.raises(SystemExit) as ended:
        parse_arguments([*command, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert f"mockx {' '.join(command)}".strip() in text.partition("examples:")[2]
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "COMMAND"),
        (["down"], "down"),
        (["account"], "ACTION"),
        (["account", "create"], "NAME"),
        (["key", "create"], "ACCOUNT"),
        (["key", "revoke"], "KEY_ID"),
        (["backup"], "FILE"),
        (["restore", "file"], "--data-dir"),
        (["up", "--fast"], "--fast"),
        (["order", "BTC/USDT", "hold", "1"], "SIDE"),
        (["order", "BTC/USDT", "buy"], "AMOUNT"),
        (["orders", "--status", "lost"], "--status"),
        (["set-balance", "USDT"], "--free"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_command_line_names_what_is_wrong(words, named, capsys):
    with pytest.raises(SystemExit) as ended:
        parse_arguments(words)
    assert ended.value.code == 2
    assert named in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("words", [["up"], ["status"], ["account", "list"], ["backup", "file"]], ids=" ".join)
def test_a_wrong_setting_stops_every_command_with_one_line(mockx, monkeypatch, words):
    monkeypatch.setenv("MOCKX_TAKER_FEE", "free")
    status, out, error = mockx(*words)
    assert (status, out) == (1, "")
    assert error == "mockx: MOCKX_TAKER_FEE is 'free', but must be 0 to 0.1 with at most 6 decimals\n"


@pytest.mark.parametrize("words", [["account", "list"], ["key", "create", "1"], ["backup", "file"]], ids=" ".join)
def test_a_directory_without_an_exchange_is_one_line(mockx, words, tmp_path):
    status, _, error = mockx(*words)
    assert status == 1
    assert len(error.splitlines()) == 1
    assert str(tmp_path / "data") in error
    assert "MOCKX_DATA_DIR" in error
    assert list(tmp_path.iterdir()) == []


def test_a_gateway_that_does_not_run_is_one_line(mockx, tmp_path):
    credentials_for(load_settings())
    status, _, error = mockx("account", "list")
    assert status == 1
    assert len(error.splitlines()) == 1
    assert "mockx up" in error


def test_the_status_of_what_does_not_run_is_told_as_json(mockx, tmp_path):
    status, out, _ = mockx("status", "--json")
    told = json.loads(out)
    assert status == 1
    assert told["process"] is None
    assert told["data_dir"] == str(tmp_path / "data")
    assert told["health"]["status"] == "down"


def test_restoring_what_is_no_backup_is_one_line(mockx, tmp_path):
    (tmp_path / "file").write_text("something else")
    status, _, error = mockx("restore", "file", "--data-dir", "new")
    assert status == 1
    assert error == "mockx: file is no backup that this software knows\n"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, '"type": "market", "amount": "0.001"'),
        ({"MOCKX_SYMBOLS": "XRP/USDT"}, '"symbol": "XRP/USDT", "side": "buy", "type": "market", "amount": "100"'),
        (
            {"MOCKX_FEED": "ccxt:kraken", "MOCKX_FEED_QUOTE": "EUR"},
            '"symbol": "BTC/EUR", "side": "buy", "type": "market"',
        ),
        ({"MOCKX_FEED": "none"}, '"type": "limit", "amount": "0.001", "limit_price": "60000.00"'),
    ],
)
def test_the_banner_shows_an_order_that_fits_the_market(monkeypatch, tmp_path, variables, said):
    for name, value in (variables | {"MOCKX_DATA_DIR": str(tmp_path / "data")}).items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    credentials = credentials_for(settings)
    line = curl_line(settings, credentials)
    assert said in line
    assert credentials.demo_api_key in line
    assert line in banner(settings, credentials)


def test_the_banner_names_a_real_exchange_and_what_is_looked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("MOCKX_FEED", "ccxt:kraken")
    monkeypatch.setenv("MOCKX_DATA_DIR", str(tmp_path / "data"))
    settings = load_settings()
    assert "kraken through ccxt: up to 25 symbols in USDT" in banner(settings, credentials_for(settings))


def test_the_banner_hides_secrets_and_the_logins_of_other_servers(monkeypatch, tmp_path):
    monkeypatch.setenv("MOCKX_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MOCKX_NATS_URL", "nats://me:hush@elsewhere:4222")
    settings = load_settings()
    credentials = credentials_for(settings)
    shown = banner(settings, credentials)
    assert "nats://elsewhere:4222" in shown
    for secret in ("hush", credentials.admin_key, credentials.demo_api_secret, credentials.seal_key):
        assert secret not in shown


def test_without_authentication_the_line_that_trades_needs_no_key(monkeypatch, tmp_path):
    monkeypatch.setenv("MOCKX_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MOCKX_AUTH", "off")
    settings = load_settings()
    assert "x-api-key" not in curl_line(settings, credentials_for(settings))
