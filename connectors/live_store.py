"""How the estate stands now, and how odd its resources were of late: a row a key group, and heat.

What key groups say again takes the place of what they said; heat only rises. So what comes again
after a crash changes nothing, and the order in which groups come does not either.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec
from sqlalchemy import delete, func, select

from connectors.evidence_tables import heat, live_state
from connectors.incident_database import open_database, writing
from connectors.incident_tables import upsert
from schema import HeatCell, HeatMap, LiveCount, LivePart, LiveState, LiveWord

MAX_RESOURCES = 200  # that are off or silent, a reading
MAX_ROWS = 100  # resources of a heat map
BUCKETS = 96  # of a heat map at the most; more are put together
_HOUR_MS = 3_600_000

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(LiveWord)


def wall_clock_ms() -> int:
    """Return the milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class LiveStore:
    """The tables of an incident store.

    Raises: ValueError if there is no store and `create` is false, or it has another version.
    """

    def __init__(
        self,
        url: str,
        *,
        create: bool = False,
        heat_hours: float = 72.0,
        clock_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._engine = open_database(url, create=create)
        self._heat_ms = round(heat_hours * _HOUR_MS)
        self._clock_ms = clock_ms
        self._pruned_ms: int | None = None  # event time before which no heat is left

    def keep(self, words: Sequence[LiveWord]) -> None:
        """Keep the newest word of each group, and the heat of all; forget heat that is old."""
        if not words:
            return
        said_ms = self._clock_ms()
        dialect = self._engine.dialect.name
        rows: dict[int, dict[str, object]] = {}
        cells: dict[tuple[int, str], float] = {}
        for word in sorted(words, key=lambda each: each.until_ms):
            rows[word.group] = {
                "group_index": word.group,
                "until_ms": word.until_ms,
                "said_ms": said_ms,
                "body": _encode(msgspec.structs.replace(word, heat=())).decode(),
            }
            for cell in word.heat:
                at = cell.start_ms, cell.resource
                cells[at] = max(cells.get(at, 0.0), cell.oddness)
        heated = [
            {"start_ms": start_ms, "resource": resource, "oddness": oddness}
            for (start_ms, resource), oddness in sorted(cells.items())
        ]
        groups = max(word.groups for word in words)
        with writing(self._engine) as connection:
            newest = upsert(live_state, dialect, newer="until_ms")
            connection.execute(newest, [rows[group] for group in sorted(rows)])
            connection.execute(delete(live_state).where(live_state.c.group_index >= groups))
            if heated:
                connection.execute(upsert(heat, dialect, newer="oddness"), heated)
            before_ms = max(word.until_ms for word in words) - self._heat_ms
            if self._pruned_ms is None or before_ms >= self._pruned_ms + _HOUR_MS:
                connection.execute(delete(heat).where(heat.c.start_ms < before_ms))
                self._pruned_ms = before_ms

    def live(self, most: int = MAX_RESOURCES) -> LiveState:
        """Return how all stands together; the `most` oddest of what is off or silent by name."""
        with self._engine.connect() as connection:
            query = select(live_state.c.said_ms, live_state.c.body)
            found = connection.execute(query.order_by(live_state.c.group_index)).all()
        if not found:
            return LiveState()
        words = [_decoder.decode(body) for _, body in found]
        said_ms = max(said for said, _ in found)
        watermark_ms = min(word.until_ms for word in words)
        resources = sorted(
            (each for word in words for each in word.resources),
            key=lambda each: (-each.oddness, each.resource),
        )
        counted = [(word, count) for word in words for count in word.counts]
        clouds: dict[str, list[Counted]] = defaultdict(list)
        services: dict[tuple[str, str], list[Counted]] = defaultdict(list)
        for each in counted:
            clouds[each[1].cloud].append(each)
            services[each[1].cloud, each[1].service].append(each)
        whole = _part("", "", counted)
        return LiveState(
            watermark_ms,
            said_ms,
            max(said_ms - watermark_ms, 0),
            whole.samples_per_s,
            whole.anomaly_rate,
            tuple(_part(cloud, "", clouds[cloud]) for cloud in sorted(clouds)),
            tuple(_part(*each, services[each]) for each in sorted(services)),
            tuple(resources[:most]),
            sum(word.more for word in words) + max(len(resources) - most, 0),
        )

    def heat(
        self, from_ms: int | None = None, to_ms: int | None = None, most: int = MAX_ROWS
    ) -> HeatMap:
        """Return how odd resources were from one event time to another, the `most` oddest of them.

        Without times, of the last day that anything is known of.
        """
        with self._engine.connect() as connection:
            words = connection.execute(select(live_state.c.until_ms, live_state.c.body)).all()
            bucket_ms = _decoder.decode(words[0][1]).bucket_ms if words else _HOUR_MS
            to_ms = max((until for until, _ in words), default=0) if to_ms is None else to_ms
            from_ms = to_ms - 24 * _HOUR_MS if from_ms is None else from_ms
            if from_ms > to_ms:
                raise ValueError(f"from_ms must be at most to_ms, got {from_ms!r} and {to_ms!r}")
            bucket_ms *= max(1, -(-(to_ms - from_ms) // (bucket_ms * BUCKETS)))
            from_ms -= from_ms % bucket_ms
            to_ms += -to_ms % bucket_ms
            span = heat.c.start_ms.between(from_ms, to_ms - 1)
            oddest = func.max(heat.c.oddness)
            ranked = select(heat.c.resource).where(span).group_by(heat.c.resource)
            ranked = ranked.order_by(oddest.desc(), heat.c.resource).limit(most)
            names = list(connection.execute(ranked).scalars())
            count = select(func.count(heat.c.resource.distinct())).where(span)
            total = connection.execute(count).scalar_one()
            query = select(heat.c.resource, heat.c.start_ms, heat.c.oddness)
            query = query.where(span, heat.c.resource.in_(names))
            found: dict[tuple[int, int], float] = {}
            place = {name: at for at, name in enumerate(names)}
            for resource, start_ms, oddness in connection.execute(query):
                at = place[resource], start_ms - start_ms % bucket_ms
                found[at] = max(found.get(at, 0.0), oddness)
        cells = (HeatCell(names[at], start, odd) for (at, start), odd in sorted(found.items()))
        return HeatMap(from_ms, to_ms, bucket_ms, tuple(cells), total - len(names))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


Counted = tuple[LiveWord, LiveCount]


def _part(cloud: str, service: str, counted: Iterable[Counted]) -> LivePart:
    """Return how a cloud or a service stands, all its key groups together."""
    resources = off = silent = scored = anomalous = 0
    samples_per_s = 0.0
    watermark_ms: int | None = None
    for word, count in counted:
        resources += count.resources
        off += count.off
        silent += count.silent
        scored += count.scored
        anomalous += count.anomalous
        samples_per_s += count.samples * 1000 / max(word.until_ms - word.since_ms, 1)
        watermark_ms = min(word.until_ms, word.until_ms if watermark_ms is None else watermark_ms)
    return LivePart(
        cloud,
        service,
        "off" if off else "silent" if silent else "ok",
        resources,
        off,
        silent,
        round(samples_per_s, 3),
        round(anomalous / scored, 6) if scored else 0.0,
        watermark_ms or 0,
    )
