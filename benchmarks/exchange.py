"""An exchange of the benchmark's own: started as people start it, on free ports, in a directory of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from infra.embedded.process import free_port
from infra.http_client import HttpAnswer, NoAnswer, request

ADMIN_KEY: Final = "benchmark-administrator"
START_TIMEOUT_S: Final = 180.0
STOP_TIMEOUT_S: Final = 60.0
POLL_S: Final = 0.02

_UP: Final = "import sys; from mockexchange.cli import main; sys.argv = ['mockx', 'up']; sys.exit(main())"
_PID: Final = re.compile(r'^mockx_\w+_actor_pid\{part="([^"]+)"\} (\S+)$', re.MULTILINE)


class Exchange:
    """`mockx up` as a child process. Settings are given without their prefix: `gateway_processes=2`."""

    def __init__(self, directory: Path, **settings: object) -> None:
        self.port = free_port()
        self.data_dir = directory / "data"
        self._output = directory / "up.log"
        given = {
            "data_dir": self.data_dir,
            "gateway_port": self.port,
            "nats_port": free_port(),
            "valkey_port": free_port(),
            "ray_port": free_port(),
            "dashboard": "off",
            "admin_key": ADMIN_KEY,
            **settings,
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MOCKX_")}
        self._environment = inherited | {f"MOCKX_{name.upper()}": str(value) for name, value in given.items()}
        self.ready_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Exchange:
        began = time.perf_counter()
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _UP], env=self._environment, stdout=output, stderr=output
            )
        try:
            wait_for(self._is_ready, START_TIMEOUT_S)
        except BaseException:
            self._stop()
            raise
        self.ready_s = time.perf_counter() - began
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._stop()

    def ask(self, method: str, path: str, body: object = None, *, key: str = ADMIN_KEY) -> Any:
        """Send a request, as the administrator unless told otherwise; return the body of the answer."""
        answer = self.try_to_ask(method, path, body, key=key)
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} answered {answer.status}: {answer.body}")
        return answer.body

    def try_to_ask(
        self, method: str, path: str, body: object = None, *, key: str = ADMIN_KEY, timeout_s: float = 10.0
    ) -> HttpAnswer:
        """Send a request; return the answer, whatever its status. Raises NoAnswer."""
        return request(method, f"http://127.0.0.1:{self.port}{path}", key=key, body=body, timeout_s=timeout_s)

    def create_account(self, name: str, funds: dict[str, str]) -> str:
        """Create an account; return its key once its funds are there."""
        return self.create_key(name, funds)[0]

    def create_key(self, name: str, funds: dict[str, str]) -> tuple[str, str]:
        """Create an account; return its key and the key's secret once its funds are there."""
        made = self.ask("POST", "/accounts", {"name": name, "funds": funds})
        key: str = made["api_key"]

        def is_funded() -> bool:
            return self.try_to_ask("GET", "/balance", key=key).status == 200 and self._has_money(key)

        wait_for(is_funded, 20.0)
        return key, made["api_secret"]

    def processes(self) -> dict[int, str]:
        """Return all processes of the exchange, pid to command line."""
        assert self._process is not None
        children: dict[int, list[int]] = {}
        lines: dict[int, str] = {}
        for name in filter(str.isdecimal, os.listdir("/proc")):
            try:
                stat = Path(f"/proc/{name}/stat").read_text(errors="replace")
                lines[int(name)] = Path(f"/proc/{name}/cmdline").read_text(errors="replace").replace("\0", " ").strip()
            except OSError:
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(name))
        found: dict[int, str] = {}
        waiting = [self._process.pid]
        while waiting:
            pid = waiting.pop()
            found[pid] = lines.get(pid, "")
            waiting += children.get(pid, [])
        return found

    def actor_pids(self) -> dict[str, int]:
        """Return the process of each actor that the directory watches, by the actor's name."""
        text = self.ask("GET", "/metrics")
        return {name: int(float(pid)) for name, pid in _PID.findall(text)}

    def book_pids(self) -> set[int]:
        """Return the processes of the order books."""
        return {pid for pid, line in self.processes().items() if line.startswith("ray::OrderBook")}

    def metric(self, name: str) -> float:
        """Return the first value of a metric, 0 where there is none."""
        found = re.search(rf"^{name}{{.*}} (\S+)$", self.ask("GET", "/metrics"), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def journal_bytes(self) -> int:
        """Return the size of the journal on disk."""
        return sum(path.stat().st_size for path in self.data_dir.rglob("*.blk"))

    def _has_money(self, key: str) -> bool:
        return "." in json.dumps(self.ask("GET", "/balance", key=key))

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"the exchange ended:\n{self._output.read_text()}")
        return "is ready." in self._output.read_text()

    def _stop(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def wait_for(condition: Callable[[], bool], timeout_s: float) -> float:
    """Wait until something holds; return the seconds that took. Raises TimeoutError."""
    began = time.perf_counter()
    while True:
        try:
            if condition():
                return time.perf_counter() - began
        except NoAnswer:
            pass
        if time.perf_counter() - began > timeout_s:
            raise TimeoutError(f"not after {timeout_s} s: {condition.__qualname__}")
        time.sleep(POLL_S)
