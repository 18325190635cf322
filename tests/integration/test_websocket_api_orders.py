"""Orders over the WebSocket API, sent without waiting for the answers to those before."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

from tests.support.local_exchange import DEMO_KEY, DEMO_SECRET
from tests.support.stream_site import StreamSite, Talk, on_a_stream_site

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"}


async def log_on(talk: Talk) -> None:
    given = {"apiKey": DEMO_KEY, "timestamp": time.time_ns() // 1_000_000}
    text = "&".join(f"{name}={given[name]}" for name in sorted(given))
    signature = hmac.new(DEMO_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    answer = await talk.ask({"id": "logon", "method": "session.logon", "params": given | {"signature": signature}})
    assert answer["status"] == 200, answer


async def say(talk: Talk, number: int, method: str, **parameters: Any) -> None:
    timed = parameters | {"timestamp": time.time_ns() // 1_000_000}
    await talk.say({"id": number, "method": method, "params": timed})


async def hear(talk: Talk, count: int) -> dict[int, dict[str, Any]]:
    """Return so many answers by the numbers of their requests."""
    answers = [await talk.hear() for _ in range(count)]
    return {answer["id"]: answer for answer in answers}


@on_a_stream_site()
async def test_orders_get_their_ids_in_the_order_in_which_they_were_sent(at: StreamSite) -> None:
    async with at.talk("/ws-api/v3") as talk:
        await log_on(talk)
        for number in range(60):
            await say(talk, number, "order.place", **ORDER, price=str(50_000 + number))
        answers = await hear(talk, 60)
        orders = [answers[number]["result"] for number in range(60)]
        assert [order["price"] for order in orders] == [f"{50_000 + number}.00000000" for number in range(60)]
        ids = [order["orderId"] for order in orders]
        assert ids == sorted(ids)


@on_a_stream_site()
async def test_what_changes_orders_is_done_between_those_before_and_after_it(at: StreamSite) -> None:
    async with at.talk("/ws-api/v3") as talk:
        await log_on(talk)
        again = ORDER | {"price": "50000", "newClientOrderId": "again"}
        for turn in range(10):
            await say(talk, 2 * turn, "order.place", **again)
            await say(talk, 2 * turn + 1, "order.cancel", symbol="BTCUSDT", origClientOrderId="again")
        await say(talk, 20, "order.place", **again)
        answers = await hear(talk, 21)
        assert [answers[number]["status"] for number in range(21)] == [200] * 21, answers
        placed = [answers[2 * turn]["result"]["orderId"] for turn in range(10)]
        canceled = [answers[2 * turn + 1]["result"]["orderId"] for turn in range(10)]
        assert placed == canceled
        await say(talk, 21, "openOrders.status", symbol="BTCUSDT")
        left = (await talk.hear())["result"]
        assert [order["orderId"] for order in left] == [answers[20]["result"]["orderId"]]


@on_a_stream_site()
async def test_one_refused_order_among_many_leaves_the_others_alone(at: StreamSite) -> None:
    async with at.talk("/ws-api/v3") as talk:
        await log_on(talk)
        await say(talk, 0, "order.place", **ORDER, price="50000")
        await say(talk, 1, "order.place", **ORDER, price="50000.001")
        await say(talk, 2, "order.place", **ORDER | {"quantity": "1000"}, price="50000")
        await say(talk, 3, "order.place", **ORDER, price="50001")
        answers = await hear(talk, 4)
        assert [answers[number]["status"] for number in range(4)] == [200, 400, 400, 200]
        assert [answers[number]["error"]["code"] for number in (1, 2)] == [-1013, -2010]


@on_a_stream_site()
async def test_a_replacement_that_failed_tells_what_became_of_both_halves(at: StreamSite) -> None:
    async with at.talk("/ws-api/v3") as talk:
        await log_on(talk)
        terms = ORDER | {"price": "50000", "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": 4}
        await say(talk, 0, "order.cancelReplace", **terms)
        refused = (await talk.hear())["error"]
        assert refused["code"] == -2011
        assert refused["data"]["cancelResult"] == "FAILURE"
        assert refused["data"]["newOrderResult"] == "NOT_ATTEMPTED"
