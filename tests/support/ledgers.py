"""Every ledger that a test builds must be sound when the test ends."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mockexchange.ledger import Ledger, LedgerBroken

KEPT = 200
_built: deque[Ledger] = deque(maxlen=KEPT)


@pytest.fixture(scope="session", autouse=True)
def watched_ledgers() -> Iterator[None]:
    """Remember the ledgers that are built last, but not those that said themselves that they are broken."""
    build = Ledger.__init__

    def watched_build(self: Ledger, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        _built.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "__init__", watched_build)
        patch.setattr(Ledger, "apply", _forgetting_broken(Ledger.apply))
        patch.setattr(Ledger, "check", _forgetting_broken(Ledger.check))
        yield


def _forgetting_broken(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def watched(self: Ledger, *args: Any) -> Any:
        try:
            return method(self, *args)
        except LedgerBroken:
            others = [ledger for ledger in _built if ledger is not self]
            _built.clear()
            _built.extend(others)
            raise

    return watched


@pytest.fixture(autouse=True)
def sound_ledgers(watched_ledgers: None) -> Iterator[None]:
    """Check all invariants of the ledgers the test built."""
    _built.clear()
    yield
    for ledger in list(_built):
        ledger.check()
