"""The exchange at rest: whether it is, and whether all that runs holds what the journal says."""

from __future__ import annotations

from actors.accounts import AccountsShell, ShardState
from actors.fleet import DIRECTORY, Part, book_part, shard_part
from actors.order_book import BookState, OrderBookShell
from actors.writers.history_fold import HistoryFold
from infra.ports import Snapshot
from mockexchange.ledger import Ledger
from mockexchange.matching.book import OrderBook
from mockexchange.messages.codec import decode_book_record, decode_record
from mockexchange.messages.subjects import REGISTRY, accounts_journal, book_journal
from tests.simulation.actors import INSTRUMENTS, SHARDS
from tests.simulation.clients import GATEWAYS
from tests.simulation.fleet import SimulatedFleet
from tests.simulation.surroundings import Surroundings
from tests.simulation.truth import Truth
from tests.support.memory_history import MemoryHistoryStore


class Rest:
    """Looks at the incarnations that serve."""

    def __init__(self, around: Surroundings, fleet: SimulatedFleet) -> None:
        self.around = around
        self.fleet = fleet
        self.violations: list[str] = []

    def unsettled(self) -> str:
        """Return what is still on its way, or empty."""
        for part in (DIRECTORY, *(Part("gateway", str(index)) for index in range(GATEWAYS))):
            if not self.fleet.is_running(part):
                return f"{part.name} does not run"
        traded = set()
        for shard in range(SHARDS):
            shell = self._shard(shard)
            if shell is None or shell.state is not ShardState.SERVING:
                return f"shard {shard} does not serve"
            if shell.ledger.sequence < self._last_for(shard):
                return f"shard {shard} is behind"
            if shell.ledger.unresolved():
                return f"shard {shard} has reservations without outcome: {shell.ledger.unresolved()}"
            if shell.ledger.unfunded:
                return f"accounts {list(shell.ledger.unfunded)} have not got their starting funds"
            accounts = shell.ledger.accounts.values()
            traded |= {order.symbol for account in accounts for order in account.open_orders.values()}
        for symbol in sorted(traded):
            book = self._book(symbol)
            if book is None or book.state is not BookState.SERVING:
                return f"{symbol} has orders and does not run"
        position = self.fleet.store.stored
        if position is None or position.sequence < self.around.journal.end:
            return "the history writer is behind"
        return ""

    async def check(self, truth: Truth) -> list[str]:
        """Return what the running parts, the snapshots and the read model hold that the journal does not say."""
        for shard in range(SHARDS):
            self._check_shard(shard, truth)
        for symbol in INSTRUMENTS:
            self._check_book(symbol, truth)
        self._check_snapshots(truth)
        await self._check_history()
        return self.violations

    def _shard(self, shard: int) -> AccountsShell | None:
        shell: AccountsShell | None = self.fleet.serving(shard_part(shard))
        return shell

    def _book(self, symbol: str) -> OrderBookShell | None:
        shell: OrderBookShell | None = self.fleet.serving(book_part(symbol))
        return shell

    def _last_for(self, shard: int) -> int:
        """Return the sequence of the last record that a shard reads."""
        subjects = [REGISTRY, accounts_journal(shard), *map(book_journal, INSTRUMENTS)]
        return max(self.around.journal.last.get(subject, 0) for subject in subjects)

    def _check_shard(self, shard: int, truth: Truth) -> None:
        live, folded = self._shard(shard), truth.shards[shard]
        folded.check()
        if live is None or live.ledger.state_hash() != folded.state_hash():
            self.violations.append(f"the ledger of shard {shard} is not the fold of the journal")
        if folded.reserved_orders:
            self.violations.append(f"shard {shard} has reservations without outcome: {list(folded.reserved_orders)}")

    def _check_book(self, symbol: str, truth: Truth) -> None:
        folded, live = truth.books.get(symbol), self._book(symbol)
        if folded is None:
            return
        if live is not None and live.state is BookState.SERVING:
            live.book.check()
            if live.book.state_hash() != folded.state_hash():
                self.violations.append(f"the book of {symbol} is not the replay of the journal")

    def _check_snapshots(self, truth: Truth) -> None:
        for name, kept in sorted(self.around.snapshots.kept.items()):
            kind, _, key = name.partition(".")
            for snapshot in kept:
                if kind == "accounts":
                    self._check_ledger_snapshot(int(key), snapshot, truth)
                else:
                    self._check_book_snapshot(key, snapshot, truth)

    def _check_ledger_snapshot(self, shard: int, snapshot: Snapshot, truth: Truth) -> None:
        ledger = Ledger.from_snapshot(snapshot.payload)
        wanted = {REGISTRY, accounts_journal(shard), *map(book_journal, INSTRUMENTS)}
        for record in self.around.journal.records[ledger.sequence :]:
            if record.subject in wanted:
                ledger.apply(record.sequence, record.subject, decode_record(record.subject, record.payload))
        if ledger.state_hash() != truth.shards[shard].state_hash():
            self.violations.append(f"shard {shard} from its snapshot of {snapshot.sequence} is another one")

    def _check_book_snapshot(self, symbol: str, snapshot: Snapshot, truth: Truth) -> None:
        book = OrderBook.from_snapshot(INSTRUMENTS[symbol], snapshot.payload)
        for record in self.around.journal.records[snapshot.sequence :]:
            if record.subject == book_journal(symbol):
                book.apply(decode_book_record(record.payload))
        if book.state_hash() != truth.books[symbol].state_hash():
            self.violations.append(f"the book of {symbol} from its snapshot of {snapshot.sequence} is another one")

    async def _check_history(self) -> None:
        fresh, history, position = (
            MemoryHistoryStore(),
            HistoryFold([Ledger(shard) for shard in range(SHARDS)], None),
            None,
        )
        for record in self.around.journal.records:
            history.apply(record)
            assert history.position is not None
            await fresh.write(history.take(), position, history.position)
            position = history.position
        for name, rows in fresh.content().items():
            if rows != self.fleet.store.content()[name]:
                self.violations.append(f"the history's {name} are not those of the journal")
