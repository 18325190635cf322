"""What can go wrong on the way from a request to its answer. Each dialect writes these in its own words."""

from __future__ import annotations

from typing import Final

from mockexchange.messages.commands import Refused, Unavailable
from mockexchange.messages.refusals import RejectReason

RETRY_AFTER_S: Final = 1
MAINTENANCE_RETRY_S: Final = 30


class Failure(Exception):
    """A request that is not answered as asked."""


class InvalidInput(Failure):
    """A value that cannot be used; `field` names it (empty: the request as a whole)."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field = field
        self.message = message


class NotAuthenticated(Failure):
    """There is no key, or a wrong one."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotPermitted(Failure):
    """The key is good, but not for this."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotFound(Failure):
    """What the request is about does not exist; `field` names how it was asked for."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field = field
        self.message = message


class CommandRefused(Failure):
    """The exchange refused a command for a reason of its own; nothing was done."""

    def __init__(self, reason: RejectReason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class DirectoryRefusal(Failure):
    """The directory refused a change; `status` is the fitting HTTP status."""

    def __init__(self, field: str, message: str, status: int) -> None:
        super().__init__(field, message, status)
        self.field = field
        self.message = message
        self.status = status


class NotAvailable(Failure):
    """No answer now. With `may_execute` the command may still be executed: its id tells."""

    def __init__(self, message: str, *, may_execute: bool = False, retry_after_s: int = RETRY_AFTER_S) -> None:
        super().__init__(message, may_execute)
        self.message = message
        self.may_execute = may_execute
        self.retry_after_s = retry_after_s


class UnderMaintenance(NotAvailable):
    """New orders are refused until an administrator allows them again."""

    def __init__(self) -> None:
        super().__init__("the exchange is under maintenance", retry_after_s=MAINTENANCE_RETRY_S)


def reason_of(failure: Exception) -> str:
    """Return in words why a request was not answered as asked."""
    match failure:
        case CommandRefused(reason=reason, detail=detail):
            return f"{reason.text}: {detail}" if detail else reason.text
        case InvalidInput(field=field, message=message) if field:
            return f"{field}: {message}"
        case Failure():
            return str(getattr(failure, "message", type(failure).__name__))
    return str(getattr(failure, "detail", type(failure).__name__))


def failure_of(answer: Refused | Unavailable) -> Failure:
    """Return the failure that an answer of a shard stands for."""
    if isinstance(answer, Refused):
        return CommandRefused(answer.reason, answer.detail)
    return NotAvailable(answer.detail, may_execute=answer.may_execute)
