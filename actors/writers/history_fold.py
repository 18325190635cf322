"""The journal as rows of history: one ledger per shard, and what records changed since the rows were last taken."""

from __future__ import annotations

from zlib import crc32

from actors.writers.following import AnotherJournal
from infra.ports import JournalMessage
from infra.read_model.rows import Position, Rows
from mockexchange.ledger import AccountEvent, BalanceChanged, Filled, Ledger, OrderChanged
from mockexchange.messages.codec import Record, decode_record
from mockexchange.messages.events import (
    BookRecord,
    HistoryCleared,
    OrderFilled,
    RegistryRecord,
    ShardRecord,
    ShardsConfigured,
    trade_of,
)
from mockexchange.messages.subjects import shard_of_subject


class ShardsGrew(Exception):
    """There are more shards than ledgers from here on."""


class HistoryFold:
    """Folds records in order. Rows are collected beyond `position`, up to which they are written already.

    The ledgers may stand at different sequences, none beyond the position; each takes up where it stands.
    """

    def __init__(self, ledgers: list[Ledger], position: Position | None) -> None:
        self._ledgers = ledgers
        self._written = position
        self.position = position
        self.rows = Rows()

    @property
    def start(self) -> int:
        """Where to begin to read: no later than the position, whose record is compared."""
        sequences = [ledger.sequence + 1 for ledger in self._ledgers]
        return min([*sequences, 1 if self._written is None else self._written.sequence], default=1)

    def apply(self, message: JournalMessage) -> None:
        """Fold one record. Raises ShardsGrew, AnotherJournal, and what a broken ledger raises."""
        self.apply_decoded(message, decode_record(message.subject, message.payload))

    def apply_decoded(self, message: JournalMessage, record: Record) -> None:
        """Fold one record that is decoded already."""
        is_new = self._is_new(message)
        shard = shard_of_subject(message.subject)
        if isinstance(record, RegistryRecord):
            self._check_shards(record)
        elif shard is not None and shard >= len(self._ledgers):
            raise ShardsGrew(shard + 1)
        for ledger in self._ledgers if shard is None else [self._ledgers[shard]]:
            if message.sequence > ledger.sequence:
                events = ledger.apply(message.sequence, message.subject, record)
                if is_new:
                    self._collect(ledger, record, events)
        if is_new:
            if isinstance(record, BookRecord):
                self._collect_trades(record)
            self.position = Position(message.sequence, crc32(message.payload))

    def take(self) -> Rows:
        """Return the rows collected so far, and begin anew."""
        rows, self.rows = self.rows, Rows()
        return rows

    def _is_new(self, message: JournalMessage) -> bool:
        """Return whether a record lies beyond what is written; compare the one that was written last."""
        written = self._written
        if written is None or message.sequence > written.sequence:
            return True
        if message.sequence == written.sequence and crc32(message.payload) != written.checksum:
            raise AnotherJournal(written)
        return False

    def _check_shards(self, record: RegistryRecord) -> None:
        for event in record.events:
            if isinstance(event, ShardsConfigured) and event.count > len(self._ledgers):
                raise ShardsGrew(event.count)

    def _collect(self, ledger: Ledger, record: Record, events: list[AccountEvent]) -> None:
        if is_clearing(record):
            self.rows.cleared.extend(ledger.accounts)
            for account in ledger.accounts.values():
                for order in account.open_orders.values():
                    self.rows.put_order(order)
        rows = self.rows
        for event in events:
            match event:
                case OrderChanged(order=order, step=step):
                    rows.put_order(order)
                    rows.add_step(order.order_id, step)
                case Filled(number=number, fill=fill):
                    rows.add_fill(number, fill)
                case BalanceChanged(account=owner, balances=balances):
                    rows.put_balances(owner, balances)

    def _collect_trades(self, record: BookRecord) -> None:
        for event in record.events:
            if isinstance(event, OrderFilled):
                self.rows.add_trade(trade_of(event, record))


def is_clearing(record: Record) -> bool:
    """Return whether a record begins the history of its shard's accounts anew."""
    return isinstance(record, ShardRecord) and any(isinstance(event, HistoryCleared) for event in record.events)
