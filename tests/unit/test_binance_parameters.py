"""How parameters are read, and what is said of those that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from gateway.binance.errors import BinanceError
from gateway.binance.operation import NO_NAMES, names
from gateway.binance.parameters import Parameters


def refused(read: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(BinanceError) as raised:
        read()
    return raised.value.code, raised.value.text


def test_the_query_wins_over_the_body_and_a_name_may_come_once_in_each() -> None:
    parameters = Parameters.of_pairs([("side", "BUY")], [("side", "SELL"), ("price", "1")])
    assert dict(parameters.items()) == {"side": "BUY", "price": "1"}
    assert refused(lambda: Parameters.of_pairs([("a", "1"), ("a", "1")]))[0] == -1101


def test_what_nobody_reads_is_refused_with_its_count() -> None:
    parameters = Parameters({"symbol": "BTCUSDT", "timeInforce": "GTC", "timestamp": "1", "signature": "x"})
    known = names("symbol timeInForce")
    unread = "Not all sent parameters were read; read '3' parameter(s) but was sent '4'."
    assert refused(lambda: parameters.check_names(known, is_empty=False)) == (-1104, unread)
    parameters.check_names(known | {"timeInforce"}, is_empty=False)
    too_many = "Too many parameters; expected '2' and received '4'."
    assert refused(lambda: parameters.check_names(NO_NAMES, is_empty=True)) == (-1101, too_many)


def test_what_is_missing_or_empty_is_named() -> None:
    parameters = Parameters({"empty": ""})
    mandatory = "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
    assert refused(lambda: parameters.text("symbol")) == (-1102, mandatory)
    assert refused(lambda: parameters.optional_text("empty")) == (-1105, "Parameter 'empty' was empty.")
    assert parameters.text("absent", "here") == "here"
    assert parameters.optional_integer("absent") is None
    assert parameters.decimal("absent") is None
    assert parameters.flag("absent", True) is True


@pytest.mark.parametrize("text", ["-1", "1.0", " 1", "1e3", "٣", "9" * 20, "9223372036854775808"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    code, said = refused(lambda: Parameters({"limit": text}).integer("limit"))
    assert (code, said) == (-1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.")


def test_times_are_milliseconds_or_microseconds() -> None:
    for text in ("1700000000123", "1700000000123999"):
        assert Parameters({"startTime": text}).optional_time_ms("startTime") == 1_700_000_000_123
    assert Parameters({"timestamp": "1700000000123456"}).optional_time_us("timestamp") == 1_700_000_000_123_456
    assert Parameters({}).optional_time_ms("startTime") is None


def test_numbers_stay_within_their_bounds() -> None:
    parameters = Parameters({"limit": "5001"})
    assert refused(lambda: parameters.integer("limit", most=5_000))[0] == -1130
    assert parameters.limit(default=100, most=5_000) == 5_000
    assert refused(lambda: Parameters({"limit": "0"}).limit(default=1, most=2))[0] == -1130


@pytest.mark.parametrize(
    ("text", "value"), [("1", "1"), ("0.10000000", "0.1"), ("00.5", "0.5"), ("1.0000000000000000", "1")]
)
def test_amounts_are_read_exactly(text: str, value: str) -> None:
    assert Parameters({"price": text}).decimal("price") == Decimal(value)


@pytest.mark.parametrize("text", ["-1", "1.", ".5", "1e5", "NaN", "Infinity", "1,5", "+1", "1 ", "1" * 21])
def test_what_is_no_amount_is_refused(text: str) -> None:
    assert refused(lambda: Parameters({"price": text}).decimal("price"))[0] == -1100


def test_more_than_eight_decimals_are_too_many() -> None:
    said = refused(lambda: Parameters({"price": "0.000000001"}).decimal("price"))
    assert said == (-1111, "Parameter 'price' has too much precision.")


@pytest.mark.parametrize(("name", "code"), [("side", -1117), ("type", -1116), ("timeInForce", -1115), ("x", -1130)])
def test_a_text_that_cannot_be_chosen_is_refused_in_the_words_of_its_parameter(name: str, code: int) -> None:
    assert refused(lambda: Parameters({name: "buy"}).choice(name, {"BUY": 1}))[0] == code


def test_symbols_come_alone_or_as_a_list() -> None:
    assert Parameters({}).symbols() == []
    assert Parameters({"symbol": "BTCUSDT"}).symbols() == ["BTCUSDT"]
    assert Parameters({"symbols": '["BTCUSDT","ETHUSDT","BTCUSDT"]'}).symbols() == ["BTCUSDT", "ETHUSDT"]
    assert refused(lambda: Parameters({"symbol": "A", "symbols": '["B"]'}).symbols())[0] == -1128
    for text in ("BTCUSDT", '"A"', "[1]", "[", '["a"]', "{}"):
        assert refused(lambda text=text: Parameters({"symbols": text}).symbols())[0] == -1100
    assert refused(lambda: Parameters({"symbols": "[]"}).symbols())[0] == -1130
    assert refused(lambda: Parameters({"symbol": "BTC/USDT"}).symbols())[0] == -1100


def test_json_values_are_read_as_their_texts() -> None:
    given = {"price": Decimal("0.10"), "orderId": 17, "isolated": True, "symbols": ["BTCUSDT"], "side": "BUY"}
    parameters = Parameters.of_json(given)
    assert dict(parameters.items()) == {
        "price": "0.10",
        "orderId": "17",
        "isolated": "true",
        "symbols": '["BTCUSDT"]',
        "side": "BUY",
    }
    assert refused(lambda: Parameters.of_json({"price": None}))[0] == -1102
    assert refused(lambda: Parameters.of_json({"price": {"a": 1}}))[0] == -1102


def test_texts_are_bounded_and_printable() -> None:
    for text in ("x" * 257, "a\nb", "\x00"):
        assert refused(lambda text=text: Parameters({"id": text}).text("id"))[0] == -1100
