"""Files that only their owner may read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def replace_private(path: Path, text: str) -> None:
    """Replace a file in one step, so that nobody reads half of it; only the owner may read it."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
