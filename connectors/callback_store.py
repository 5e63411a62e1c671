"""Callbacks that were taken: a copy of one is known again, after a restart and by every process."""

import msgspec
from sqlalchemy import Connection, delete, select, update

from connectors.callback_tables import callbacks
from connectors.incident_database import open_database, reading, writing
from connectors.incident_rows import stored_text
from connectors.incident_tables import insert_once
from schema import Act, Feedback

LATE_MS = 600_000  # that the clock of another process may be behind
Told = Act | Feedback


class Made(msgspec.Struct, frozen=True):
    """What is made of a callback by who comes first."""

    commands: tuple[Told, ...]  # what the flow is to be told
    at_ms: int  # wall clock


class Held(msgspec.Struct, frozen=True):
    """A callback that was taken before."""

    made: Made
    answer: str  # what was said of it; "": it may be that the flow was not told yet


_decoder = msgspec.json.Decoder(Made)


class CallbackStore:
    """The table of an incident store that is there.

    Raises: ValueError if there is no store, or it has another schema version.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_database(url, create=False)

    def find(self, name: str) -> Held | None:
        """Return what was made of a callback, None if it was never taken."""
        with reading(self._engine) as connection:
            return _held(connection, name)

    def claim(
        self, name: str, until_ms: int, commands: tuple[Told, ...], now_ms: int
    ) -> Held | None:
        """Keep what is made of a callback; return what is kept, if somebody was there before.

        What is stale, and would be refused for that alone, is forgotten.
        """
        row = {
            "name": name,
            "until_ms": until_ms,
            "commands": msgspec.json.encode(Made(commands, now_ms)).decode(),
            "answer": "",
        }
        with writing(self._engine) as connection:
            connection.execute(delete(callbacks).where(callbacks.c.until_ms < now_ms - LATE_MS))
            held = _held(connection, name)
            if held is None:
                connection.execute(insert_once(callbacks, self._engine.dialect.name), [row])
            return held

    def finish(self, name: str, answer: str) -> None:
        """Keep that the flow was told, and what was said of it."""
        change = update(callbacks).where(callbacks.c.name == name)
        with writing(self._engine) as connection:
            connection.execute(change.values(answer=stored_text(answer)))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _held(connection: Connection, name: str) -> Held | None:
    query = select(callbacks.c.commands, callbacks.c.answer).where(callbacks.c.name == name)
    row = connection.execute(query).first()
    return None if row is None else Held(_decoder.decode(row.commands), row.answer)
