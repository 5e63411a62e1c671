"""How detection stands, kept beside the incidents: by service and key group, a row a day."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from sqlalchemy import delete, select

from connectors.incident_database import open_database, writing
from connectors.incident_tables import model_statistics, upsert
from schema import Closed, Standing

DAY_MS = 86_400_000
KEPT_DAYS = 60

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Standing)


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
        """Keep the newest word of each service, group and day; forget days that are long over."""
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
        if not rows:
            return
        over = max(day for _, _, day in rows) - KEPT_DAYS
        with writing(self._engine) as connection:
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

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


class StandingSink(DynamicSink[Closed]):
    """Keeps what key groups say of how they stand in an incident store."""

    def __init__(self, url: str) -> None:
        self._url = url

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> "StandingSinkPart":
        """Open the store, making it if there is none."""
        return StandingSinkPart(StandingStore(self._url, create=True))


class StandingSinkPart(StatelessSinkPartition[Closed]):
    """A worker's open store."""

    def __init__(self, store: StandingStore) -> None:
        self._store = store

    def write_batch(self, items: list[Closed]) -> None:
        """Keep what there is."""
        self._store.keep(items)

    def close(self) -> None:
        """Close the store."""
        self._store.close()
