"""What incidents are kept with: plots of their main members, and the topology around them.

A row a plot, and one for the topology; what is said of the same again takes its place, unless it
is older. It goes when its incident goes, see `store_retention`.
"""

import zlib
from collections.abc import Iterable, Sequence

import msgspec
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from sqlalchemy import select

from connectors.evidence_tables import evidence
from connectors.incident_database import open_database, shown_url, writing
from connectors.incident_tables import upsert
from connectors.outage import Patience
from schema import Incident, Plot, Shown, Surroundings

AROUND = ""  # the name of the row of the topology
_encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[Plot | Surroundings] = msgspec.json.Decoder(Plot | Surroundings)


class PlotsStore:
    """The table of an incident store.

    Raises: ValueError if there is no store and `create` is false, or it has another version.
    """

    def __init__(self, url: str, *, create: bool = False) -> None:
        self._engine = open_database(url, create=create)

    def keep(self, said: Iterable[Shown]) -> None:
        """Keep the newest of each; what is stored already changes nothing."""
        rows: dict[tuple[str, str], dict[str, object]] = {}
        for each in sorted(said, key=lambda one: one.what.until_ms):
            rows[each.incident, name_of(each.what)] = {
                "incident_id": each.incident,
                "name": name_of(each.what),
                "until_ms": each.what.until_ms,
                "body": packed(each.what),
            }
        if not rows:
            return
        insert = upsert(evidence, self._engine.dialect.name, newer="until_ms")
        with writing(self._engine) as connection:
            connection.execute(insert, list(rows.values()))

    def plots_of(self, incident: Incident) -> list[Plot]:
        """Return the plots of an incident and of what was merged into it.

        Suspects first, then members, in their order; of one, by their share in its score.
        """
        ids = [incident.id, *incident.merged]
        query = select(evidence.c.body).where(
            evidence.c.incident_id.in_(ids), evidence.c.name != AROUND
        )
        query = query.order_by(evidence.c.incident_id, evidence.c.name)
        with self._engine.connect() as connection:
            kept = [unpacked(body) for body in connection.execute(query).scalars()]
        found = [each for each in kept if isinstance(each, Plot)]
        place: dict[str, int] = {}
        resources = [each.resource for each in incident.suspects]
        for resource in (*resources, *(each.resource for each in incident.members)):
            place.setdefault(resource.key, len(place))
        last = len(place)
        return sorted(
            found, key=lambda p: (place.get(p.resource, last), p.resource, -p.share, p.metric)
        )

    def around(self, incident: str) -> Surroundings | None:
        """Return the topology around the incident of an id; None: nothing was said of it."""
        query = select(evidence.c.body).where(
            evidence.c.incident_id == incident, evidence.c.name == AROUND
        )
        with self._engine.connect() as connection:
            body = connection.execute(query).scalar()
        what = None if body is None else unpacked(body)
        return what if isinstance(what, Surroundings) else None

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def name_of(what: Plot | Surroundings) -> str:
    """Return what tells evidence apart within an incident."""
    if isinstance(what, Surroundings):
        return AROUND
    labels = (f"{k}={v}" for k, v in what.labels)
    return "|".join((what.resource, what.kind, what.metric, *labels))


def packed(what: Plot | Surroundings) -> bytes:
    """Return evidence as it is stored."""
    return zlib.compress(_encode(what))


def unpacked(body: bytes) -> Plot | Surroundings:
    """Return the evidence that was stored; raise ValueError if it is none."""
    try:
        return _decoder.decode(zlib.decompress(body))
    except zlib.error as ex:
        raise ValueError(str(ex)) from ex


class PlotsSink(FixedPartitionedSink[Shown, None]):
    """Keeps evidence in an incident store. One partition: one worker writes.

    It keeps no state: what comes again after a crash is in the store already.
    """

    def __init__(self, url: str, wait_s: float = 0.0) -> None:
        self.place = shown_url(url)
        self._url = url
        self._wait_s = wait_s  # for a database that is away

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return ["evidence"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "PlotsSinkPart":
        """Open the store, making it if there is none."""
        return PlotsSinkPart(PlotsStore(self._url, create=True), Patience(self.place, self._wait_s))


class PlotsSinkPart(StatefulSinkPartition[Shown, None]):
    """The open store."""

    def __init__(self, store: PlotsStore, patience: Patience) -> None:
        self._store = store
        self._patience = patience

    def write_batch(self, values: Sequence[Shown]) -> None:
        """Keep what there is, on disk when this returns."""
        self._patience(lambda: self._store.keep(values))

    def snapshot(self) -> None:
        """Keep nothing."""

    def close(self) -> None:
        """Close the store."""
        self._store.close()
