"""What an administrator asks of a gateway that has just started is done for every account and every shard."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mockexchange.messages.commands import OrderAnswer, PlaceOrder
from mockexchange.messages.events import HistoryCleared, OrderCanceled
from mockexchange.messages.orders import OrderType, Side, TimeInForce
from mockexchange.messages.subjects import accounts_journal, book_journal
from tests.simulation.actors import ETH_BTC, SHARDS
from tests.simulation.bench import Bench, on_bench
from tests.simulation.gateways import GatewayActor
from tests.simulation.wire import Wire


class BenchBoard:
    """Finds the shards and books of a bench."""

    def __init__(self, bench: Bench, shards: list[Any]) -> None:
        self._bench = bench
        self._shards = shards

    def shard(self, shard: int) -> Any:
        node, shell = self._shards[shard]
        return SimpleNamespace(node=node, handle=shell.handle)

    def book(self, symbol: str) -> Any:
        node, shell = self._bench.books[symbol]
        return SimpleNamespace(node=node, ask=shell.ask)

    def directory(self) -> Any:
        return None


async def new_gateway(bench: Bench) -> GatewayActor:
    """Start shards, an open order, and a gateway that has read nothing yet."""
    await bench.list_everything()
    shards = [await bench.start_shard(shard) for shard in range(SHARDS)]
    now_ns = bench.now_ns()
    terms = (ETH_BTC.symbol, Side.BUY, OrderType.LIMIT, TimeInForce.GTC, False, 100, 5_000, 0, 0, "")
    [placed] = await bench.ask(shards[0], PlaceOrder("g:1", 1, *terms, now_ns, now_ns + 10**9))
    assert isinstance(placed, OrderAnswer)
    wire = Wire(bench.around.loop, bench.around.faults)
    gateway = GatewayActor(0, bench.node("gateway"), bench.around, wire, BenchBoard(bench, shards))
    gateway.start()
    return gateway


@on_bench
async def test_a_reset_cancels_the_orders_of_all_accounts_and_clears_all_shards(bench: Bench) -> None:
    gateway = await new_gateway(bench)
    assert await gateway.node.spawn(gateway.administer("reset")) == ""
    for shard in range(SHARDS):
        assert any(isinstance(event, HistoryCleared) for event in bench.events(accounts_journal(shard)))
    assert any(isinstance(event, OrderCanceled) for event in bench.events(book_journal(ETH_BTC.symbol)))


@on_bench
async def test_an_override_is_not_said_to_be_known_to_shards_that_the_gateway_does_not_know(bench: Bench) -> None:
    gateway = await new_gateway(bench)
    bench.journal.deaf.add(gateway.node)
    answer = await gateway.node.spawn(gateway.administer("override_price", ETH_BTC, 4_000, 10_000, 10_000))
    assert answer.startswith("NotAvailable")
    bench.journal.deaf.clear()
    assert await gateway.node.spawn(gateway.administer("release_price", ETH_BTC)) == ""
