"""What the tables hold of an event: its row, its incident's row, and that one's terms.

The last two follow from the newest event, so they can be made anew from the events at any time.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, delete, select

from connectors.incident_entries import Entry, add_entries, remove_entries
from connectors.incident_tables import (
    incident_events,
    incident_index,
    incidents,
    insert_once,
    upsert_newer,
)
from connectors.incident_terms import MAX_PLACES, Place, standing_of, term_id, terms_of
from connectors.incident_wire import decode_transition, encode_transition
from schema import Incident, Severity, Transition

Row = dict[str, Any]
REBUILD_BATCH = 1_000

_INDEXED = ("state", "severity", "title", "opened_ms", "assignee", "places")
_places = msgspec.json.Decoder(list[Place])


def event_row(transition: Transition) -> Row:
    """Return the row of `incident_events`."""
    return {
        "incident_id": transition.incident.id,
        "revision": transition.incident.revision,
        "event": transition.event,
        "ts_ms": transition.ts_ms,
        "body": encode_transition(transition).decode(),
        "request": transition.request,
    }


def write_incidents(connection: Connection, newest: Sequence[Incident]) -> None:
    """Set incidents to a revision, one each, unless they have a newer one; the index follows."""
    dialect = connection.dialect.name
    known = rows_of(connection, [incident.id for incident in newest])
    rows: list[Row] = []
    gone: list[Entry] = []
    come: list[Entry] = []
    for incident in newest:
        held = known.get(incident.id)
        if held is not None and held["revision"] >= incident.revision:
            continue
        row = row_after(incident, held)
        rows.append(row)
        if held is not None and all(held[name] == row[name] for name in _INDEXED):
            continue
        before = set() if held is None else _entries(held)
        after = _entries(row)
        gone += before - after
        come += after - before
    if rows:
        connection.execute(upsert_newer(dialect), rows)
    remove_entries(connection, sorted(gone))
    add_entries(connection, sorted(come))


def entries_of(connection: Connection, ids: Sequence[str]) -> list[Entry]:
    """Return the entries that stored incidents have in the index."""
    return [entry for row in rows_of(connection, ids).values() for entry in sorted(_entries(row))]


def rebuild(connection: Connection) -> int:
    """Make `incidents` and its index anew from the events; return how many there are."""
    connection.execute(delete(incident_index))
    connection.execute(delete(incidents))
    count, last = 0, ""
    while True:
        ids = connection.execute(
            select(incident_events.c.incident_id)
            .where(incident_events.c.incident_id > last)
            .distinct()
            .order_by(incident_events.c.incident_id)
            .limit(REBUILD_BATCH)
        )
        batch = ids.scalars().all()
        if not batch:
            return count
        count, last = count + len(batch), batch[-1]
        events = connection.execute(
            select(incident_events.c.body)
            .where(incident_events.c.incident_id.in_(batch))
            .order_by(incident_events.c.incident_id, incident_events.c.revision)
        )
        rows: dict[str, Row] = {}
        for body in events.scalars():
            incident = decode_transition(body).incident
            rows[incident.id] = row_after(incident, rows.get(incident.id))
        entries = [entry for row in rows.values() for entry in sorted(_entries(row))]
        dialect = connection.dialect.name
        connection.execute(insert_once(incidents, dialect), list(rows.values()))
        add_entries(connection, entries)


def rows_of(connection: Connection, ids: Iterable[str]) -> dict[str, RowMapping]:
    """Return the rows of incidents, by id."""
    found = connection.execute(select(incidents).where(incidents.c.id.in_(list(ids))))
    return {row["id"]: row for row in found.mappings()}


def row_after(incident: Incident, held: Row | RowMapping | None) -> Row:
    """Return the row after one that is `held`.

    A storm shows some of its members, so where others were is kept.
    """
    places = [] if held is None else _places.decode(held["places"])
    for member in incident.members:
        here = member.resource
        places.append(Place(here.cloud, here.account, here.region, here.service))
    return {
        "id": incident.id,
        "revision": incident.revision,
        "state": incident.state,
        "severity": int(incident.severity),
        "title": stored_text(incident.title),
        "opened_ms": incident.opened_ms,
        "onset_ms": incident.onset_ms,
        "updated_ms": incident.updated_ms,
        "resolved_ms": incident.resolved_ms,
        "confidence": incident.confidence,
        "member_count": incident.member_count,
        "closed_ms": incident.closed_ms,
        "assignee": stored_text(incident.assignee),
        "places": msgspec.json.encode(list(dict.fromkeys(places))[:MAX_PLACES]).decode(),
    }


def _entries(row: Row | RowMapping) -> set[Entry]:
    terms = terms_of(_places.decode(row["places"]), row["title"], row["assignee"])
    standing = standing_of(row["state"], Severity(row["severity"]))
    return {Entry(term_id(term), standing, row["opened_ms"], row["id"]) for term in terms}


def stored_text(text: str) -> str:
    """Return text as PostgreSQL can hold it: it has no zero characters."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
