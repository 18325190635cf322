"""What a client may rely on, with two gateway processes and two shards between him and the books."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest
from nats.aio.client import Client
from nats.errors import Error

from mockexchange.ledger.ledger import Ledger
from mockexchange.messages.codec import decode_record
from mockexchange.messages.subjects import token
from mockexchange.money import to_text
from mockexchange.views import order_view
from tests.support.floor import SHARDS, Floor
from tests.support.launched import PATIENCE_S, LaunchedExchange, repeatedly
from tests.support.load import Trader

pytestmark = pytest.mark.anyio

ORDER = {"symbol": "GOLD/USDT", "side": "buy", "type": "limit", "amount": "1.00", "limit_price": "50.00"}
ROUNDS = 20


async def ask(
    session: aiohttp.ClientSession, trader: Trader, method: str, path: str, body: object = None
) -> tuple[int, Any]:
    async with session.request(method, path, json=body, headers=trader.headers) as answer:
        return answer.status, await answer.json()


def plain_market(exchange: LaunchedExchange, base: str) -> str:
    """List a symbol that no other test trades."""
    symbol = f"{base}/USDT"
    exchange.administer("POST", "/instruments", {"symbol": symbol, "price_decimals": 2, "quantity_decimals": 2})
    return symbol


async def test_an_id_sent_to_two_gateways_at_once_and_after_a_restart_is_one_order(floor: Floor) -> None:
    trader = floor.open_account("repeats", {"USDT": "100000"})
    bodies = [ORDER | {"client_order_id": f"twice-{number}"} for number in range(ROUNDS)]
    async with floor.exchange.each_gateway() as gateways:
        answers = [
            await asyncio.gather(*(ask(gateway, trader, "POST", "/orders", body) for gateway in gateways))
            for body in bodies
        ]
    assert [status for pair in answers for status, _ in pair] == [200] * 2 * ROUNDS
    assert all(one == other for one, other in answers)
    before = [answer for (_, answer), _ in answers]
    assert len({answer["id"] for answer in before}) == ROUNDS
    report = await floor.examiner.read()
    assert sum(order.reserved.account == trader.account for order in report.orders.values()) == ROUNDS

    await floor.exchange.restart()

    async with floor.exchange.each_gateway() as gateways:
        for gateway in gateways:
            assert [(await ask(gateway, trader, "POST", "/orders", body))[1] for body in bodies] == before
            for change in ({"amount": "2.00"}, {"symbol": "BTC/USDT"}):
                status, answer = await ask(gateway, trader, "POST", "/orders", bodies[0] | change)
                assert (status, answer["error"]["field"]) == (409, "client_order_id")
        _, open_orders = await ask(gateways[0], trader, "GET", "/orders?status=open")
        assert sorted(order["id"] for order in open_orders) == sorted(order["id"] for order in before)
    report = await floor.examiner.read()
    assert sum(order.reserved.account == trader.account for order in report.orders.values()) == ROUNDS
    assert report.violations == []


async def test_what_was_answered_is_seen_through_the_other_gateway(floor: Floor) -> None:
    symbol = plain_market(floor.exchange, "TIN")
    maker = floor.open_account("tin maker", {"USDT": "100000", "TIN": "1000"})
    taker = floor.open_account("tin taker", {"USDT": "100000"})
    assert maker.shard != taker.shard
    total, fees = Decimal(0), Decimal(0)
    async with floor.exchange.each_gateway() as gateways:
        for number in range(ROUNDS):
            here, there = gateways if number % 2 else reversed(gateways)
            order = {"symbol": symbol, "type": "limit", "amount": "2.00", "limit_price": "10.00"}
            status, _ = await ask(there, maker, "POST", "/orders", order | {"side": "sell"})
            assert status == 200
            status, answer = await ask(here, taker, "POST", "/orders", order | {"side": "buy", "amount": "2.00"})
            assert (status, answer["status"], answer["actual_filled"]) == (200, "filled", "2.00")
            total, fees = total + 2, fees + Decimal(answer["actual_fee"])
            assert (await ask(there, taker, "GET", f"/orders/{answer['id']}"))[1] == answer
            _, fills = await ask(there, taker, "GET", "/trades?limit=1")
            assert [fill["order_id"] for fill in fills] == [answer["id"]]
            _, balances = await ask(there, taker, "GET", "/balance")
            assert Decimal(balances["TIN"]["free"]) == total - fees
            assert Decimal(balances["USDT"]["total"]) == 100_000 - 10 * total


async def test_eight_market_buys_at_once_with_just_enough_money_all_fill(floor: Floor) -> None:
    symbol = plain_market(floor.exchange, "ZINC")
    maker = floor.open_account("zinc maker", {"ZINC": "8"})
    buyer = floor.open_account("zinc buyer", {"USDT": "800"})
    async with floor.exchange.each_gateway() as gateways:
        sell = {"symbol": symbol, "side": "sell", "type": "limit", "amount": "8.00", "limit_price": "100.00"}
        assert (await ask(gateways[0], maker, "POST", "/orders", sell))[0] == 200
        buy = {"symbol": symbol, "side": "buy", "type": "market", "amount": "1.00"}
        async with aiohttp.ClientSession(floor.exchange.url) as session:
            answers = await asyncio.gather(*(ask(session, buyer, "POST", "/orders", buy) for _ in range(8)))
        assert [(status, answer["status"]) for status, answer in answers] == [(200, "filled")] * 8
        _, balances = await ask(gateways[0], buyer, "GET", "/balance")
    assert (balances["USDT"]["free"], balances["USDT"]["used"]) == ("0.00000000", "0.00000000")
    assert balances["ZINC"]["free"] == "7.99200000"


async def test_the_shards_answer_what_the_journal_folds_to(floor: Floor) -> None:
    async with floor.load() as load:
        await load.flow(30)
    await floor.examiner.verify(load)
    async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession(floor.exchange.url) as session:
        while True:
            await floor.examiner.read()
            ledgers = folded(floor)
            answered = [await account_of(session, trader) for trader in floor.traders]
            expected = [account_in(ledgers[trader.shard], trader.account) for trader in floor.traders]
            before = floor.examiner.records()
            await floor.examiner.read()
            if before == floor.examiner.records() and answered == expected:
                break


def folded(floor: Floor) -> list[Ledger]:
    ledgers = [Ledger(shard) for shard in range(SHARDS)]
    for ledger in ledgers:
        for message in floor.examiner.records():
            if message.subject != f"journal.accounts.{1 - ledger.shard}":
                ledger.apply(message.sequence, message.subject, decode_record(message.subject, message.payload))
        ledger.check()
    return ledgers


async def account_of(session: aiohttp.ClientSession, trader: Trader) -> tuple[Any, Any]:
    balances = (await ask(session, trader, "GET", "/balance"))[1]
    orders = (await ask(session, trader, "GET", "/orders?status=open&limit=500"))[1]
    return {asset: (one["free"], one["used"]) for asset, one in balances.items()}, orders


def account_in(ledger: Ledger, account: int) -> tuple[Any, Any]:
    registry = ledger.registry
    balances = {
        one.asset: tuple(to_text(amount, registry.assets[one.asset].scale) for amount in (one.free, one.held))
        for one in ledger.read_account(account).balances
    }
    orders = [
        order_view(order, registry.instruments[order.symbol]) for order in ledger.open_orders(account, "", 0, 500)
    ]
    return balances, msgspec.to_builtins(orders)


async def test_an_account_can_neither_read_nor_cancel_what_is_anothers(floor: Floor) -> None:
    owner = floor.open_account("owner", {"USDT": "1000"})
    stranger, neighbor = (floor.open_account(name, {"USDT": "1000"}) for name in ("stranger", "neighbor"))
    assert owner.shard == neighbor.shard != stranger.shard
    async with aiohttp.ClientSession(floor.exchange.url) as session:
        _, order = await ask(session, owner, "POST", "/orders", ORDER | {"client_order_id": "mine"})
        for other in (stranger, neighbor):
            for method, path in (
                ("GET", f"/orders/{order['id']}"),
                ("DELETE", f"/orders/{order['id']}"),
                ("POST", f"/orders/{order['id']}/cancel"),
            ):
                assert (await ask(session, other, method, path))[0] == 404
            for path in ("/orders?client_order_id=mine", "/orders", "/orders?status=open", "/trades"):
                assert await ask(session, other, "GET", path) == (200, [])
            assert await ask(session, other, "DELETE", "/orders") == (200, [])
            assert (await ask(session, other, "GET", f"/balance?account={owner.account}"))[1]["USDT"]["used"][0] == "0"
            assert (await ask(session, other, "DELETE", "/admin/data"))[0] == 403
        async with session.get(f"/orders/{order['id']}") as answer:
            assert answer.status == 401
        assert await ask(session, owner, "GET", f"/orders/{order['id']}") == (200, order)


async def test_an_account_hears_its_own_subjects_on_nats_and_no_others(floor: Floor) -> None:
    symbol = plain_market(floor.exchange, "LEAD")
    owner = floor.open_account("lead owner", {"USDT": "1000"})
    stranger = floor.open_account("lead stranger", {"USDT": "1000"})
    heard: dict[int, list[str]] = {owner.account: [], stranger.account: []}
    errors: list[str] = []

    async def note_error(error: Exception) -> None:
        errors.append(str(error))

    async def listen(trader: Trader) -> Client:
        async def note(message: Any) -> None:
            heard[trader.account].append(message.subject)

        client = await connected(floor.exchange, trader, note_error)
        for subject in (f"account.{owner.account}.>", "account.>", "journal.>", "market.>"):
            await client.subscribe(subject, cb=note)
        await client.publish(f"market.{token(symbol)}.trade", b"{}")
        await client.publish("journal.registry", b"")
        return client

    clients = [await listen(owner), await listen(stranger)]
    try:
        records = len((await floor.examiner.read()).orders)
        async with aiohttp.ClientSession(floor.exchange.url) as session:
            for trader in (stranger, owner):
                assert (await ask(session, trader, "POST", "/orders", ORDER | {"symbol": symbol}))[0] == 200
        wanted = {f"account.{owner.account}.orders", f"account.{owner.account}.balance"}
        await repeatedly(lambda: wanted <= set(heard[owner.account]))
        # The market's words come through the same connection, after all that was forbidden.
        ticker = f"market.{token(symbol)}.ticker"
        await repeatedly(lambda: all(ticker in subjects for subjects in heard.values()))
    finally:
        for client in clients:
            await client.close()
    assert {subject for subject in heard[owner.account] if not subject.startswith("market.")} <= wanted
    assert all(subject.startswith("market.") for subject in heard[stranger.account])
    assert f"market.{token(symbol)}.trade" not in heard[owner.account] + heard[stranger.account]
    for forbidden in ("subscription to", "publish to"):
        assert sum("permissions violation" in text and forbidden in text for text in map(str.lower, errors)) >= 4
    assert len((await floor.examiner.read()).orders) == records + 2


async def connected(exchange: LaunchedExchange, trader: Trader, error_cb: Any) -> Client:
    """Connect with an account's key, which the server learns a moment after it was made."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            client = Client()
            try:
                await client.connect(
                    exchange.nats_url,
                    user=trader.api_key,
                    password=trader.api_secret,
                    inbox_prefix=f"_INBOX.{trader.api_key}".encode(),
                    allow_reconnect=False,
                    error_cb=error_cb,
                )
            except (Error, OSError):
                await client.close()
            else:
                return client
            await asyncio.sleep(0.1)


LIMIT: dict[str, object] = {
    "symbol": "BTC/USDT",
    "side": "buy",
    "type": "limit",
    "amount": "0.01",
    "limit_price": "20000.00",
}
MARKET: dict[str, object] = {"symbol": "BTC/USDT", "side": "buy", "type": "market", "amount": "0.01"}
BAD_ORDERS: list[tuple[dict[str, object], str, object, int]] = [
    (LIMIT, "amount", "-0.01", 400),
    (LIMIT, "amount", "0", 400),
    (LIMIT, "amount", 0, 400),
    (LIMIT, "amount", "0.010000001", 400),
    (LIMIT, "amount", "1e400", 400),
    (LIMIT, "amount", "NaN", 400),
    (LIMIT, "amount", "Infinity", 400),
    (LIMIT, "amount", "", 400),
    (LIMIT, "amount", True, 400),
    (LIMIT, "amount", [], 400),
    (LIMIT, "amount", {}, 400),
    (LIMIT, "amount", None, 400),
    (LIMIT, "amount", "9" * 400, 400),
    (LIMIT, "amount", "0.00001", 400),
    (LIMIT, "amount", "1000", 422),
    (LIMIT, "limit_price", "-1", 400),
    (LIMIT, "limit_price", "0", 400),
    (LIMIT, "limit_price", "20000.001", 400),
    (LIMIT, "limit_price", "NaN", 400),
    (LIMIT, "limit_price", "1e400", 400),
    (LIMIT, "limit_price", None, 400),
    (LIMIT, "symbol", "NO/SUCH", 404),
    (LIMIT, "symbol", "../../etc/passwd", 404),
    (LIMIT, "symbol", 7, 400),
    (LIMIT, "side", "hold", 400),
    (LIMIT, "side", 1, 400),
    (LIMIT, "type", "stop", 400),
    (LIMIT, "time_in_force", "never", 400),
    (LIMIT, "post_only", "yes", 400),
    (LIMIT, "client_order_id", "x" * 65, 400),
    (LIMIT, "client_order_id", "two words", 400),
    (LIMIT, "client_order_id", 7, 400),
    (MARKET, "quote_amount", "100", 400),
    (MARKET, "limit_price", "20000", 400),
    (MARKET, "amount", "NaN", 400),
]
BAD_AMOUNTS: list[object] = ["-1", "0", "NaN", "1e400", "0.000000001", [], True]
RAW_BODIES: list[tuple[str, str]] = [
    ('{"symbol": "BTC/USDT", "side": "buy", "type": "market", "amount": NaN}', "amount"),
    ('{"symbol": "BTC/USDT", "side": "buy", "type": "market", "amount": 1e400}', "amount"),
    ('{"symbol": "BTC/USDT", "side": "buy", "type": "market", "amount": -Infinity}', "amount"),
    ('{"symbol": "BTC/USDT", "type": "market", "amount": 1}', "side"),
    ('{"symbol": "BTC/USDT", "side": "buy"', "body"),
    ("[]", "body"),
    ("null", "body"),
    ("", "body"),
    ("[" * 100_000, "body"),
    ("\x00", "body"),
]


async def test_bad_input_is_refused_by_name_and_changes_nothing(floor: Floor) -> None:
    trader = floor.open_account("clumsy", {"USDT": "1000"})
    headers = trader.headers | {"content-type": "application/json"}
    async with aiohttp.ClientSession(floor.exchange.url) as session:
        await funded(session, trader)
        before = await account_of(session, trader)
        for order, field, value, status in BAD_ORDERS:
            body = order | {field: value}
            code, answer = await ask(session, trader, "POST", "/orders", body)
            assert (code, answer["error"].get("field")) == (status, field), (body, answer)
            code, answers = await ask(session, trader, "POST", "/orders/batch", [body])
            assert (code, answers[0]["error"].get("field")) == (200, field), (body, answers)
        for raw, field in RAW_BODIES:
            async with session.post("/orders", data=raw.encode(), headers=headers) as reply:
                answer = await reply.json()
                assert (reply.status, answer["error"].get("field")) == (400, field), (raw[:80], answer)
        status, answer = await ask(session, trader, "POST", "/orders/batch", [LIMIT] * 501)
        assert (status, answer["error"]["field"]) == (400, "orders")
        for path in ("deposit", "withdrawal"):
            for amount in BAD_AMOUNTS:
                status, answer = await ask(session, trader, "POST", f"/balance/USDT/{path}", {"amount": amount})
                assert (status, answer["error"]["field"]) == (400, "amount"), (path, amount, answer)
        assert (await ask(session, trader, "POST", "/balance/NOSUCH/deposit", {"amount": "1"}))[0] == 404
        assert await account_of(session, trader) == before
    report = await floor.examiner.read()
    assert [order for order in report.orders.values() if order.reserved.account == trader.account] == []


async def test_prices_off_the_tick_and_amounts_off_the_step_are_refused(floor: Floor) -> None:
    filters = {"price_decimals": 2, "quantity_decimals": 2, "tick_size": "0.05", "step_size": "0.50"}
    floor.exchange.administer("POST", "/instruments", filters | {"symbol": "IRON/USDT"})
    trader = floor.open_account("iron", {"USDT": "1000"})
    order = {"symbol": "IRON/USDT", "side": "buy", "type": "limit", "amount": "1.50", "limit_price": "10.05"}
    async with aiohttp.ClientSession(floor.exchange.url) as session:
        for change, reason in (({"limit_price": "10.04"}, "price_off_tick"), ({"amount": "1.25"}, "quantity_off_step")):
            status, answer = await ask(session, trader, "POST", "/orders", order | change)
            assert (status, answer["error"]["code"], answer["error"]["field"]) == (400, reason, *change)
        assert (await ask(session, trader, "GET", "/orders?status=open"))[1] == []
        assert (await ask(session, trader, "POST", "/orders", order))[0] == 200


async def test_a_body_of_ten_megabytes_is_refused(floor: Floor) -> None:
    padded = b'{"padding": "' + b"x" * 10_000_000 + b'"}'
    for path in ("/orders", "/orders/batch", "/balance/USDT/deposit"):
        status, answer = await asyncio.wait_for(flood(floor, path, padded), PATIENCE_S)
        assert (status, answer["error"]["field"]) == (413, "body")


async def flood(floor: Floor, path: str, body: bytes) -> tuple[int, Any]:
    """Send a body without end and return the answer, which may come before all of it was sent."""
    headers = ["host: x", f"x-api-key: {floor.traders[0].api_key}", f"content-length: {len(body)}"]
    head = "\r\n".join([f"POST {path} HTTP/1.1", *headers, "", ""])
    reader, writer = await asyncio.open_connection("127.0.0.1", int(floor.exchange.variables["MOCKX_GATEWAY_PORT"]))
    try:
        writer.write(head.encode() + body)
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
        return int(first.split()[1]), json.loads(await reader.readexactly(length))
    finally:
        # A plain close would wait for the rest to be sent, and outlive the event loop.
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def funded(session: aiohttp.ClientSession, trader: Trader) -> None:
    """Wait until an account's starting funds are posted."""
    async with asyncio.timeout(PATIENCE_S):
        while not (await ask(session, trader, "GET", "/balance"))[1]:
            pass
