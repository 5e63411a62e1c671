"""Reads incidents as screens show them, straight from the wire form, in part."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, Select, and_, func, select

from connectors.incident_database import open_database, reading
from connectors.incident_query import Cursor, IncidentFilter, find_page
from connectors.incident_tables import incident_events, incidents
from schema import Event, Severity, State
from schema.desk import AuditEntry, Change, IncidentFull, IncidentRow

Sort = Literal["-opened", "opened", "-severity"]


class _Told(msgspec.Struct, frozen=True):
    """An event's body, as far as a list shows it."""

    event: Event
    ts_ms: int
    actor: str
    reason: str
    incident: IncidentRow
    request: str = ""


class _Whole(msgspec.Struct, frozen=True):
    """An event's body with all of its incident."""

    event: Event
    ts_ms: int
    actor: str
    reason: str
    incident: IncidentFull
    request: str = ""


_told = msgspec.json.Decoder(_Told)
_whole = msgspec.json.Decoder(_Whole)

_NEWEST = and_(
    incidents.c.id == incident_events.c.incident_id,
    incidents.c.revision == incident_events.c.revision,
)


class Place(NamedTuple):
    """Where a page ended: the last incident's opening, and its severity where that sorts."""

    severity: int
    cursor: Cursor

    def __str__(self) -> str:
        return f"{self.severity}.{self.cursor}"

    @classmethod
    def of(cls, text: str) -> "Place":
        """Return the place of its text.

        Raises: ValueError if it is none.
        """
        level, dot, rest = text.partition(".")
        if not dot or level not in {"1", "2", "3", "4"}:
            raise ValueError(f"cursor must be one that a page ended with, got {text!r}")
        return cls(int(level), Cursor.of(rest))


class IncidentViews:
    """An open store, to be looked at.

    Raises: ValueError if there is none, or it has another schema version.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_database(url, create=False)

    def page(
        self, wanted: IncidentFilter, sort: Sort, limit: int, after: Place | None
    ) -> list[IncidentRow]:
        """Return incidents as they stand now; the next page begins after the last one's place."""
        with reading(self._engine) as connection:
            if sort == "-severity":
                found = _by_severity(connection, wanted, limit, after)
            else:
                place = None if after is None else after.cursor
                found = find_page(connection, wanted, limit, place, oldest_first=sort == "opened")
            return _rows(connection, [each.incident_id for each in found])

    def rows(self, ids: Sequence[str]) -> list[IncidentRow]:
        """Return incidents by id, in the order of the ids, as far as they are there."""
        with reading(self._engine) as connection:
            return _rows(connection, ids)

    def find_ids(self, prefix: str, limit: int) -> list[str]:
        """Return the ids that begin so, in their order."""
        query = select(incidents.c.id).where(incidents.c.id >= prefix).order_by(incidents.c.id)
        with reading(self._engine) as connection:
            found = connection.execute(query.limit(limit)).scalars()
            return [each for each in found if each.startswith(prefix)]

    def full(self, incident_id: str) -> IncidentFull | None:
        """Return all of an incident as it stands now."""
        query = (
            select(incident_events.c.body)
            .join(incidents, _NEWEST)
            .where(incidents.c.id == incident_id)
        )
        with reading(self._engine) as connection:
            body = connection.execute(query).scalar()
        return None if body is None else _whole.decode(body).incident

    def steps(self, incident_id: str, most: int) -> list[AuditEntry]:
        """Return the newest events of an incident, in their order."""
        query = (
            select(incident_events.c.body)
            .where(incident_events.c.incident_id == incident_id)
            .order_by(incident_events.c.revision.desc())
            .limit(most)
        )
        with reading(self._engine) as connection:
            bodies = connection.execute(query).scalars().all()
        return [_step(_told.decode(body)) for body in reversed(bodies)]

    def live(self, states: Sequence[State]) -> tuple[int, list[IncidentFull]]:
        """Return the incidents in some states, oldest first, and the log's last sequence then."""
        query = (
            select(incident_events.c.body)
            .join(incidents, _NEWEST)
            .where(incidents.c.state.in_(states))
            .order_by(incidents.c.opened_ms, incidents.c.id)
        )
        with reading(self._engine) as connection:
            last = connection.execute(select(func.max(incident_events.c.sequence))).scalar()
            bodies = connection.execute(query).scalars()
            return last or 0, [_whole.decode(body).incident for body in bodies]

    def last_sequence(self) -> int:
        """Return the sequence of the newest event, 0 if there is none."""
        with reading(self._engine) as connection:
            return connection.execute(select(func.max(incident_events.c.sequence))).scalar() or 0

    def last_ts_ms(self) -> int | None:
        """Return the event time of the newest event, None if there is none."""
        query = select(incident_events.c.ts_ms).order_by(incident_events.c.sequence.desc())
        with reading(self._engine) as connection:
            return connection.execute(query.limit(1)).scalar()

    def changes(self, after: int, limit: int) -> list[Change]:
        """Return the events stored after a sequence, in order."""
        with reading(self._engine) as connection:
            return [_change(row) for row in connection.execute(_after(after, limit))]

    def newer(self, after: int, limit: int) -> list[tuple[int, IncidentFull]]:
        """Return the incidents of the events stored after a sequence, as they then were."""
        with reading(self._engine) as connection:
            found = connection.execute(_after(after, limit))
            return [(sequence, _whole.decode(body).incident) for sequence, body in found]

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def place_of(incident: IncidentRow) -> Place:
    """Return the place of an incident among the pages."""
    return Place(Severity[incident.severity], Cursor(incident.opened_ms, incident.id))


def _step(said: _Told) -> AuditEntry:
    now = said.incident
    return AuditEntry(
        revision=now.revision,
        event=said.event,
        ts_ms=said.ts_ms,
        actor=said.actor,
        reason=said.reason,
        request=said.request,
        state=now.state,
        severity=now.severity,
        silenced_by=now.silenced_by,
        inhibited_by=now.inhibited_by,
        merged_into=now.merged_into,
    )


def _by_severity(
    connection: Connection, wanted: IncidentFilter, limit: int, after: Place | None
) -> list[Cursor]:
    """Return the worst first, of one severity those that opened last."""
    found: list[Cursor] = []
    most = wanted.most if after is None else min(wanted.most, after.severity)
    for level in sorted(Severity, reverse=True):
        if len(found) < limit and wanted.least <= level <= most:
            alone = msgspec.structs.replace(wanted, least=level, most=level)
            place = None if after is None or level < after.severity else after.cursor
            found += find_page(connection, alone, limit - len(found), place)
    return found


def _rows(connection: Connection, ids: Sequence[str]) -> list[IncidentRow]:
    query = (
        select(incidents.c.id, incident_events.c.body)
        .join(incident_events, _NEWEST)
        .where(incidents.c.id.in_(ids))
    )
    bodies = {incident_id: body for incident_id, body in connection.execute(query)}
    return [_told.decode(bodies[each]).incident for each in ids if each in bodies]


def _after(sequence: int, limit: int) -> Select[int, str]:
    return (
        select(incident_events.c.sequence, incident_events.c.body)
        .where(incident_events.c.sequence > sequence)
        .order_by(incident_events.c.sequence)
        .limit(limit)
    )


def _change(row: Row[int, str]) -> Change:
    said = _told.decode(row.body)
    return Change(
        sequence=row.sequence,
        event=said.event,
        ts_ms=said.ts_ms,
        actor=said.actor,
        reason=said.reason,
        request=said.request,
        incident=said.incident,
    )
