"""Unit and property tests reach nothing outside their process."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

_ISOLATED = {"unit", "property"}


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("this test must do without sockets and without Ray")


def is_isolated(request: pytest.FixtureRequest) -> bool:
    """Whether a module's folder promises to do without sockets and without Ray."""
    return bool(_ISOLATED & set(request.path.parent.parts[len(request.config.rootpath.parts) :]))


@pytest.fixture(scope="module", autouse=True)
def isolation(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let every attempt to use a socket or to start Ray fail in the folders that promise to do without."""
    if not is_isolated(request):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        for name in ("bind", "connect", "connect_ex"):
            patch.setattr(socket.socket, name, _refuse)
        if "ray" in sys.modules:
            patch.setattr(sys.modules["ray"], "init", _refuse)
        yield
