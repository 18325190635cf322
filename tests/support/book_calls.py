"""Calls to the actor of a book on a bench, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actors.order_book import OrderBookShell
from mockexchange.messages.channel import (
    BookAmend,
    BookCancel,
    Delivery,
    DeliveryAnswer,
    OverridePrice,
    ReadDepth,
    ReleasePrice,
)
from mockexchange.messages.codec import decode_book_answer, decode_delivery_answer, encode
from mockexchange.messages.events import OrderAccepted, OrderRejected, OrderReserved
from mockexchange.messages.orders import OrderType, Side, TimeInForce
from mockexchange.messages.subjects import book_journal
from tests.simulation.actors import INSTRUMENTS
from tests.simulation.bench import Bench
from tests.simulation.loop import Node

PLAIN = "ETH/BTC"
FED = "BTC/USDT"
PRICE = 6_000_000
SUBJECT = book_journal(PLAIN)
Running = tuple[Node, OrderBookShell]


def reserved(number: int, symbol: str = PLAIN, **terms: Any) -> OrderReserved:
    """Return the reservation of an order of shard 0: a limit buy of 100 unless said otherwise."""
    instrument = INSTRUMENTS[symbol]
    made = {
        "order_id": number * 1024,
        "account": 1,
        "symbol": symbol,
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "is_post_only": False,
        "quantity": 100,
        "price": instrument.start_price,
        "quote_amount": 0,
        "command_id": f"g:{number}",
        "client_order_id": "",
        "maker_rate": 1_000,
        "taker_rate": 2_000,
        "received_ns": 0,
        "reserved_ns": 0,
        "deadline_ns": 2**62,
    } | terms
    held_price = made["price"] or 2 * instrument.start_price
    is_buy = made["side"] is Side.BUY
    hold = instrument.quote_amount(held_price, made["quantity"]) if is_buy else instrument.base_amount(made["quantity"])
    return OrderReserved(**({"hold": hold} | made))


def market_order(number: int, side: Side = Side.BUY) -> OrderReserved:
    terms = {"order_type": OrderType.MARKET, "time_in_force": TimeInForce.IOC, "price": 0, "side": side}
    return reserved(number, FED, **terms)


def delivery(
    number: int,
    *orders: OrderReserved,
    epoch: int = 1,
    cancels: Sequence[BookCancel] = (),
    amends: Sequence[BookAmend] = (),
) -> bytes:
    return encode(Delivery(0, epoch, number, list(orders), list(cancels), list(amends)))  # type: ignore[arg-type]


async def deliver(book: Running, payload: bytes) -> DeliveryAnswer:
    node, shell = book
    return decode_delivery_answer(await node.spawn(shell.deliver(payload)))


async def ask(book: Running, request: ReadDepth | OverridePrice | ReleasePrice) -> Any:
    node, shell = book
    return decode_book_answer(await node.spawn(shell.ask(encode(request))))


async def opened(bench: Bench, symbol: str = PLAIN) -> Running:
    """List everything and start a book; one with a feed shows 100 on both sides of the usual price."""
    await bench.list_everything()
    return await bench.start_book(symbol)


def decided(bench: Bench, subject: str = SUBJECT) -> list[Any]:
    return [event for event in bench.events(subject) if isinstance(event, OrderAccepted | OrderRejected)]
