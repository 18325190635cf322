"""Dialects: each folder of this package that has one speaks it, and nothing else has to know."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from litestar import Response, Router
from litestar.types import ControllerRouterHandler

from gateway.failures import Failure
from gateway.streams.visit import Speech

MAX_BODY_BYTES: Final = 1_000_000

Answer = Response[Any]
WriteFailure = Callable[[Failure | Exception], Answer]


@dataclass(frozen=True)
class Dialect:
    """A way to speak with the exchange over HTTP and WebSockets.

    `prefixes` are the paths it claims; what goes wrong below them, even a path that does not exist, is told by its
    `write_failure`. The dialect without prefixes has all the rest. `speech` is for the path `/ws`, which all share;
    WebSockets on other paths are among the `handlers`.
    """

    name: str
    handlers: Sequence[ControllerRouterHandler | Router]
    write_failure: WriteFailure
    prefixes: tuple[str, ...] = ()
    speech: Speech | None = None


def find_dialects(package: ModuleType) -> list[Dialect]:
    """Return the dialects that folders of a package offer as `DIALECT`, those with prefixes first."""
    folders = [module.name for module in pkgutil.iter_modules(package.__path__) if module.ispkg]
    modules = [import_module(f"{package.__name__}.{name}") for name in sorted(folders)]
    dialects: list[Dialect] = [module.DIALECT for module in modules if hasattr(module, ATTRIBUTE)]
    return sorted(dialects, key=lambda dialect: not dialect.prefixes)


ATTRIBUTE: Final = "DIALECT"


def dialect_of(dialects: Sequence[Dialect], path: str) -> Dialect:
    """Return the dialect that a path belongs to."""
    return next(dialect for dialect in dialects if not dialect.prefixes or path.startswith(dialect.prefixes))
