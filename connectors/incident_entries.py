"""The index of incidents, written many entries a statement: an incident has some twenty."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

_ADD = {
    "sqlite": """
        INSERT INTO incident_index (term, standing, opened_ms, incident_id)
        VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING""",
    "postgresql": """
        INSERT INTO incident_index (term, standing, opened_ms, incident_id)
        SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::bigint[], %s::text[])
        ON CONFLICT DO NOTHING""",
}
_REMOVE = {
    "sqlite": """
        DELETE FROM incident_index
        WHERE term = ? AND standing = ? AND opened_ms = ? AND incident_id = ?""",
    "postgresql": """
        DELETE FROM incident_index AS held
        USING unnest(%s::bigint[], %s::integer[], %s::bigint[], %s::text[])
            AS gone (term, standing, opened_ms, incident_id)
        WHERE held.term = gone.term AND held.standing = gone.standing
            AND held.opened_ms = gone.opened_ms AND held.incident_id = gone.incident_id""",
}


class Entry(NamedTuple):
    """A row of the index."""

    term: int
    standing: int
    opened_ms: int
    incident_id: str


def add_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Put entries into the index, those that are not there."""
    _each(connection, _ADD, entries)


def remove_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Take entries out of the index."""
    _each(connection, _REMOVE, entries)


def _each(connection: Connection, statements: dict[str, str], entries: Sequence[Entry]) -> None:
    if not entries:
        return
    statement = statements[connection.dialect.name]
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(statement, tuple(map(list, zip(*entries, strict=True))))
    else:
        connection.exec_driver_sql(statement, list(entries))
