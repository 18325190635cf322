"""What keeps `mockx up` from starting is one line that says what to change, and leaves nothing behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from infra.data_directory import DATA_VERSION, locked_data_directory
from tests.support.servers import free_port

MOCKX = "import sys; from mockexchange.cli import main; sys.exit(main())"
PORTS = ["MOCKX_GATEWAY_PORT", "MOCKX_NATS_PORT", "MOCKX_VALKEY_PORT", "MOCKX_RAY_PORT"]


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    ports = {name: str(free_port()) for name in PORTS}
    return ports | {"MOCKX_DATA_DIR": str(tmp_path / "data"), "MOCKX_CONFIG": os.devnull}


def complaint_of_up(variables: dict[str, str], *command: str) -> str:
    """Run `mockx up`, which must fail; return the one line it complains with."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MOCKX_")}
    done = subprocess.run(
        [sys.executable, "-c", MOCKX, *(command or ("up",))],
        env=environment | {"PYTHONPATH": "."} | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_second_exchange_on_the_same_data_is_refused(variables: dict[str, str]) -> None:
    directory = Path(variables["MOCKX_DATA_DIR"])
    with locked_data_directory(directory):
        complaint = complaint_of_up(variables)
    assert f"{directory} is in use by process {os.getpid()}" in complaint
    assert "MOCKX_DATA_DIR" in complaint


@pytest.mark.parametrize("name", PORTS)
def test_a_taken_port_is_refused_by_the_name_of_its_setting(variables: dict[str, str], name: str) -> None:
    with socket.create_server(("127.0.0.1", int(variables[name]))):
        complaint = complaint_of_up(variables)
    assert f"{name} is {variables[name]}, which another program uses" in complaint
    assert f"set {name} to another" in complaint


def test_a_port_that_another_gateway_shares_is_refused_too(variables: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", int(variables["MOCKX_GATEWAY_PORT"])), reuse_port=True):
        assert "MOCKX_GATEWAY_PORT" in complaint_of_up(variables)


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_refused(variables: dict[str, str], host: str) -> None:
    assert "MOCKX_HOST" in complaint_of_up(variables | {"MOCKX_HOST": host})


def test_data_of_a_newer_version_are_refused(variables: dict[str, str]) -> None:
    directory = Path(variables["MOCKX_DATA_DIR"])
    directory.mkdir()
    (directory / "VERSION").write_text(f"{DATA_VERSION + 1}\n")
    assert f"version {DATA_VERSION + 1}" in complaint_of_up(variables)
    assert f"version {DATA_VERSION + 1}" in complaint_of_up(variables, "backup", "file")


def test_credentials_that_others_may_read_are_refused(variables: dict[str, str]) -> None:
    directory = Path(variables["MOCKX_DATA_DIR"])
    directory.mkdir()
    (directory / "credentials.toml").write_text("")
    (directory / "credentials.toml").chmod(0o644)
    assert "run chmod 600" in complaint_of_up(variables)


def test_a_data_directory_that_cannot_be_made_is_refused(variables: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "MOCKX_DATA_DIR" in complaint_of_up(variables | {"MOCKX_DATA_DIR": str(tmp_path / "file" / "data")})
