import io
import json

import pytest
from rich.console import Console

from mockexchange.cli.tables import show
from mockexchange.cli.trading import COMMANDS


def shown(answer, **how) -> list[str]:
    console = Console(file=io.StringIO(), width=200)
    show(console, answer, is_json=False, **how)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_rows_are_a_table_of_the_chosen_columns():
    rows = [{"id": "1", "status": "new", "average": None, "more": 1}, {"id": "22", "status": "filled", "average": "5"}]
    assert [line.split() for line in shown(rows, columns=("id", "status", "average"))] == [
        ["id", "status", "average"],
        ["1", "new", "-"],
        ["22", "filled", "5"],
    ]


def test_objects_by_their_own_name_are_rows_too():
    answer = {"BTC": {"asset": "BTC", "free": "1.0"}, "USDT": {"asset": "USDT", "free": "2.0"}}
    assert [line.split() for line in shown(answer)] == [["asset", "free"], ["BTC", "1.0"], ["USDT", "2.0"]]


def test_other_objects_are_told_line_by_line():
    answer = {"canceled_order": {"id": "7"}, "freed": {"BTC": "1.0", "USDT": "0.0"}, "unpriced": [], "ok": True}
    assert shown(answer) == [
        "canceled_order:", "  id: 7", "freed:", "  BTC: 1.0", "  USDT: 0.0", "unpriced: -", "ok: yes",
    ]  # fmt: skip


def test_levels_of_a_book_are_lines_of_their_own():
    assert shown({"bids": [["1.0", "2"], ["0.9", "3"]], "asks": []}) == ["bids:", "  1.0  2", "  0.9  3", "asks: -"]


def test_times_are_told_as_people_read_them():
    candle = {"open_time": 1_700_000_000_000, "open": "1", "high": "1", "low": "1", "close": "1", "volume": "0"}
    assert shown([candle], columns=COMMANDS["candles"].columns)[1].startswith("2023-11-14 22:13:20")


@pytest.mark.parametrize("answer", [[], ["BTC/USDT", "ETH/USDT"], {"a": {"b": [1, None]}}, None])
def test_json_is_the_answer_as_it_came(answer, capsys):
    show(Console(file=io.StringIO()), answer, is_json=True)
    assert json.loads(capsys.readouterr().out) == answer


def test_a_list_of_names_is_one_a_line():
    assert shown(["BTC/USDT", "ETH/USDT"]) == ["BTC/USDT", "ETH/USDT"]
