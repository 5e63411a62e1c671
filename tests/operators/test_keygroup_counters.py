"""Counters, parts and label sets through a whole key group, in any schedule."""

import random
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.keygroup import KeyGroup
from operators.keygroup_state import dump, load
from operators.packing import Named, Packed, pack
from schema import Counter, Resource, Series, stable_id
from tests.operators.group_input import settings as group_settings

PARTITIONS = 2
MINUTE_MS = 60_000


class Reading(NamedTuple):
    at_ms: int
    name: Named
    value: float
    start_ms: int = 0
    observed: float = 0.0


def stream(metric: str, counter: str, **labels: str) -> Named:
    resource = Resource("", "host", "", "", "h")
    part = tuple(sorted((k, v) for k, v in labels.items() if k == "cpu"))
    rest = tuple(sorted((k, v) for k, v in labels.items() if k != "cpu"))
    kind = Counter(counter) if counter else None  # type: ignore[arg-type]  # given as text
    series = Series(resource, metric, "", rest, part, kind)
    key = f"{resource.key}\n{series.stream_key}"
    return Named(stable_id(key), stable_id(resource.key), 0, series)


def readings(seed: int) -> list[Reading]:
    """Return ten minutes of a machine: cores, routes, a histogram, with resets and duplicates."""
    rng = random.Random(seed)
    out: list[Reading] = []
    cores = [stream("cpu.time", "rate", cpu=str(i)) for i in range(3)]
    routes = [stream("request.rate", "rate", route=f"/{i}") for i in range(40)]
    mean = stream("latency", "mean", route="/")
    gauge = stream("memory.used", "")
    total = dict.fromkeys((c.uid for c in (*cores, *routes, mean)), 0.0)
    observed = 0.0
    for second in range(0, 600, 20):
        at = second * 1000 + rng.randrange(500)
        for one in (*cores, *routes):
            born = int(one.series.labels[0][1][1:]) * 12 if one in routes else 0
            if second < born:
                continue
            total[one.uid] = total[one.uid] + rng.randrange(50) if rng.random() > 0.03 else 1.0
            out.append(Reading(at, one, total[one.uid]))
        observed += 4
        total[mean.uid] += rng.random() * 8
        out.append(Reading(at, mean, total[mean.uid], 1, observed))
        out.append(Reading(at, gauge, rng.random()))
    out += rng.sample(out, 30)
    return out


def packed(rows: Sequence[Reading], partition: int, watermark_ms: int, end: bool) -> bytes:
    return pack(
        Packed(
            0,
            partition,
            (1 << 62) if end else watermark_ms,
            600_000,
            end,
            np.array([r.name.uid for r in rows], np.uint64),
            np.array([r.at_ms for r in rows], np.int64),
            np.array([r.value for r in rows], np.float64),
            tuple({r.name.uid: r.name for r in rows}.values()),
            np.array([r.start_ms for r in rows], np.int64),
            np.array([r.observed for r in rows], np.float64),
        )
    )


def outcome(seed: int, schedule: int, *, crash: bool = False) -> tuple[object, ...]:
    """Return all that a group knows of its series after the readings came in some schedule."""
    rng = random.Random(schedule)
    group = KeyGroup(group_settings(PARTITIONS), 0)
    parts: list[list[Reading]] = [[] for _ in range(PARTITIONS)]
    for reading in readings(seed):
        parts[rng.randrange(PARTITIONS)].append(reading)
    for part in parts:
        part.sort(key=lambda r: (r.at_ms + rng.randrange(90_000), r.name.uid))
    absorbed = 0
    at = [0] * PARTITIONS
    while any(i < len(part) + 1 for i, part in zip(at, parts, strict=True)):
        p = rng.choice([i for i in range(PARTITIONS) if at[i] < len(parts[i]) + 1])
        step = rng.randrange(1, 400)
        chunk = parts[p][at[p] : at[p] + step]
        at[p] += max(1, len(chunk))
        rest = parts[p][at[p] :]
        end = at[p] > len(parts[p]) or not chunk
        if end:
            at[p] = len(parts[p]) + 1
        watermark = min((r.at_ms for r in rest), default=600_000) - 1
        group.feed(packed(chunk, p, watermark, end))
        closed = group.close()
        absorbed += 0 if closed is None else closed.absorbed
        if crash and rng.random() < 0.3:
            group = load(dump(group), group.settings)
    table = group.roster.tables[0]
    by = sorted(range(len(table.members)), key=lambda i: table.members[i].uid)
    names = tuple(table.members[i].series.metric_key for i in by)
    return names, absorbed, table.arrays.state[by].tobytes(), table.arrays.season[by].tobytes()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2), st.integers(0, 10_000), st.booleans())
def test_the_same_readings_give_the_same_state_in_any_schedule(
    seed: int, schedule: int, crash: bool
) -> None:
    assert outcome(seed, schedule, crash=crash) == outcome(seed, -1)


def test_cores_are_one_series_and_routes_beyond_the_bound_another() -> None:
    names, absorbed, *_ = outcome(0, -1)
    assert isinstance(names, tuple)
    assert "cpu.time" in names
    routes = [name for name in names if name.startswith("request.rate|route=")]
    assert len(routes) == 32
    assert "request.rate|label_sets=other" in names
    assert absorbed == 3 + 40 + 1


def test_a_snapshot_decodes_without_the_fields_that_came_later() -> None:
    group = KeyGroup(group_settings(1), 0)
    state = msgspec.msgpack.decode(dump(group))
    for name in ("streams", "counters", "readings"):
        del state[name]
    assert load(msgspec.msgpack.encode(state), group.settings).closed_ms == group.closed_ms
