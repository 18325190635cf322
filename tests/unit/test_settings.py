import json
import os
import re
from decimal import Decimal
from pathlib import Path

import pytest

from infra.settings import CONFIG_VARIABLE, Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.upper().startswith("MOCKX_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problem_of(monkeypatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    return str(raised.value)


def recording(directory: Path, *names: str) -> Path:
    path = directory / "recorded.txt"
    path.write_text("".join(f'1 {{"stream":"{name}@trade","data":{{}}}}\n' for name in names))
    return path


def test_defaults_are_usable_as_they_are(tmp_path):
    settings = load_settings()
    assert settings.data_dir == tmp_path / "data"
    assert settings.gateway_url == "http://127.0.0.1:8000"
    assert settings.nats_endpoint == "nats://127.0.0.1:4222"
    assert settings.valkey_endpoint == "valkey://127.0.0.1:6380/0"
    assert settings.symbols == ("BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT", "XRP/USDT")
    assert settings.fed_symbols == set(settings.symbols)
    assert settings.demo_balances == {"USDT": 100_000 * 10**8}
    assert (settings.maker_rate, settings.taker_rate) == (1000, 1000)


WRONG = {
    "MOCKX_HOST": ["", "no such host", "-x", "a/b"],
    "MOCKX_GATEWAY_PORT": ["0", "65536", "http", "80.5", "-1"],
    "MOCKX_TLS_CERT": ["/nowhere"],
    "MOCKX_TLS_KEY": ["/nowhere"],
    "MOCKX_DASHBOARD": ["perhaps"],
    "MOCKX_DASHBOARD_PORT": ["x"],
    "MOCKX_NATS_PORT": ["x"],
    "MOCKX_VALKEY_PORT": ["x"],
    "MOCKX_RAY_PORT": ["x"],
    "MOCKX_NATS_URL": ["localhost:4222", "http://localhost", "nats://"],
    "MOCKX_VALKEY_URL": ["localhost", "nats://localhost"],
    "MOCKX_RAY_ADDRESS": ["somewhere", "ray://host:1"],
    "MOCKX_AUTH": ["maybe", "2"],
    "MOCKX_ADMIN_KEY": ["short", "with spaces in it that are many", "x" * 257],
    "MOCKX_SYMBOLS": ["btc/usdt", "BTCUSDT", "BTC/BTC", "BTC/USDT,BTC/USDT", "BTC/USDT,,ETH/USDT", "BTC/"],
    "MOCKX_FEED": [
        "live",
        "synthetic:x",
        "synthetic:-1",
        "replay:",
        "none:1",
        "ccxt:",
        "ccxt:binanc",
        "replay:/nowhere",
    ],
    "MOCKX_FEED_QUOTE": ["usdt", "US/DT"],
    "MOCKX_FEED_LIMIT": ["0", "501", "many"],
    "MOCKX_FEED_MODE": ["ws"],
    "MOCKX_FEED_OPTIONS": ["{", "[]", "1"],
    "MOCKX_FEED_SILENCE_SECONDS": ["0", "nan", "inf", "soon"],
    "MOCKX_MAKER_FEE": ["-0.001", "0.2", "0.0000001", "nan", "1e400", "0.1%"],
    "MOCKX_TAKER_FEE": ["x"],
    "MOCKX_CASH_ASSET": ["usdt", "US/DT", "A" * 17],
    "MOCKX_DEMO_FUNDS": ["100000", "USDT", "-1 USDT", "0 USDT", "1 USDT, 2 USDT", "1e400 USDT", "0.000000001 BTC"],
    "MOCKX_ACCOUNT_SHARDS": ["0", "65", "1.5"],
    "MOCKX_GATEWAY_PROCESSES": ["0", "65"],
    "MOCKX_MAX_OPEN_ORDERS": ["0", "1000001"],
    "MOCKX_LIMIT_WEIGHT_PER_MINUTE": ["-1", "many"],
    "MOCKX_LIMIT_REQUESTS_PER_5_MINUTES": ["-1"],
    "MOCKX_LIMIT_ORDERS_PER_10_SECONDS": ["-1"],
    "MOCKX_LIMIT_ORDERS_PER_DAY": ["1.5"],
    "MOCKX_MAX_STREAMS": ["0", "many"],
    "MOCKX_ORDER_TIMEOUT_SECONDS": ["0", "61", "nan"],
    "MOCKX_BOOK_IDLE_SECONDS": ["0", "-5"],
    "MOCKX_JOURNAL_SYNC": ["never", "0", "-1", "1.5", "100000"],
    "MOCKX_JOURNAL_MAX_BYTES": ["1MB", "ten", "-1", "1.5GB"],
    "MOCKX_LOG_LEVEL": ["loud", "INFO "],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values if value]
)
def test_a_wrong_value_is_one_line_that_names_the_setting(monkeypatch, name, value):
    problem = problem_of(monkeypatch, **{name: value})
    assert "\n" not in problem
    assert problem.startswith(name)
    assert re.search(r"must be \S+|use \S+|name a \S+", problem)


def test_every_setting_but_the_directory_has_a_wrong_value_in_these_tests():
    assert {f"MOCKX_{name.upper()}" for name in Settings.model_fields} - set(WRONG) == {"MOCKX_DATA_DIR"}


def test_each_of_several_mistakes_has_its_own_line(monkeypatch):
    problem = problem_of(monkeypatch, MOCKX_GATEWAY_PORT="x", MOCKX_TAKER_FEE="2")
    assert [line.split()[0] for line in problem.splitlines()] == ["MOCKX_GATEWAY_PORT", "MOCKX_TAKER_FEE"]


def test_a_secret_is_not_shown_when_it_is_wrong(monkeypatch):
    problem = problem_of(monkeypatch, MOCKX_ADMIN_KEY="hush hush", MOCKX_NATS_URL="http://me:hush@host")
    assert "hush" not in problem
    assert len(problem.splitlines()) == 2


def test_secrets_are_not_part_of_the_representation():
    assert "hush" not in repr(Settings(admin_key="hush-hush-hush-hush", nats_url="nats://me:hush@host"))


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("MOCKX_GATWAY_PORT", "MOCKX_GATEWAY_PORT"),
        ("MOCKX_SYMBOL", "MOCKX_SYMBOLS"),
        ("MOCKX_CONFG", "MOCKX_CONFIG"),
        ("mockx_dir", "MOCKX_DATA_DIR"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_valid_one(monkeypatch, wrong, nearest):
    assert problem_of(monkeypatch, **{wrong: "1"}) == (
        f"{wrong} in the environment is not a setting; did you mean {nearest}?"
    )


def test_an_unknown_key_of_the_file_is_refused_with_the_nearest_valid_one(monkeypatch):
    Path("mockexchange.toml").write_text("gateway_prt = 8001\n")
    assert problem_of(monkeypatch) == "gateway_prt in mockexchange.toml is not a setting; did you mean gateway_port?"


def test_a_wrong_value_in_the_file_names_key_and_file(monkeypatch):
    Path("mockexchange.toml").write_text("gateway_port = 'x'\n")
    assert problem_of(monkeypatch) == ("gateway_port in mockexchange.toml is 'x', but must be a port from 1 to 65535")


def test_the_environment_wins_over_the_file(monkeypatch):
    Path("mockexchange.toml").write_text("gateway_port = 8001\nnats_port = 4333\n")
    monkeypatch.setenv("MOCKX_GATEWAY_PORT", "8002")
    settings = load_settings()
    assert (settings.gateway_port, settings.nats_port) == (8002, 4333)


def test_a_file_may_use_numbers_lists_and_booleans(monkeypatch):
    Path("mockexchange.toml").write_text(
        'symbols = ["BTC/USDT", "ETH/BTC"]\ntaker_fee = 0.00075\nauth = false\njournal_sync = 5\n'
        'journal_max_bytes = "500 MB"\nbook_idle_seconds = 1.5\n'
    )
    settings = load_settings()
    assert settings.symbols == ("BTC/USDT", "ETH/BTC")
    assert (settings.taker_fee, settings.taker_rate) == (Decimal("0.00075"), 750)
    assert settings.auth is False
    assert settings.journal_sync_interval == "5s"
    assert settings.journal_max_bytes == 500_000_000
    assert settings.book_idle_seconds == 1.5


def test_another_file_can_be_named_and_must_exist(monkeypatch, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text("nats_port = 4333\n")
    monkeypatch.setenv(CONFIG_VARIABLE, str(other))
    assert load_settings().nats_port == 4333
    other.unlink()
    assert "no such file" in problem_of(monkeypatch)


def test_a_file_that_is_not_toml_is_one_line(monkeypatch):
    Path("mockexchange.toml").write_text("gateway_port 8001\n")
    problem = problem_of(monkeypatch)
    assert problem.startswith("mockexchange.toml is not valid TOML")
    assert "\n" not in problem


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("MOCKX_NATS_URL", "")
    monkeypatch.setenv("MOCKX_GATEWAY_PORT", "")
    assert (load_settings().nats_url, load_settings().gateway_port) == (None, 8000)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.3.2.1"])
def test_authentication_may_be_off_on_loopback(monkeypatch, host):
    monkeypatch.setenv("MOCKX_AUTH", "off")
    monkeypatch.setenv("MOCKX_HOST", host)
    assert load_settings().auth is False


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "exchange.example"])
def test_authentication_may_not_be_off_where_others_can_reach(monkeypatch, host):
    problem = problem_of(monkeypatch, MOCKX_AUTH="off", MOCKX_HOST=host)
    assert problem.startswith("MOCKX_AUTH")
    assert "127.0.0.1" in problem
    assert "\n" not in problem


def test_two_parts_may_not_share_a_port(monkeypatch):
    problem = problem_of(monkeypatch, MOCKX_NATS_PORT="8000")
    assert "MOCKX_NATS_PORT" in problem
    assert "MOCKX_GATEWAY_PORT" in problem
    assert "\n" not in problem


def test_what_listens_everywhere_is_reached_on_loopback():
    assert Settings(host="0.0.0.0").gateway_url == "http://127.0.0.1:8000"
    assert Settings(host="::").nats_endpoint == "nats://[::1]:4222"


def test_a_replay_lists_the_recorded_symbols(monkeypatch, tmp_path):
    path = recording(tmp_path, "btcusdt", "ethbtc", "btcusdt")
    monkeypatch.setenv("MOCKX_FEED", f"replay:{path.name}")
    settings = load_settings()
    assert settings.symbols == ("BTC/USDT", "ETH/BTC")
    assert settings.feed_source.path == path


def test_symbols_beside_a_replay_are_plain_books(monkeypatch, tmp_path):
    monkeypatch.setenv("MOCKX_FEED", f"replay:{recording(tmp_path, 'btcusdt')}")
    monkeypatch.setenv("MOCKX_SYMBOLS", "BTC/USDT,ETH/USDT")
    settings = load_settings()
    assert settings.symbols == ("BTC/USDT", "ETH/USDT")
    assert settings.fed_symbols == {"BTC/USDT"}


@pytest.mark.parametrize("content", [b"", b"no market in here\n", b"\x1f\x8bdamaged"])
def test_a_recording_without_a_market_is_one_line(monkeypatch, tmp_path, content):
    path = tmp_path / "recorded.txt"
    path.write_bytes(content)
    problem = problem_of(monkeypatch, MOCKX_FEED=f"replay:{path}")
    assert problem.startswith("MOCKX_FEED")
    assert "\n" not in problem


def test_no_feed_leaves_every_book_to_the_accounts():
    assert Settings(feed="none").fed_symbols == frozenset()


def test_a_child_gets_exactly_the_resolved_settings(monkeypatch, tmp_path):
    Path("mockexchange.toml").write_text(
        'data_dir = "here"\nsymbols = ["ETH/BTC"]\nmaker_fee = 0.000001\nauth = false\n'
        'demo_funds = "5 BTC, 0.5 USDT"\njournal_sync = "always"\nadmin_key = "0123456789abcdef"\n'
        f'feed = "replay:{recording(tmp_path, "btcusdt")}"\n'
    )
    resolved = load_settings()
    for name, value in resolved.to_environment().items():
        monkeypatch.setenv(name, value)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    Path("mockexchange.toml").write_text("gateway_port = 1\nnats_url = 'nats://other'\n")
    assert load_settings() == resolved
    assert resolved.data_dir == tmp_path / "here"


def test_a_real_exchange_finds_its_symbols_unless_they_are_named(monkeypatch):
    monkeypatch.setenv("MOCKX_FEED", "ccxt:kraken")
    found = load_settings()
    assert (found.symbols, found.fed_symbols, found.feed_source.venue) == ((), frozenset(), "kraken")
    monkeypatch.setenv("MOCKX_SYMBOLS", "BTC/USD")
    named = load_settings()
    assert named.fed_symbols == {"BTC/USD"}


def test_what_ccxt_is_constructed_with_may_be_a_table_and_reaches_child_processes(monkeypatch, tmp_path):
    (tmp_path / "mockexchange.toml").write_text(
        'feed = "ccxt:binance"\nfeed_mode = "rest"\n[feed_options.urls.api]\npublic = "http://127.0.0.1:1/api/v3"\n'
    )
    settings = load_settings()
    assert json.loads(settings.feed_options) == {"urls": {"api": {"public": "http://127.0.0.1:1/api/v3"}}}
    assert "127.0.0.1:1" not in repr(settings)
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


def test_an_exchange_that_ccxt_does_not_know_is_answered_with_those_nearby(monkeypatch):
    assert "binance" in problem_of(monkeypatch, MOCKX_FEED="ccxt:binanc")
