"""The incident store: what happened, as one ordered log, and how each incident stands now."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from sqlalchemy import Connection, and_, func, select

from connectors.incident_database import check_url, open_database, reading, shown_url, writing
from connectors.incident_query import Cursor, IncidentFilter, find_page
from connectors.incident_rows import event_row, write_incidents
from connectors.incident_tables import incident_events, incidents, insert_once
from connectors.incident_wire import decode_transition
from connectors.outage import Patience
from connectors.store_retention import DAY_MS, prune
from schema import Incident, State, Transition

ALL = IncidentFilter()
MAX_DAYS = 36_500
PRUNE_EVERY_MS = 3_600_000  # of event time


class SqlSink(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="sql"):
    """Where incidents are kept: "sqlite:///incidents.db", "postgresql+psycopg://user@host/database".

    The URL is never shown whole.
    """

    url: str
    retention_days: float | None = None  # of closed incidents, in event time; None: for ever
    wait_s: float = 900.0  # for a database that is away; then the flow ends

    def __post_init__(self) -> None:
        check_url(self.url)
        if self.retention_days is not None and not 1 <= self.retention_days <= MAX_DAYS:
            raise ValueError(
                f"retention_days must be in [1, {MAX_DAYS}], got {self.retention_days!r}"
            )
        if not 0 <= self.wait_s <= 86_400:
            raise ValueError(f"wait_s must be in [0, 86400] s, got {self.wait_s!r}")

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"SqlSink({inside})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [
            ("url", shown_url(self.url)),
            ("retention_days", self.retention_days),
            ("wait_s", self.wait_s),
        ]


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
        rows = [event_row(transition) for transition in transitions]
        newest: dict[str, Incident] = {}
        for transition in transitions:
            incident = transition.incident
            held = newest.get(incident.id)
            if held is None or held.revision < incident.revision:
                newest[incident.id] = incident
        with writing(self._engine) as connection:
            connection.execute(insert_once(incident_events, self._engine.dialect.name), rows)
            write_incidents(connection, list(newest.values()))

    def prune(self, before_ms: int) -> int:
        """Drop a batch of the incidents that were closed before an event time; return how many."""
        with writing(self._engine) as connection:
            return prune(connection, before_ms)

    def list_incidents(
        self, wanted: IncidentFilter = ALL, *, limit: int = 100, after: Cursor | None = None
    ) -> list[Incident]:
        """Return incidents as they stand now, those that opened last first.

        The next page begins after the last one's `cursor_of`.
        """
        with reading(self._engine) as connection:
            page = find_page(connection, wanted, limit, after)
            bodies = _newest_bodies(connection, [each.incident_id for each in page])
        found = (bodies.get(each.incident_id) for each in page)
        return [decode_transition(body).incident for body in found if body is not None]

    def find_ids(self, prefix: str, limit: int = 2) -> list[str]:
        """Return the ids that begin so, in their order."""
        query = select(incidents.c.id).where(incidents.c.id >= prefix).order_by(incidents.c.id)
        with self._engine.connect() as connection:
            found = connection.execute(query.limit(limit)).scalars()
            return [each for each in found if each.startswith(prefix)]

    def get_incident(self, incident_id: str) -> Incident | None:
        """Return an incident as it stands now; None if there is none of that id."""
        with self._engine.connect() as connection:
            body = _newest_bodies(connection, [incident_id]).get(incident_id)
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

    def newest_events(self, states: Sequence[State]) -> list[Transition]:
        """Return the newest event of each incident that is in one of the states, oldest first."""
        query = (
            select(incident_events.c.body)
            .join(
                incidents,
                and_(
                    incidents.c.id == incident_events.c.incident_id,
                    incidents.c.revision == incident_events.c.revision,
                ),
            )
            .where(incidents.c.state.in_(states))
            .order_by(incidents.c.opened_ms, incidents.c.id)
        )
        with reading(self._engine) as connection:
            return [decode_transition(body) for body in connection.execute(query).scalars()]

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
        self.place = shown_url(settings.url)
        self._settings = settings

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return ["incidents"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "IncidentStorePart":
        """Open the store, making it if there is none."""
        store = IncidentStore(self._settings.url, create=True)
        patience = Patience(self.place, self._settings.wait_s)
        return IncidentStorePart(store, self._settings.retention_days, patience)


class IncidentStorePart(StatefulSinkPartition[Transition, None]):
    """The open store."""

    def __init__(
        self, store: IncidentStore, retention_days: float | None, patience: Patience
    ) -> None:
        self._store = store
        self._patience = patience
        self._retention_days = retention_days
        self._pruned_ms: int | None = None  # event time up to which nothing is left to drop

    def write_batch(self, values: list[Transition]) -> None:
        """Store a batch in one transaction, on disk when this returns; drop some that is old."""
        self._patience(lambda: self._store.record(values))
        if self._retention_days is None or not values:
            return
        before_ms = max(each.ts_ms for each in values) - round(self._retention_days * DAY_MS)
        due = self._pruned_ms is None or before_ms >= self._pruned_ms + PRUNE_EVERY_MS
        if due and self._patience(lambda: self._store.prune(before_ms)) == 0:
            self._pruned_ms = before_ms

    def snapshot(self) -> None:
        """Keep nothing."""

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def cursor_of(incident: Incident) -> Cursor:
    """Return the place of an incident among the pages."""
    return Cursor(incident.opened_ms, incident.id)


def _newest_bodies(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Return the newest event of each incident."""
    newest = and_(
        incidents.c.id == incident_events.c.incident_id,
        incidents.c.revision == incident_events.c.revision,
    )
    query = (
        select(incidents.c.id, incident_events.c.body)
        .join(incident_events, newest)
        .where(incidents.c.id.in_(ids))
    )
    return {incident_id: body for incident_id, body in connection.execute(query)}
