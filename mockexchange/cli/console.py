"""What `mockx up` says while parts start, die, come back and stop."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.status import Status

from infra.supervisor import Notice, Step

_LOG_FORMAT: Final = "%(asctime)s %(message)s"


class Narrator:
    """Tells a person, and a log file, what becomes of the parts: on a terminal with a spinner for what is under way."""

    def __init__(self, console: Console, log_path: Path) -> None:
        self._console = console
        self._under_way: dict[str, str] = {}
        self._spinner: Status | None = None
        self._log = logging.FileHandler(log_path)
        self._log.setFormatter(logging.Formatter(_LOG_FORMAT))

    def hear(self, notice: Notice) -> None:
        """Tell of one step of a part."""
        match notice.step:
            case Step.STARTING | Step.STOPPING:
                self._begin(notice.part, notice.step.value)
            case Step.READY:
                self._end(notice.part, f"ready in {notice.seconds:.1f} s")
            case Step.STOPPED:
                self._end(notice.part, f"stopped in {notice.seconds:.1f} s")
            case Step.DIED:
                self._end(notice.part, f"{notice.detail}; restarting in {notice.seconds:.1f} s")

    def wait_for(self, what: str) -> None:
        """Show what is waited for until `close` or the next line about it."""
        self._under_way[what] = "waiting for"
        self._show()

    def say(self, text: str = "") -> None:
        """Print lines as they are."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def record(self, text: str) -> None:
        """Write a line into the log alone."""
        self._log.handle(logging.makeLogRecord({"msg": text}))

    def close(self) -> None:
        """End the spinner and the log."""
        self.settle()
        self._log.close()

    def settle(self) -> None:
        """End the spinner: nothing is under way."""
        self._under_way.clear()
        self._show()

    def _begin(self, part: str, verb: str) -> None:
        self.record(f"{verb} {part}")
        if not self._console.is_terminal:
            self.say(f"{verb} {part} …")
        self._under_way[part] = verb
        self._show()

    def _end(self, part: str, outcome: str) -> None:
        self.record(f"{part} {outcome}")
        self._under_way.pop(part, None)
        self.say(f"  {part} {outcome}")
        self._show()

    def _show(self) -> None:
        if self._under_way and self._console.is_terminal:
            text = ", ".join(f"{verb} {part}" for part, verb in self._under_way.items())
            if self._spinner is None:
                self._spinner = self._console.status(text)
                self._spinner.start()
            self._spinner.update(text)
        elif self._spinner is not None:
            self._spinner.stop()
            self._spinner = None
