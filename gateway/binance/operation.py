"""What can be asked in this dialect. An operation is one request, however it comes in: by REST or the WebSocket API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from gateway.auth import Caller
    from gateway.binance.parameters import Parameters
    from gateway.gateway import Gateway


class Security(Enum):
    """What a request must prove."""

    NONE = "none"
    KEY = "key"
    """A known API key, no signature."""
    READ = "read"
    """A signature by a key that may read."""
    TRADE = "trade"
    """A signature by a key that may trade."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One request on its way: who asks (None: nobody who had to say), and what for."""

    gateway: Gateway
    parameters: Parameters
    caller: Caller | None

    @property
    def account(self) -> Caller:
        """The caller of an operation that needs one."""
        assert self.caller is not None
        return self.caller


Weigh = Callable[["Parameters"], int]

_EVERYWHERE: Final = frozenset({"apiKey", "timestamp", "recvWindow", "signature", "returnRateLimits"})


def names(text: str) -> frozenset[str]:
    """Return the names of parameters that a text lists, and of those that prove who asks."""
    return _EVERYWHERE.union(text.split())


NO_NAMES: Final = names("")


@dataclass(frozen=True, slots=True)
class Operation:
    """One request of the dialect.

    `method` and `path` are those of REST, empty where there is none; `name` is the method of the WebSocket API, empty
    where there is none. `handle` returns what is to be encoded as JSON, and raises Failure. `weight` counts against the
    request weight, `orders` against the order count of the account. `takes` names the parameters that it may be given,
    of use here or not; None: any may come.
    """

    method: str
    path: str
    name: str
    security: Security
    weight: int | Weigh
    handle: Callable[[Inquiry], Awaitable[Any]]
    orders: int = 0
    takes: frozenset[str] | None = None

    def weigh(self, parameters: Parameters) -> int:
        """Return how much a request weighs. Raises BinanceError for a parameter that it does not take."""
        if self.takes is not None:
            parameters.check_names(self.takes, is_empty=self.takes is NO_NAMES)
        return self.weight if isinstance(self.weight, int) else self.weight(parameters)
