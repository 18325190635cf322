"""What the system page shows: to everybody whether all is well, to an administrator all parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dashboard.live.board import Payload
from dashboard.live.system import SystemBoard
from mockexchange.messages.subjects import token

ROUTES: Final = 12
REFUSALS: Final = 30
WELL: Final = frozenset({"serving", "following", "catching up", "running", "passive"})
"""States of parts that do their work."""


def public_picture(board: SystemBoard, has_gateway: bool, has_nats: bool) -> dict[str, Any]:
    """Return whether all is well, and what is not: nothing that is anybody's own."""
    ailing: list[str] = []
    if not has_nats:
        ailing.append("NATS cannot be reached")
    if not has_gateway:
        ailing.append("the gateway does not answer")
    if has_nats and not board.is_fresh("directory"):
        ailing.append("the directory is silent")
    parts = board.said("directory").get("parts", {})
    ailing += [f"{name} is {part['state']}" for name, part in sorted(parts.items()) if part["state"] not in WELL]
    servers = board.said("directory").get("servers", {})
    ailing += [f"{name} {server['state']}" for name, server in sorted(servers.items()) if server["state"] != "ok"]
    return {"ailing": ailing}


def whole_picture(board: SystemBoard, symbols: list[str]) -> dict[str, Any]:
    """Return all that an administrator sees, in the words and units of the page."""
    directory = board.said("directory")
    parts: Mapping[str, Payload] = directory.get("parts", {})
    servers: Mapping[str, Payload] = directory.get("servers", {})
    end = servers.get("journal", {}).get("last", 0)
    routes = board.routes()
    return {
        "speeds": _speeds(board, parts, symbols),
        "routes": [list(speed) for speed in routes[:ROUTES]],
        "books": [_book_row(board, parts, symbol) for symbol in symbols],
        "parts": _part_rows(board, parts, end),
        "servers": servers,
        "refusals": _refusals(board),
    }


def _speeds(board: SystemBoard, parts: Mapping[str, Payload], symbols: list[str]) -> dict[str, float]:
    books = [f"book.{token(symbol)}" for symbol in symbols]
    journal = board.per_second("directory", lambda said: _number(said.get("servers", {}).get("journal", {}), "last"))
    return {
        "orders": sum(board.per_second(name, lambda said: _number(said, "orders")) for name in books),
        "commands": sum(
            board.per_second(name, lambda said: _number(said, "commands")) for name in board.names("accounts")
        ),
        "ticks": board.per_second("directory", _ticks) if "feed" in parts else 0.0,
        "records": journal,
    }


def _ticks(said: Payload) -> float:
    return float(sum(said.get("parts", {}).get("feed", {}).get("messages", {}).values()))


def _book_row(board: SystemBoard, parts: Mapping[str, Payload], symbol: str) -> dict[str, Any]:
    name = f"book.{token(symbol)}"
    part, said = parts.get(name, {}), board.said(name)
    ticks = board.per_second("directory", lambda beat: _messages(beat, symbol))
    return {
        "symbol": symbol,
        "state": part.get("state", "asleep"),
        "restarts": part.get("restarts", 0),
        "since": part.get("since"),
        "pid": part.get("pid"),
        "memory": part.get("rss"),
        "open orders": said.get("open_orders"),
        "orders": board.per_second(name, lambda beat: _number(beat, "orders")),
        "ticks": ticks,
        "feed": said.get("feed", ""),
    }


def _messages(said: Payload, symbol: str) -> float:
    return _number(said.get("parts", {}).get("feed", {}).get("messages", {}), symbol)


def _part_rows(board: SystemBoard, parts: Mapping[str, Payload], end: int) -> list[dict[str, Any]]:
    rows = [_part_row(name, part, end) for name, part in sorted(parts.items()) if not name.startswith("book.")]
    for name in board.names("gateway"):
        said = board.said(name)
        rows.append({"name": name, "state": "serving", "memory": said.get("rss"), "pid": said.get("pid")})
    return rows


def _part_row(name: str, part: Payload, end: int) -> dict[str, Any]:
    lag = part.get("lag")
    if lag is None and "sequence" in part and name.startswith("accounts."):
        lag = max(end - part["sequence"], 0)
    return {
        "name": name,
        "state": part.get("state", ""),
        "restarts": part.get("restarts", 0),
        "since": part.get("since"),
        "pid": part.get("pid"),
        "memory": part.get("rss"),
        "lag": lag,
        "detail": part.get("detail", "") or part.get("failure", ""),
    }


def _refusals(board: SystemBoard) -> list[dict[str, Any]]:
    """Return the last refusals of shards and gateways, newest first.

    A gateway repeats what a shard refused, with another status; then the shard says more.
    """
    rows: list[dict[str, Any]] = []
    for name in board.names("accounts"):
        rows += [row | {"by": name} for row in board.said(name).get("refusals", [])]
    for name in board.names("gateway"):
        for row in board.said(name).get("refusals", []):
            detail = f"{row['method']} {row['route']}, status {row['status']}"
            rows.append({"time": row["time"], "reason": row["reason"], "by": name, "detail": detail})
    return sorted(rows, key=lambda row: -int(row["time"]))[:REFUSALS]


def _number(said: Mapping[str, Any], name: str) -> float:
    value = said.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0
