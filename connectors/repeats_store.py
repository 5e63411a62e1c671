"""Answers by idempotency key: what is asked twice under one key is done once."""

import hashlib
from typing import NamedTuple

from sqlalchemy import delete, select, update

from connectors.access_tables import repeats
from connectors.incident_database import open_database, writing

KEPT_MS = 86_400_000
UNANSWERED_MS = 60_000  # then whoever was at it has died


class Earlier(NamedTuple):
    """What is known of an earlier request under the key."""

    same: bool  # it asked for the same
    status: int  # 0: not answered yet
    answer: str


class RepeatsStore:
    """The table of an incident store.

    Raises: ValueError if there is no store, or it has another schema version.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_database(url, create=False)

    def begin(self, name: str, asked: str, now_ms: int) -> Earlier | None:
        """Return what was answered under a key; None: it is new, and the caller's to answer."""
        with writing(self._engine) as connection:
            row = connection.execute(select(repeats).where(repeats.c.name == name)).first()
            if row is not None:
                age_ms = now_ms - row.asked_ms
                if age_ms < (KEPT_MS if row.status else UNANSWERED_MS):
                    return Earlier(row.asked == asked, row.status, row.answer)
            old = (repeats.c.asked_ms < now_ms - KEPT_MS) | (repeats.c.name == name)
            connection.execute(delete(repeats).where(old))
            new = {"name": name, "asked": asked, "status": 0, "answer": "", "asked_ms": now_ms}
            connection.execute(repeats.insert(), [new])
        return None

    def end(self, name: str, status: int, answer: str) -> None:
        """Keep what was answered."""
        query = update(repeats).where(repeats.c.name == name)
        with writing(self._engine) as connection:
            connection.execute(query.values(status=status, answer=answer))

    def forget(self, name: str) -> None:
        """Let the key be used again: nothing was done."""
        with writing(self._engine) as connection:
            connection.execute(delete(repeats).where(repeats.c.name == name))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def digest(*parts: str) -> str:
    """Return a short name of all the parts."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()
