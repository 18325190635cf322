"""Type and shape of the components, and attributes for those who do not see the page."""

from __future__ import annotations

from typing import Any, Final

THEME: Final[dict[str, Any]] = {
    "primaryColor": "blue",
    "primaryShade": 9,
    "colors": {
        "dark": [
            "#c9ced6", "#b0b6c0", "#9aa1ab", "#646b76", "#3a3f49",
            "#2c3038", "#20242b", "#16181d", "#111318", "#0e1014",
        ]
    },
    "fontFamily": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
    "defaultRadius": "sm",
    "headings": {"fontWeight": "600"},
}  # fmt: skip


def aria(**names: str) -> Any:
    """Return attributes for those who do not see the page: `aria(label="Pages")`."""
    return {f"aria-{name}": text for name, text in names.items()}
