"""How detection stands, kept beside the incidents: by service and key group, a row a day.

What key groups say of commands that they have taken up comes the same way.
Whether a service has drifted is said of all its key groups together, and kept as it is now.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from sqlalchemy import delete, select

from connectors.incident_database import open_database, shown_url, writing
from connectors.incident_tables import drift_standings, model_statistics, upsert
from connectors.obeyed_store import keep_obeyed
from connectors.outage import Patience
from schema import Closed, DriftStanding, Standing

DAY_MS = 86_400_000
KEPT_DAYS = 60

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Standing)
_drift_decoder = msgspec.json.Decoder(DriftStanding)


class StandingRow(NamedTuple):
    """How a service stood in a key group at the end of a day, or until now."""

    group: int
    until_ms: int  # event time
    standing: Standing  # counts since the group's state began


class StandingStore:
    """The table of an incident store.

    Raises: ValueError if there is no store and `create` is false, or it has another version.
    """

    def __init__(self, url: str, *, create: bool = False) -> None:
        self._engine = open_database(url, create=create)

    def keep(self, words: Sequence[Closed]) -> None:
        """Keep the newest word of each service, group and day; forget days that are long over.

        With it goes what was taken up of commands.
        """
        rows: dict[tuple[str, int, int], dict[str, object]] = {}
        for word in words:
            for each in word.standings:
                day = word.until_ms // DAY_MS
                rows[each.service, word.group, day] = {
                    "service": each.service,
                    "group_index": word.group,
                    "day": day,
                    "until_ms": word.until_ms,
                    "body": _encode(each).decode(),
                }
        if not rows and not any(word.commands for word in words):
            return
        with writing(self._engine) as connection:
            keep_obeyed(connection, words)
            if rows:
                over = max(day for _, _, day in rows) - KEPT_DAYS
                connection.execute(
                    upsert(model_statistics, self._engine.dialect.name), list(rows.values())
                )
                connection.execute(delete(model_statistics).where(model_statistics.c.day < over))

    def newest(self, service: str | None = None) -> list[StandingRow]:
        """Return how each service stands in each key group now; by service, then group."""
        table = model_statistics
        query = select(table.c.group_index, table.c.until_ms, table.c.body)
        query = query.order_by(table.c.service, table.c.group_index, table.c.day)
        if service is not None:
            query = query.where(table.c.service == service)
        found: dict[tuple[str, int], StandingRow] = {}
        with self._engine.connect() as connection:
            for group, until_ms, body in connection.execute(query):
                standing = _decoder.decode(body)
                found[standing.service, group] = StandingRow(group, until_ms, standing)
        return list(found.values())

    def keep_drifts(self, words: Iterable[DriftStanding]) -> None:
        """Keep how each service stands, in place of how it stood."""
        rows = {
            each.service: {
                "service": each.service,
                "until_ms": each.until_ms,
                "body": _encode(each).decode(),
            }
            for each in words
        }
        if rows:
            with writing(self._engine) as connection:
                connection.execute(
                    upsert(drift_standings, self._engine.dialect.name), list(rows.values())
                )

    def drifts(self, service: str | None = None) -> list[DriftStanding]:
        """Return whether each service stands where it stood, by name."""
        query = select(drift_standings.c.body).order_by(drift_standings.c.service)
        if service is not None:
            query = query.where(drift_standings.c.service == service)
        with self._engine.connect() as connection:
            return [_drift_decoder.decode(body) for (body,) in connection.execute(query)]

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


class StandingSink(DynamicSink[Closed]):
    """Keeps what key groups say of how they stand in an incident store."""

    def __init__(self, url: str, wait_s: float = 0.0) -> None:
        self._url = url
        self._wait_s = wait_s  # for a database that is away

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> "StandingSinkPart":
        """Open the store, making it if there is none."""
        patience = Patience(shown_url(self._url), self._wait_s)
        return StandingSinkPart(StandingStore(self._url, create=True), patience)


class StandingSinkPart(StatelessSinkPartition[Closed]):
    """A worker's open store."""

    def __init__(self, store: StandingStore, patience: Patience) -> None:
        self._store = store
        self._patience = patience

    def write_batch(self, items: list[Closed]) -> None:
        """Keep what there is."""
        self._patience(lambda: self._store.keep(items))

    def close(self) -> None:
        """Close the store."""
        self._store.close()


class DriftStandingSink(DynamicSink[DriftStanding]):
    """Keeps what is said of drift in an incident store."""

    def __init__(self, url: str, wait_s: float = 0.0) -> None:
        self._url = url
        self._wait_s = wait_s  # for a database that is away

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> "DriftStandingPart":
        """Open the store, making it if there is none."""
        patience = Patience(shown_url(self._url), self._wait_s)
        return DriftStandingPart(StandingStore(self._url, create=True), patience)


class DriftStandingPart(StatelessSinkPartition[DriftStanding]):
    """A worker's open store."""

    def __init__(self, store: StandingStore, patience: Patience) -> None:
        self._store = store
        self._patience = patience

    def write_batch(self, items: list[DriftStanding]) -> None:
        """Keep what there is."""
        self._patience(lambda: self._store.keep_drifts(items))

    def close(self) -> None:
        """Close the store."""
        self._store.close()
