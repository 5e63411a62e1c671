"""What a flow has taken up of what people told it to do, kept beside the incidents: at which tick.

Commands about an incident are answered by its events, too; of others this is all that is said.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from connectors.incident_database import open_database
from connectors.incident_tables import obeyed, upsert
from schema import Act, Closed, Deploy, Expire, Feedback, Silence, TopologyChange, TriageCommand

_BATCH = 500  # names a query


class Obeyed(NamedTuple):
    """A command as it was taken up."""

    effective_ms: int  # that it bore, or, of one that came late, was given
    tick_ms: int  # before which it was obeyed, event time


def name_of(command: TriageCommand) -> str:
    """Return what a command is kept by: of one name the newest counts, as in the flow."""
    match command:
        case Act():
            return f"act:{command.id}"
        case Deploy():
            return f"deploy:{command.id}"
        case Silence():
            return f"silence:{command.id}"
        case Expire():
            return f"expire:{command.silence}"
        case Feedback():
            return f"feedback:{command.id or command.incident}"
        case TopologyChange():
            return f"topology:{command.id}"


def keep_obeyed(connection: Connection, words: Iterable[Closed]) -> None:
    """Keep what key groups say that they have taken up; the same once more changes nothing."""
    rows = {
        name_of(command): {
            "name": name_of(command),
            "effective_ms": command.effective_ms,
            "tick_ms": tick_ms,
        }
        for word in words
        for tick_ms, command in word.commands
    }
    if rows:
        connection.execute(upsert(obeyed, connection.dialect.name), list(rows.values()))


class ObeyedStore:
    """The table of an incident store that is there.

    Raises: ValueError if there is no store, or it has another schema version.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_database(url, create=False)

    def obeyed(self, commands: Sequence[TriageCommand]) -> list[Obeyed | None]:
        """Return of each command when it was taken up, None if it was not yet."""
        names = [name_of(command) for command in commands]
        found: dict[str, Obeyed] = {}
        with self._engine.connect() as connection:
            for start in range(0, len(names), _BATCH):
                query = select(obeyed.c.name, obeyed.c.effective_ms, obeyed.c.tick_ms)
                query = query.where(obeyed.c.name.in_(names[start : start + _BATCH]))
                found |= {name: Obeyed(*times) for name, *times in connection.execute(query)}
        kept = [found.get(name) for name in names]
        return [
            each if each is not None and each.effective_ms >= command.effective_ms else None
            for each, command in zip(kept, commands, strict=True)
        ]

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
