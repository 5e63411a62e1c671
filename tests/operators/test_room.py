"""A producer that goes mad: what it is not given depends on event times and names alone."""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import pytest

from operators.admission import LimitSettings
from operators.announcer import Announcer, said_every_ms
from operators.keygroup import GroupSettings, KeyGroup
from operators.keygroup_state import dump, load
from operators.packing import Packed, pack
from schema import Closed, Counter, Resource, SampleBatch, Series, SeriesTable
from tests.operators.group_input import MINUTE_MS, settings

HOURS = 60
EVERY_MS = said_every_ms(MINUTE_MS)
LIMITS = LimitSettings(
    account_resources=40, account_series=60, account_new_series=30, resource_series=8
)
STEADY = tuple(f"steady-{i}" for i in range(10))
Sample = tuple[int, Series]  # minute, what


def shape(limits: LimitSettings = LIMITS) -> GroupSettings:
    made = settings(partitions=2)
    return GroupSettings(1, 2, 60, made.detect, made.catalogue, limits=limits)


def sampled(name: str, account: str = "1", metric: str = "cpu.utilization") -> Series:
    counter = Counter("rate") if metric == "request.rate" else None
    return Series(Resource("aws", "aws.ec2", account, "eu", name), metric, counter=counter)


def mad(hours: int, per_minute: int = 3) -> list[Sample]:
    """Return minutes of ten that are steady and, for two hours in seven, of ever new names."""
    out: list[Sample] = []
    for minute in range(hours * HOURS):
        out += [(minute, sampled(name)) for name in STEADY]
        if minute % 5 == 0:
            out.append((minute, sampled("slow", metric="request.rate")))
            out.append((minute, sampled("modest", account="2")))
        if minute % (7 * HOURS) > 5 * HOURS:
            out += [(minute, sampled(f"mad-{minute}-{i}")) for i in range(per_minute)]
            out.append((minute, sampled(STEADY[0], metric=f"made-up-{minute}")))
            out.append((minute, sampled(f"other-{minute}", account="2")))
    return out


class Partition:
    """Announces and packs as a source partition does; made anew it has forgotten all."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._names = Announcer(EVERY_MS, 64, 4096)
        self._table: SeriesTable = self._names.table

    def packed(self, rows: Sequence[Sample], until: int, end: bool) -> bytes:
        n = len(rows)
        ts_ms = np.array([minute * MINUTE_MS + 7 for minute, _ in rows], np.int64)
        where = np.array([self._table.index(one) for _, one in rows], np.int32)
        value = np.array([minute % 17 * 1.0 for minute, _ in rows])
        batch = SampleBatch(
            where, ts_ms, value, np.zeros(n, np.int32), np.zeros(n, np.int64), np.zeros(n)
        )
        names = self._names.announce(batch)
        uid, _ = self._names.ids(batch)
        newest = until * MINUTE_MS
        return pack(
            Packed(
                0, self._index, (1 << 62) if end else newest, newest, end, uid, ts_ms,
                batch.value, tuple(names), batch.start_ms, batch.count,
            )
        )  # fmt: skip


def run(
    samples: Iterable[Sample],
    *,
    chunk: int = 1,
    lead: int = 0,
    restart_every: int = 0,
    limits: LimitSettings = LIMITS,
) -> tuple[KeyGroup, list[Closed]]:
    """Feed `chunk` minutes at a time, one partition `lead` chunks before the other."""
    group = KeyGroup(shape(limits), 0)
    parts = [Partition(0), Partition(1)]
    rows = list(samples)
    last = max(minute for minute, _ in rows) + 1
    by: list[dict[int, list[Sample]]] = [{}, {}]
    for minute, one in rows:
        by[len(one.resource.name) % 2].setdefault(minute // chunk, []).append((minute, one))
    words: list[Closed] = []
    chunks = -(-last // chunk)
    for step in range(chunks + lead):
        for i, at in ((0, step), (1, step - lead)):
            if 0 <= at < chunks:
                until = min((at + 1) * chunk, last)
                group.feed(parts[i].packed(by[i].get(at, []), until, at == chunks - 1))
        if (word := group.close()) is not None:
            words.append(word)
        if restart_every and step % restart_every == restart_every - 1:
            group = load(dump(group), shape(limits))
            parts = [Partition(0), Partition(1)]
    return group, words


def held(group: KeyGroup) -> tuple[object, ...]:
    """Return who is followed, since when, and what was learned."""
    out = []
    for table in group.roster.tables:
        for row, member in enumerate(table.members):
            own = table.arrays.resource[table.arrays.owner[row]].tolist()
            state = table.arrays.state[row].tolist()
            out.append((member.series.resource.key, member.series.metric_key, own, state))
    return tuple(sorted(out))


HOURS_RUN = 15


@pytest.fixture(scope="module")
def plain() -> tuple[KeyGroup, list[Closed]]:
    return run(mad(HOURS_RUN), chunk=9)


@pytest.mark.parametrize(
    ("chunk", "lead", "restart_every"),
    [(50, 0, 0), (400, 0, 0), (8, 3, 0), (45, 2, 0), (8, 1, 23), (30, 1, 1)],
)
def test_who_is_refused_and_forgotten_depends_on_no_interleaving_and_no_restart(
    chunk: int, lead: int, restart_every: int, plain: tuple[KeyGroup, list[Closed]]
) -> None:
    group, _ = run(mad(HOURS_RUN), chunk=chunk, lead=lead, restart_every=restart_every)
    assert held(group) == held(plain[0])


def test_a_mad_producer_is_bounded_and_said(plain: tuple[KeyGroup, list[Closed]]) -> None:
    group, words = plain
    names = [r.name for t in group.roster.tables for r in t.resources if r.account == "1"]
    assert len(names) <= LIMITS.account_resources
    assert set(STEADY) <= set(names)
    assert len(group.roster.uid) < 2000  # 1,100 made-up names have come, and twice as many more
    limits = {limit for word in words for _, limit, _ in word.refused}
    assert {"account_resources", "account_new_series", "resource_series"} & limits
    assert sum(word.over for word in words) > 0
    assert sum(word.forgotten for word in words) > 0


def test_what_keeps_its_step_is_never_forgotten_for_what_is_new(
    plain: tuple[KeyGroup, list[Closed]],
) -> None:
    group, _ = plain
    seen = {r.name: int(table.arrays.resource[row, 0])
            for table in group.roster.tables for row, r in enumerate(table.resources)}  # fmt: skip
    assert {seen[name] for name in STEADY} == {HOURS_RUN * HOURS}
    assert seen["modest"] == HOURS_RUN * HOURS // 5


def test_without_limits_reached_nothing_is_refused() -> None:
    _, words = run(mad(7), chunk=20, limits=LimitSettings())
    assert sum(word.over + word.forgotten for word in words) == 0
    assert not any(word.refused for word in words)


def test_a_snapshot_of_a_release_without_limits_counts_what_it_holds() -> None:
    group, _ = run(mad(7), chunk=20)
    raw = msgspec.msgpack.decode(dump(group))
    del raw["admission"]
    again = load(msgspec.msgpack.encode(raw), shape())
    assert again.room.admission.state().used["2"].resources > 0
