"""A journal with everything that history tells of: two shards, partial fills between them, cancels, clearing."""

from __future__ import annotations

from random import Random

from mockexchange.messages.commands import Deposit
from mockexchange.messages.events import Adjusted, HistoryCleared, OrderReserved, ShardsConfigured
from mockexchange.messages.orders import Side, TimeInForce
from tests.support.exchange import BTC, SECOND_NS, USDT, Exchange, limit, market

ACCOUNTS = {1: 0, 2: 1, 3: 0, 4: 1}
PRICE = 60_000_00


def opened_exchange() -> Exchange:
    """Return an exchange with four rich accounts on two shards."""
    exchange = Exchange()
    exchange.register(ShardsConfigured(2))
    for account, shard in ACCOUNTS.items():
        exchange.create_account(account, shard, USDT=10**9 * USDT, BTC=10**5 * BTC)
    return exchange


def trade_a_while(exchange: Exchange, seed: int, rounds: int) -> None:
    """Let accounts place and cancel, with what several of them do at once in one record."""
    random = Random(f"{seed} {len(exchange.records)}")
    for turn in range(rounds):
        exchange.now_ns += SECOND_NS // 100
        for _ in range(random.randint(1, 5)):
            _act(exchange, random, f"{len(exchange.records)}-{turn}-{random.random()}")
        exchange.settle()


def _act(exchange: Exchange, random: Random, command: str) -> None:
    account, shard = random.choice(list(ACCOUNTS.items()))
    owner = exchange.shards[shard]
    side = random.choice(list(Side))
    quantity = random.randint(1, 50) * 1_000
    kind = random.randrange(10)
    open_orders = owner.ledger.open_orders(account, "", 0, 0)
    if kind < 6:
        tif = random.choice([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC])
        price = PRICE + random.randint(-5, 5) * 100
        owner.decide(limit(account, side, quantity, price, command=f"g:{command}", tif=tif))
    elif kind < 8:
        owner.decide(market(account, side, quantity, reference=PRICE, command=f"g:{command}"))
    elif kind == 8 and open_orders:
        owner.cancel(random.choice(open_orders), command)
    else:
        owner.decide(Deposit(f"d:{command}", account, "USDT", random.randint(1, 10**6), 0, exchange.now_ns))


def clear_history(exchange: Exchange, shard: int) -> None:
    """Begin the history of a shard anew, in the middle of trading; the same record changes a balance."""
    owner = exchange.shards[shard]
    account = next(account for account, at in ACCOUNTS.items() if at == shard)
    free = owner.ledger.accounts[account].balance("USDT").free
    command = f"clear:{len(exchange.records)}"
    before = owner.decide(limit(account, Side.BUY, 1_000, PRICE // 2, command=f"g:{command}"))
    assert isinstance(before, OrderReserved)
    owner.unsent.append(HistoryCleared(command))
    owner.unsent.append(Adjusted(f"{command}:USDT", account, "USDT", -(free // 10), "history cleared"))
    exchange.settle()


def eventful_exchange(seed: int, rounds: int = 120) -> Exchange:
    """Return an exchange after trading, with the history of both shards cleared in between."""
    exchange = opened_exchange()
    for shard in (0, 1, 0):
        trade_a_while(exchange, seed, rounds // 4)
        clear_history(exchange, shard)
    trade_a_while(exchange, seed, rounds // 4)
    return exchange
