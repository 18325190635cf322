"""An exchange as a person runs it: `mockx up` in a process of its own, on free ports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from infra.credentials import FILE_NAME, read_credentials
from infra.embedded.process import free_port
from infra.http_client import HttpAnswer, NoAnswer, request

MOCKX = [sys.executable, "-c", "import sys; from mockexchange.cli import main; sys.exit(main())"]
PORTS = ("MOCKX_GATEWAY_PORT", "MOCKX_DASHBOARD_PORT", "MOCKX_NATS_PORT", "MOCKX_VALKEY_PORT", "MOCKX_RAY_PORT")
START_S = 120.0
LAST_LINE = "Ctrl-C stops."


class RunningExchange:
    """Starts and stops `mockx up`; `settings` are added to its environment, without `MOCKX_`."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.data_dir = data_dir
        variables = {f"MOCKX_{name.upper()}": value for name, value in settings.items()}
        self.variables = {name: str(free_port()) for name in PORTS} | variables
        self.variables = {"MOCKX_DASHBOARD": "off"} | self.variables
        self.variables |= {"MOCKX_DATA_DIR": str(data_dir), "MOCKX_CONFIG": os.devnull}
        self.url = f"http://127.0.0.1:{self.variables['MOCKX_GATEWAY_PORT']}"
        self.lines: list[str] = []
        self._heard = 0
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MOCKX_")}
        return inherited | {"PYTHONPATH": os.getcwd()} | self.variables

    def start(self, *words: str) -> None:
        """Start it, with options of `mockx up`, and wait until it says that it is ready."""
        self.lines, self._heard = [], 0
        self._process = subprocess.Popen(
            [*MOCKX, "up", *words], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for_line(LAST_LINE, START_S)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Press Ctrl-C, or send another signal; return the exit status."""
        self.process.send_signal(number)
        return self._end()

    def kill(self) -> None:
        """Kill -9 `mockx up`."""
        self.process.kill()
        self._end()

    def complaint(self, **settings: str) -> str:
        """Run it with other settings, with which it must not start; return what it complains of."""
        variables = {f"MOCKX_{name.upper()}": value for name, value in settings.items()}
        done = subprocess.run(
            [*MOCKX, "up"],
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
        )
        assert done.returncode == 1, done.stdout
        return done.stderr

    def run(self, *words: str) -> str:
        """Run another `mockx` command with the same settings; return what it printed."""
        done = subprocess.run(
            [*MOCKX, *words], env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, method: str, path: str, body: object = None, key: str | None = None) -> HttpAnswer:
        """Ask the gateway as the demo account, or with another key."""
        own = key or read_credentials(self.data_dir / FILE_NAME).demo_api_key
        return request(method, f"{self.url}{path}", key=own, body=body)

    def get(self, path: str) -> Any:
        """Return what the gateway answers to the demo account."""
        answer = self.ask("GET", path)
        assert answer.status == 200, answer
        return answer.body

    def is_well(self) -> bool:
        try:
            return self.ask("GET", "/health").status == 200
        except NoAnswer:
            return False

    def wait_for_line(self, text: str, timeout_s: float = START_S) -> str:
        """Return the next line that contains the text, after those that were waited for before."""
        deadline = time.monotonic() + timeout_s
        while True:
            while self._heard < len(self.lines):
                self._heard += 1
                if text in self.lines[self._heard - 1]:
                    return self.lines[self._heard - 1]
            assert self.process.poll() is None, "it ended: " + "".join(self.lines)
            assert time.monotonic() < deadline, f"never said {text!r}: " + "".join(self.lines)
            time.sleep(0.02)

    def processes(self) -> dict[int, str]:
        """Return the processes that belong to this exchange: their ids and command lines.

        Some programs write their title over their environment, so what shares a session with one of ours, or works
        in the data directory, counts too.
        """
        alive = {int(path.name): path for path in Path("/proc").iterdir() if path.name.isdecimal()}
        sessions = {_session(path) for path in alive.values() if self._is_ours(path)} - {os.getsid(0), 0}
        members = {pid: path for pid, path in alive.items() if self._is_ours(path) or _session(path) in sessions}
        return {pid: command for pid, path in members.items() if (command := _command(path))}

    def _is_ours(self, process: Path) -> bool:
        try:
            if (process / "cwd").resolve().is_relative_to(self.data_dir):
                return True
            return f"MOCKX_DATA_DIR={self.data_dir}".encode() in (process / "environ").read_bytes().split(b"\0")
        except OSError:
            return False

    def wait_until_gone(self, timeout_s: float = 10.0) -> None:
        """Wait until no process of this exchange is left."""
        deadline = time.monotonic() + timeout_s
        while left := self.processes():
            assert time.monotonic() < deadline, f"still there: {left}"
            time.sleep(0.05)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    def _end(self) -> int:
        status = self.process.wait(60)
        assert self._reader is not None
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


def _session(process: Path) -> int:
    try:
        return os.getsid(int(process.name))
    except ProcessLookupError:
        return 0


def _command(process: Path) -> str:
    """Return the command line; a process that has ended and was not yet waited for has none."""
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""
