"""What a browser needs of the dashboard is installed with it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

import dashboard
from dashboard.shell import DOCUMENT

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = Path(dashboard.__file__).parent


def test_an_installed_dashboard_has_all_its_assets():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["dashboard"]
    packed = {path for pattern in patterns for path in FOLDER.glob(pattern)}
    others = {path for path in FOLDER.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}}
    assert others
    assert packed == others


def test_the_document_names_assets_that_there_are():
    for name in ("icon.svg", "scheme.js"):
        assert f"/assets/{name}" in DOCUMENT
        assert (FOLDER / "assets" / name).is_file()
