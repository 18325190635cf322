"""Money: what accounts own and hold, and what they are promised.

`Ledger` folds the journal, `Intake` decides commands against it. Together they are the state of an accounts shard.
"""

from mockexchange.ledger.account import Account, Transfer, TransferKind
from mockexchange.ledger.changes import AccountEvent, BalanceChanged, Filled, OrderChanged
from mockexchange.ledger.decisions import (
    Amending,
    Decision,
    Joined,
    Known,
    KnownTransfer,
    MustWait,
    Promised,
    PromisedList,
)
from mockexchange.ledger.errors import LedgerBroken, MissingRecord
from mockexchange.ledger.intake import Intake
from mockexchange.ledger.ledger import Ledger
from mockexchange.ledger.limits import IntakeLimits, LedgerLimits
from mockexchange.ledger.reservations import SHARD_BASE, order_of, reservation_of
from mockexchange.ledger.shard_fold import STARTING_FUNDS
from mockexchange.ledger.snapshot import SnapshotUnknown

__all__ = [
    "SHARD_BASE",
    "STARTING_FUNDS",
    "Account",
    "AccountEvent",
    "Amending",
    "BalanceChanged",
    "Decision",
    "Filled",
    "Intake",
    "IntakeLimits",
    "Joined",
    "Known",
    "KnownTransfer",
    "Ledger",
    "LedgerBroken",
    "LedgerLimits",
    "MissingRecord",
    "MustWait",
    "OrderChanged",
    "Promised",
    "PromisedList",
    "SnapshotUnknown",
    "Transfer",
    "TransferKind",
    "order_of",
    "reservation_of",
]
