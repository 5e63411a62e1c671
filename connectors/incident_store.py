"""The incident store: what happened, as one ordered log, and how each incident stands now."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from sqlalchemy import ColumnElement, and_, func, select

from connectors.incident_database import check_url, open_database, shown_url
from connectors.incident_tables import incident_events, incidents, insert_once, upsert_newer
from connectors.incident_wire import decode_transition, encode_transition
from schema import Incident, Severity, Transition


class SqlSink(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="sql"):
    """Where incidents are kept: "sqlite:///incidents.db". The URL is never shown whole."""

    url: str

    def __post_init__(self) -> None:
        check_url(self.url)

    def __repr__(self) -> str:
        return f"SqlSink(url={shown_url(self.url)!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("url", shown_url(self.url))]


class StoredEvent(NamedTuple):
    """An event and its place in the log."""

    sequence: int
    transition: Transition


class IncidentStore:
    """An open store. Many may read while one writes.

    Raises: ValueError if there is none and `create` is false, or it has another schema version.
    """

    def __init__(self, url: str, *, create: bool = False) -> None:
        self._engine = open_database(url, create=create)

    def record(self, transitions: Sequence[Transition]) -> None:
        """Store the events in one transaction; one that is stored already changes nothing."""
        if not transitions:
            return
        rows = [_event_row(transition) for transition in transitions]
        newest: dict[str, Incident] = {}
        for transition in transitions:
            incident = transition.incident
            held = newest.get(incident.id)
            if held is None or held.revision < incident.revision:
                newest[incident.id] = incident
        states = [_incident_row(incident) for incident in newest.values()]
        dialect = self._engine.dialect.name
        with self._engine.begin() as connection:
            connection.execute(insert_once(incident_events, dialect), rows)
            connection.execute(upsert_newer(dialect), states)

    def list_incidents(
        self,
        *,
        state: Literal["open", "resolved"] | None = None,
        least: Severity = Severity.LOW,
        opened_from_ms: int | None = None,
        opened_before_ms: int | None = None,
        limit: int = 100,
    ) -> list[Incident]:
        """Return incidents as they stand now, those that opened last first."""
        query = (
            select(incident_events.c.body)
            .join(incidents, _is_newest())
            .where(incidents.c.severity >= int(least))
            .order_by(incidents.c.opened_ms.desc(), incidents.c.id)
            .limit(limit)
        )
        if state is not None:
            query = query.where(incidents.c.state == state)
        if opened_from_ms is not None:
            query = query.where(incidents.c.opened_ms >= opened_from_ms)
        if opened_before_ms is not None:
            query = query.where(incidents.c.opened_ms < opened_before_ms)
        with self._engine.connect() as connection:
            bodies = connection.execute(query).scalars().all()
        return [decode_transition(body).incident for body in bodies]

    def get_incident(self, incident_id: str) -> Incident | None:
        """Return an incident as it stands now; None if there is none of that id."""
        query = (
            select(incident_events.c.body)
            .join(incidents, _is_newest())
            .where(incidents.c.id == incident_id)
        )
        with self._engine.connect() as connection:
            body = connection.execute(query).scalar_one_or_none()
        return None if body is None else decode_transition(body).incident

    def history(self, incident_id: str) -> list[Transition]:
        """Return the events of an incident, by revision."""
        query = (
            select(incident_events.c.body)
            .where(incident_events.c.incident_id == incident_id)
            .order_by(incident_events.c.revision)
        )
        with self._engine.connect() as connection:
            return [decode_transition(body) for body in connection.execute(query).scalars()]

    def events_after(self, sequence: int = 0, limit: int = 1000) -> list[StoredEvent]:
        """Return the events stored after `sequence`, in order; go on with the last one's."""
        query = (
            select(incident_events.c.sequence, incident_events.c.body)
            .where(incident_events.c.sequence > sequence)
            .order_by(incident_events.c.sequence)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [
                StoredEvent(number, decode_transition(body))
                for number, body in connection.execute(query)
            ]

    def last_sequence(self) -> int:
        """Return the sequence of the newest event, 0 if there is none."""
        with self._engine.connect() as connection:
            found = connection.execute(select(func.max(incident_events.c.sequence))).scalar()
        return found or 0

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


class IncidentStoreSink(FixedPartitionedSink[Transition, None]):
    """The Bytewax sink. One partition: one worker of a cluster writes the database.

    It keeps no state: events that come again after a crash are in the store already.
    """

    def __init__(self, settings: SqlSink) -> None:
        self._url = settings.url

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return ["incidents"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "IncidentStorePart":
        """Open the store, making it if there is none."""
        return IncidentStorePart(IncidentStore(self._url, create=True))


class IncidentStorePart(StatefulSinkPartition[Transition, None]):
    """The open store."""

    def __init__(self, store: IncidentStore) -> None:
        self._store = store

    def write_batch(self, values: list[Transition]) -> None:
        """Store a batch in one transaction, on disk when this returns."""
        self._store.record(values)

    def snapshot(self) -> None:
        """Keep nothing."""

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def _is_newest() -> ColumnElement[bool]:
    return and_(
        incidents.c.id == incident_events.c.incident_id,
        incidents.c.revision == incident_events.c.revision,
    )


def _event_row(transition: Transition) -> dict[str, object]:
    return {
        "incident_id": transition.incident.id,
        "revision": transition.incident.revision,
        "event": transition.event,
        "ts_ms": transition.ts_ms,
        "body": encode_transition(transition).decode(),
    }


def _incident_row(incident: Incident) -> dict[str, object]:
    return {
        "id": incident.id,
        "revision": incident.revision,
        "state": incident.state,
        "severity": int(incident.severity),
        "title": incident.title,
        "opened_ms": incident.opened_ms,
        "onset_ms": incident.onset_ms,
        "updated_ms": incident.updated_ms,
        "resolved_ms": incident.resolved_ms,
        "confidence": incident.confidence,
        "member_count": incident.member_count,
    }
