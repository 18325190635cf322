"""Money: what accounts own and hold, and what they are promised.

`Ledger` folds the journal, `Intake` decides commands against it. Together they are the state of an accounts shard.
"""

from mockexchange.ledger.account import Account, Transfer, TransferKind
from mockexchange.ledger.changes import AccountEvent, BalanceChanged, Filled, OrderChanged
from mockexchange.ledger.decisions import Decision, Joined, Known, KnownTransfer, MustWait, Promised
from mockexchange.ledger.errors import LedgerBroken, MissingRecord
from mockexchange.ledger.fold import SHARD_BASE, STARTING_FUNDS, order_of, reservation_of
from mockexchange.ledger.intake import Intake
from mockexchange.ledger.ledger import Ledger
from mockexchange.ledger.limits import IntakeLimits, LedgerLimits
from mockexchange.ledger.snapshot import SnapshotUnknown

__all__ = [
    "SHARD_BASE",
    "STARTING_FUNDS",
    "Account",
    "AccountEvent",
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
    "SnapshotUnknown",
    "Transfer",
    "TransferKind",
    "order_of",
    "reservation_of",
]
