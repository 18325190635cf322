"""Colours and type: told apart by people who see red and green alike, in light and in dark."""

from __future__ import annotations

from typing import Any, Final

BUY: Final = "#0f7bd6"
"""Blue: bids, buys, rises."""

SELL: Final = "#e0601f"
"""Orange: asks, sells, falls. Blue and orange differ for every common kind of colour blindness."""

THEME: Final[dict[str, Any]] = {
    "primaryColor": "blue",
    "fontFamily": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
    "defaultRadius": "sm",
    "headings": {"fontWeight": "600"},
}


def aria(**names: str) -> Any:
    """Return attributes for those who do not see the page: `aria(label="Pages")`."""
    return {f"aria-{name}": text for name, text in names.items()}
