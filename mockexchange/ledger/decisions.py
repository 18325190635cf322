"""What an intake may answer. The first kind is an event of the journal, which is promised and must be appended."""

from __future__ import annotations

import msgspec

from mockexchange.ledger.account import Transfer
from mockexchange.messages.channel import BookAmend
from mockexchange.messages.commands import Refused
from mockexchange.messages.events import Adjusted, Deposited, OrderReserved, Withdrawn
from mockexchange.messages.orders import Order


class PromisedList(msgspec.Struct, frozen=True):
    """Both orders of a list, which must be appended in one record."""

    legs: tuple[OrderReserved, OrderReserved]


class Known(msgspec.Struct, frozen=True):
    """The command was decided before with the same body, and its order has an outcome: give the first answer again."""

    order: Order


class KnownTransfer(msgspec.Struct, frozen=True):
    """The command was executed before with the same body."""

    transfer: Transfer


class Joined(msgspec.Struct, frozen=True):
    """The command is under way with the same body: its waiters get the same answer."""

    command_id: str


class MustWait(msgspec.Struct, frozen=True):
    """An order short of `asset` only while market buys hold their margin, or starting funds are not posted yet.

    Decide again when an order of the account ends or a deposit is folded.
    """

    account: int
    asset: str


class Amending(msgspec.Struct, frozen=True):
    """The book of `symbol` must be told; its word in the journal is the answer."""

    symbol: str
    command: BookAmend


Promised = OrderReserved | Deposited | Withdrawn | Adjusted
Decision = Promised | PromisedList | Refused | Known | KnownTransfer | Joined | MustWait
