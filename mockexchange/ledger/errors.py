"""What stops a ledger: a hole in the journal, or a record that contradicts what was folded before."""

from __future__ import annotations


class MissingRecord(Exception):
    """A record does not follow the one that was folded last on its subject."""

    def __init__(self, subject: str, expected: int, got: int) -> None:
        super().__init__(subject, expected, got)
        self.subject = subject
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return f"{self.subject}: the record says it follows sequence {self.got}, the last one folded is {self.expected}"


class LedgerBroken(Exception):
    """An invariant does not hold. `facts` are the figures that show it."""

    def __init__(self, what: str, facts: dict[str, int | str]) -> None:
        super().__init__(what, facts)
        self.what = what
        self.facts = facts

    def __str__(self) -> str:
        return f"{self.what} ({', '.join(f'{name}={value}' for name, value in self.facts.items())})"
