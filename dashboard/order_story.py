"""An order's story, event by event, and how long each step took."""

from __future__ import annotations

from typing import Any, Final

from dashboard.live.board import Payload

US_PER_MS: Final = 1_000

_NAMES: Final = {
    "new": "Accepted by the book",
    "partially_filled": "Filled in part",
    "filled": "Filled",
    "canceled": "Canceled",
    "partially_canceled": "Canceled, filled in part",
    "rejected": "Rejected",
}


def story_of(order: Payload) -> dict[str, Any]:
    """Return an order as the page shows it, with the steps from its arrival to its end."""
    history = order["history"]
    steps = [history[str(index)] for index in range(len(history))]
    told = [*_beginning(order), *(_step(order, step) for step in steps)]
    whole = order["reserved_us"] + sum(step["took_us"] for step in steps)
    return {
        "id": order["id"],
        "said": "",
        "order": {name: value for name, value in order.items() if name != "history"},
        "steps": told,
        "whole": duration(whole) if steps else "",
        "is_open": order["ts_finish"] is None,
    }


def duration(microseconds: int) -> str:
    """Say how long something took, in the unit that people would say."""
    if microseconds < 1_000 * US_PER_MS:
        return f"{microseconds / US_PER_MS:.3f} ms"
    seconds = microseconds // (1_000 * US_PER_MS)
    if seconds < 60:
        return f"{microseconds / 1_000 / US_PER_MS:.2f} s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))
    first = next(index for index, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2])


def _beginning(order: Payload) -> list[dict[str, Any]]:
    """Return what the gateway and the shard did; the order's time is told in milliseconds, rounded down."""
    received, reserved_us = order["ts_create"], order["reserved_us"]
    hold = {"details": [f"{order['initial_hold']} {order['hold_currency']} held"], "took": _after(reserved_us)}
    return [
        {"name": "Received by the gateway", "time": received, "took": "", "details": []},
        {"name": "Money reserved", "time": received + reserved_us // US_PER_MS} | hold,
    ]


def _after(microseconds: int) -> str:
    return f"after {duration(microseconds)}" if microseconds else "at once"


def _step(order: Payload, step: Payload) -> dict[str, Any]:
    return {
        "name": _name(step),
        "time": step["ts"],
        "took": _after(step["took_us"]),
        "details": _details(order, step),
    }


def _name(step: Payload) -> str:
    if step["triggered"]:
        return "Triggered"
    if step["amended_from"]:
        return "Amended"
    return _NAMES.get(step["status"], str(step["status"]))


def _details(order: Payload, step: Payload) -> list[str]:
    base, quote = order["symbol"].split("/")
    lines = []
    if step["triggered"]:
        lines.append(f"the price reached {step['price']} {quote}")
    elif step["price"]:
        lines.append(f"{step['actual_filled']} {base} at {step['price']} {quote}")
        lines.append(f"{step['actual_notion']} {quote}, fee {step['actual_fee']} {order['fee_currency']}")
    if step["amended_from"]:
        lines.append(f"amount lowered from {step['amended_from']} {base}")
    if step["amount_remain"] and order["status"] != "rejected":
        lines.append(f"{step['amount_remain']} {base} remain")
    if step["comment"]:
        lines.append(step["comment"])
    return lines
