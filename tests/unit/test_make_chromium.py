"""`make-chromium` on systems of all kinds, of which everything but the shell is made up."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest

SCRIPT: Final = Path(__file__).parents[2] / "infra" / "deploy" / "make-chromium"
INSTALL: Final = "noninteractive install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=120 chromium"
UPDATE: Final = "noninteractive update -qq"

APT_GET: Final = """
echo "$DEBIAN_FRONTEND $*" >> "$SYSTEM/asked"
[ -f "$SYSTEM/is-away" ] && { echo "cannot reach the mirror" >&2; exit 100; }
case "$1" in
    update) : > "$SYSTEM/lists" ;;
    install) [ -f "$SYSTEM/lists" ] || exit 100
             [ -f "$SYSTEM/is-empty" ] || { : > "$SYSTEM/chromium"; command -p chmod +x "$SYSTEM/chromium"; } ;;
esac
"""


class System:
    """A directory that is all of PATH."""

    def __init__(self, folder: Path, user: int = 0) -> None:
        self.folder = folder
        self.put("id", f"echo {user}")
        self.put("apt-get", APT_GET)

    def put(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh{chr(10)}{text}{chr(10)}")
        path.chmod(0o755)

    def run(self) -> tuple[int, str]:
        """Run the script; return its status and what it complains of."""
        environment = {"PATH": str(self.folder), "SYSTEM": str(self.folder)}
        done = subprocess.run(["/bin/sh", SCRIPT], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    def asked(self) -> list[str]:
        """Return what apt-get was asked for."""
        path = self.folder / "asked"
        return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_where_a_browser_is_nothing_is_done(tmp_path: Path, name: str) -> None:
    system = System(tmp_path, user=1000)
    system.put(name, "")
    assert system.run() == (0, "")
    assert system.asked() == []


def test_a_bare_system_learns_what_there_is_before_it_installs(tmp_path: Path) -> None:
    system = System(tmp_path)
    assert system.run() == (0, "")
    assert system.asked() == [INSTALL, UPDATE, INSTALL]
    assert system.run() == (0, "")
    assert len(system.asked()) == 3


def test_a_system_that_knows_its_packages_installs_at_once(tmp_path: Path) -> None:
    system = System(tmp_path)
    (tmp_path / "lists").touch()
    assert system.run() == (0, "")
    assert system.asked() == [INSTALL]


def test_who_is_not_root_is_told_what_to_run(tmp_path: Path) -> None:
    system = System(tmp_path, user=1000)
    status, said = system.run()
    assert status == 1
    assert "as root, run apt-get update && apt-get install chromium, then make again" in said
    assert system.asked() == []


def test_a_system_without_apt_is_told_to_install_it_by_other_means(tmp_path: Path) -> None:
    system = System(tmp_path)
    (tmp_path / "apt-get").unlink()
    assert system.run() == (1, "make-chromium: chromium is not installed: install it, then run make again\n")


def test_why_it_cannot_be_installed_is_said(tmp_path: Path) -> None:
    system = System(tmp_path)
    (tmp_path / "is-away").touch()
    status, said = system.run()
    assert status == 1
    assert said.startswith("cannot reach the mirror\nmake-chromium: chromium could not be installed: as root")


def test_a_package_that_brings_no_browser_is_not_taken_for_one(tmp_path: Path) -> None:
    system = System(tmp_path)
    (tmp_path / "is-empty").touch()
    status, said = system.run()
    assert status == 1
    assert "brings no browser" in said
