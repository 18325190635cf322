"""A seeded session of one book, and what came of it as one digest.

Run as `python -m tests.support.book_session SEED`, so that another process can be asked for the same.
"""

from __future__ import annotations

import hashlib
import random
import sys

import msgspec

from mockexchange.matching import BookLimits
from tests.support.book_commands import BookCommands
from tests.support.book_desk import BookDesk


def digest(seed: int, commands: int = 500) -> str:
    """Play a session; return a digest of its journal, its tape and its depth along the way."""
    chance = random.Random(seed)
    session = BookDesk(feed=True, limits=BookLimits(max_fills=3, trade_id_block=50))
    played = BookCommands(session.instrument, chance)
    seen = hashlib.sha256()
    for _ in range(commands):
        played.give_one(session)
        seen.update(msgspec.msgpack.encode(session.book.take_changed_levels()))
    for record in session.auditor.journal:
        seen.update(record)
    seen.update(msgspec.msgpack.encode(session.tape))
    seen.update(session.book.state_hash())
    return seen.hexdigest()


if __name__ == "__main__":
    sys.stdout.write(digest(int(sys.argv[1])))
