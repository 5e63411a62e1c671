"""What comes later changes no verdict before it: over decoding, key groups and triage at once."""

import itertools
from functools import cache

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.incident_wire import encode_transition
from tests.operators.small_estate import (
    INGEST,
    MINUTE_MS,
    MINUTES,
    START_MS,
    Machine,
    Schedule,
    estate,
)

Parts = tuple[tuple[bytes, ...], ...]
EASY = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CUTS = st.integers(200, MINUTES - 5)  # minutes: the first faults are before, the others around it


def run(parts: Parts) -> Machine:
    machine, schedule = Machine(parts), Schedule()
    while not machine.done:
        schedule.advance(machine)
    machine.save()
    return machine


@cache
def lived() -> Machine:
    return run(estate())


def verdicts(machine: Machine, before_ms: int) -> list[bytes]:
    """Return all that was said of ticks before a time: events, alert edges and effects."""
    said = [encode_transition(each) for each in machine.said if each.ts_ms < before_ms]
    found = [
        msgspec.json.encode(each)
        for word in machine.words
        for each in word.anomalies
        if each.tick_ms < before_ms
    ]
    felt = [
        msgspec.json.encode(each)
        for word in machine.words
        for each in word.effects
        if each.tick_ms < before_ms
    ]
    return [*said, *sorted(found), *sorted(felt)]


def minute_of(line: bytes) -> float | None:
    """Return when a sample is of; None: it is broken."""
    try:
        return (int(msgspec.json.decode(line)["ts_ms"]) - START_MS) / MINUTE_MS
    except msgspec.DecodeError:
        return None


def with_future(parts: Parts, cut: int, order: st.DataObject) -> Parts:
    """Return the parts with the values of all samples from a minute on dealt out anew."""
    out = []
    for part in parts:
        later = [i for i, line in enumerate(part) if (minute_of(line) or 0) >= cut]
        values = [msgspec.json.decode(part[i])["value"] for i in later]
        shift = order.draw(st.integers(1, max(1, len(values) - 1)))
        scale = order.draw(st.sampled_from([1.0, -3.0, 1e6]))
        lines = list(part)
        for i, value in zip(
            later, itertools.islice(itertools.cycle(values), shift, None), strict=False
        ):
            lines[i] = msgspec.json.encode({**msgspec.json.decode(part[i]), "value": scale * value})
        out.append(tuple(lines))
    return tuple(out)


def test_there_is_something_to_change() -> None:
    early, late = (verdicts(lived(), START_MS + cut * MINUTE_MS) for cut in (200, MINUTES))
    assert len(early) > 20
    assert len(late) > len(early) + 20


@EASY
@given(CUTS, st.data())
def test_other_values_later_change_nothing_before(cut: int, order: st.DataObject) -> None:
    before_ms = START_MS + cut * MINUTE_MS
    other = run(with_future(estate(), cut, order))
    assert verdicts(other, before_ms) == verdicts(lived(), before_ms)
    until_ms = START_MS + MINUTES * MINUTE_MS
    assert verdicts(other, until_ms) != verdicts(lived(), until_ms)


@EASY
@given(st.integers(1_500, 2_300), st.data())
def test_another_end_of_each_partition_changes_nothing_before_its_watermark(
    kept: int, order: st.DataObject
) -> None:
    """The rest is shuffled, or not there at all, or it is another estate's."""
    parts = []
    frontiers = []
    for part, foreign in zip(estate(), estate(2), strict=True):
        past = part[:kept]
        rest = order.draw(st.sampled_from(["shuffled", "none", "foreign"]))
        future = {"shuffled": part[kept:][::-1], "none": (), "foreign": foreign[kept:]}[rest]
        parts.append((*past, *future))
        newest = max(minute for line in past if (minute := minute_of(line)) is not None)
        frontiers.append(newest - INGEST.out_of_order_s / 60)
    before_ms = START_MS + int(min(frontiers)) * MINUTE_MS
    before_ms -= before_ms % (INGEST.tick_s * 1000)
    assert before_ms > START_MS + 150 * MINUTE_MS
    assert verdicts(run(tuple(parts)), before_ms) == verdicts(lived(), before_ms)
