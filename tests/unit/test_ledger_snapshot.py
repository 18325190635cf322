import msgspec
import pytest

from mockexchange.ledger import Ledger, LedgerLimits, SnapshotUnknown, reservation_of
from mockexchange.messages.codec import decode_record
from mockexchange.messages.commands import Deposit, SetBalance, Withdraw
from mockexchange.messages.events import (
    AccountCreated,
    HistoryCleared,
    KeyCreated,
    KeyRevoked,
    OrderReserved,
    ShardsConfigured,
)
from mockexchange.messages.orders import HOUSE, OrderStatus, Side
from mockexchange.registry import key_digest
from tests.support.exchange import BTC, USDT, Exchange, limit, market

PRICE = 60_000_00


def busy_exchange() -> Exchange:
    """Return an exchange with something of everything, part of it on its way."""
    exchange = Exchange()
    exchange.register(ShardsConfigured(2))
    exchange.create_account(1, 0, USDT=10_000 * USDT, BTC=BTC)
    exchange.create_account(2, 1, USDT=10_000 * USDT, BTC=BTC)
    exchange.register(KeyCreated("k1", 1, key_digest("key"), b"sealed", ["read"]))
    exchange.show([(PRICE - 100, 50)], [(PRICE, 400)])
    exchange.place(limit(1, Side.BUY, 1000, PRICE, client_id="partly"))
    exchange.place(limit(2, Side.SELL, 100, PRICE + 500, client_id="rests"), shard=1)
    exchange.place(market(1, Side.SELL, 100, reference=PRICE))
    shard = exchange.shards[0]
    shard.cancel(exchange.place(limit(1, Side.BUY, 1000, PRICE, client_id="over")))
    exchange.settle()
    for request in (
        Deposit("d", 1, "USDT", 5, 5, 1),
        Withdraw("w", 1, "BTC", 5, 5, 1),
        SetBalance("s", 1, "USDT", 5_000 * USDT, -1, 1),
    ):
        shard.decide(request)
    exchange.settle()
    exchange.register(AccountCreated(3, "unfunded", 0, {"USDT": 7 * USDT}, {"USDT": 7}))
    shard.decide(limit(1, Side.BUY, 500, PRICE, client_id="reserved"))
    shard.decide(market(1, Side.BUY, 500, reference=PRICE, command="buys"))
    shard.append()
    shard.fold()
    return exchange


def replayed(exchange: Exchange, shard: int) -> Ledger:
    ledger = Ledger(shard)
    for sequence, subject, payload in exchange.after(0, shard):
        ledger.apply(sequence, subject, decode_record(subject, payload))
    return ledger


def test_a_replay_equals_the_live_ledger() -> None:
    exchange = busy_exchange()
    for shard in exchange.shards:
        shard.fold()
        assert replayed(exchange, shard.shard).state_hash() == shard.ledger.state_hash()


def test_a_restored_ledger_equals_the_one_it_was_taken_of_and_goes_on_alike() -> None:
    exchange = busy_exchange()
    live = exchange.shards[0].ledger
    restored = Ledger.from_snapshot(live.to_snapshot())
    restored.check()
    assert restored.state_hash() == live.state_hash()
    begun = live.sequence
    exchange.settle()
    exchange.show([], [(PRICE, 5000)])
    exchange.shards[0].fold()
    for sequence, subject, payload in exchange.after(begun, 0):
        restored.apply(sequence, subject, decode_record(subject, payload))
    assert restored.sequence > begun
    assert restored.state_hash() == live.state_hash()


def test_a_restored_ledger_knows_what_the_live_one_knows() -> None:
    exchange = busy_exchange()
    live = exchange.shards[0].ledger
    restored = Ledger.from_snapshot(live.to_snapshot())
    assert restored.unresolved() == live.unresolved()
    assert [order.client_order_id for order in restored.unresolved()["BTC/USDT"]] == ["reserved", ""]
    assert restored.funds_due() == live.funds_due()
    assert [(deposit.account, deposit.amount, deposit.value) for deposit in restored.funds_due()] == [(3, 7 * USDT, 7)]
    assert restored.read_account(1) == live.read_account(1)
    assert restored.read_fills(1, "", 0) == live.read_fills(1, "", 0)
    for client_id in ("partly", "over", "reserved"):
        assert restored.order_by_client_id(1, client_id) == live.order_by_client_id(1, client_id) is not None
    assert restored.subjects == live.subjects
    assert (restored.opened, restored.last_order_counter) == (live.opened, live.last_order_counter)
    assert restored.opened > 0


def test_a_restored_registry_goes_on() -> None:
    exchange = busy_exchange()
    restored = Ledger.from_snapshot(exchange.shards[0].ledger.to_snapshot())
    assert restored.registry == exchange.shards[0].ledger.registry
    assert restored.registry.shards == 2
    assert restored.registry.key("key") is not None
    sequence = exchange.register(KeyRevoked("k1"))
    restored.apply(sequence, "journal.registry", decode_record(*exchange.records[-1][1:]))
    assert restored.registry.key("key") is None


def test_reservations_of_several_accounts_are_resent_in_order_id_order() -> None:
    exchange = Exchange()
    for account in (1, 2):
        exchange.create_account(account, USDT=1000 * USDT)
    shard = exchange.shards[0]
    for number in range(6):
        shard.decide(limit(1 + number % 2, Side.BUY, 200, PRICE, command=f"n{number}"))
    shard.append()
    shard.fold()
    (orders,) = Ledger.from_snapshot(shard.ledger.to_snapshot()).unresolved().values()
    assert [order.command_id for order in orders] == [f"n{number}" for number in range(6)]


def test_a_restored_ledger_knows_what_cleared_it() -> None:
    exchange = busy_exchange()
    exchange.append_events(0, [HistoryCleared("clear")])
    ledger = exchange.shards[0].ledger
    exchange.shards[0].fold()
    assert Ledger.from_snapshot(ledger.to_snapshot()).cleared_by == "clear"


def test_the_hash_tells_states_apart() -> None:
    exchange = busy_exchange()
    shard = exchange.shards[0]
    before = shard.ledger.state_hash()
    exchange.create_account(9)
    assert shard.ledger.state_hash() != before


def test_sums_beyond_64_bits_survive() -> None:
    exchange = busy_exchange()
    ledger = exchange.shards[0].ledger
    amount = 3 * 2**70
    ledger.post(HOUSE, "BTC", -amount)
    ledger.accounts[1].balance("BTC").free += amount
    ledger.accounts[1].total("BTC/USDT", Side.BUY).base_amount += amount
    ledger.accounts[1].deposits["USDT"].amount += amount
    restored = Ledger.from_snapshot(ledger.to_snapshot())
    restored.check()
    assert restored.internal == ledger.internal
    assert restored.accounts[1].totals == ledger.accounts[1].totals
    assert restored.accounts[1].deposits == ledger.accounts[1].deposits


def test_a_snapshot_of_another_version_is_refused() -> None:
    state = msgspec.msgpack.decode(Ledger(0).to_snapshot())
    state[0] = 99
    with pytest.raises(SnapshotUnknown, match="99"):
        Ledger.from_snapshot(msgspec.msgpack.encode(state))


@pytest.mark.parametrize("data", [b"", b"\x00", b"not a snapshot", Ledger(0).to_snapshot()[:-3]])
def test_a_damaged_snapshot_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        Ledger.from_snapshot(data)


def test_limits_are_those_of_the_restoring_program() -> None:
    exchange = busy_exchange()
    data = exchange.shards[0].ledger.to_snapshot()
    restored = Ledger.from_snapshot(data, LedgerLimits(fills=1))
    assert len(restored.read_fills(1, "", 0)[0]) == 1


def test_a_reservation_is_rebuilt_as_it_stands_in_the_journal() -> None:
    exchange = Exchange()
    exchange.create_account(1, USDT=1000 * USDT)
    shard = exchange.shards[0]
    decision = shard.decide(limit(1, Side.BUY, 1000, PRICE, client_id="x"))
    assert isinstance(decision, OrderReserved)
    shard.append()
    shard.fold()
    order = shard.ledger.order(1, decision.order_id)
    assert order is not None
    assert order.status is OrderStatus.RESERVED
    assert reservation_of(order) == decision
