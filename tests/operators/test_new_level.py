"""A service's new level, accepted by a key group between two ticks."""

from functools import cache

import msgspec
import numpy as np

from models import baseline as b
from operators.keygroup import KeyGroup
from operators.keygroup_state import dump, load
from operators.layout import SCORE
from operators.new_level import accept_level
from schema import F64, Closed, Drift
from tests.operators.group_input import MINUTE_MS, buffer, settings
from tests.operators.small_estate import DETECT

DAY = 1_440
ONSET = 2 * DAY + 600
EFFECTIVE = ONSET + 40
DRIFTED, CALM = ("a", "b", "c", "d"), "e"
RISE = 20.0
DRIFT = Drift(
    "drift-1",
    "aws.ec2",
    ONSET * MINUTE_MS,
    (EFFECTIVE - 5) * MINUTE_MS,
    EFFECTIVE * MINUTE_MS,
    (EFFECTIVE + DAY) * MINUTE_MS,
    4,
    0.8,
)


@cache
def noise() -> F64:
    return np.random.default_rng(3).normal(size=(5, 5 * DAY))


def value(name: str, minute: int, rise: float = RISE) -> float:
    """Return a processor's load: a daily rhythm, noise, and from `ONSET` on `rise` more."""
    wave = 30.0 + 3.0 * np.sin(2 * np.pi * minute / DAY)
    drifted = rise if minute >= ONSET and name in DRIFTED else 0.0
    return float(wave + drifted + noise()["abcde".index(name), minute])


def feed(group: KeyGroup, first: int, until: int, **extra: float) -> list[Closed]:
    """Feed the minutes [first, until), with `extra` on top of some; return what was said."""
    said = []
    for at in range(first, until, 120):
        minutes = range(at, min(at + 120, until))
        samples = [
            (name, float(m), value(name, m) + extra.get(name, 0.0))
            for m in minutes
            for name in (*DRIFTED, CALM)
        ]
        group.feed(buffer(samples, until=float(minutes.stop)))
        closed = group.close()
        if closed is not None:
            said.append(closed)
    return said


@cache
def snapshot() -> bytes:
    """Return a group at `EFFECTIVE`, 40 minutes into a drift."""
    group = KeyGroup(settings(), 0)
    feed(group, 0, EFFECTIVE)
    return dump(group)


def drifting() -> KeyGroup:
    return load(snapshot(), settings())


def state(group: KeyGroup, name: str) -> F64:
    [table] = group.roster.tables
    [row] = [i for i, m in enumerate(table.members) if m.series.resource.name == name]
    found: F64 = table.arrays.state[row].copy()
    return found


def accept(group: KeyGroup) -> None:
    """Accept at once, without waiting for the next tick to close."""
    [table] = group.roster.tables
    accept_level(table, EFFECTIVE, group.settings.detect.knobs(group.rules, 60))


def edges(said: list[Closed]) -> list[tuple[str, str, int]]:
    return [
        (edge.resource.name, edge.edge, edge.tick_ms // MINUTE_MS - EFFECTIVE)
        for closed in said
        for edge in closed.anomalies
    ]


def test_before_it_is_accepted_the_drift_is_an_alert_of_all_that_drifted() -> None:
    group = KeyGroup(settings(), 0)
    opened = [edge for edge in edges(feed(group, 0, EFFECTIVE)) if edge[1] == "open"]
    assert {name for name, _, minute in opened if minute > -40} == set(DRIFTED)


def test_the_new_level_is_that_of_the_samples_since_the_drift() -> None:
    group = drifting()
    before = {name: state(group, name) for name in DRIFTED}
    accept(group)
    for name in DRIFTED:
        assert abs(state(group, name)[b.MEAN] - before[name][b.MEAN] - RISE) < 2.0
        assert state(group, name)[b.MIDDLE] == 0.0
        assert state(group, name)[b.SPREAD] == before[name][b.SPREAD]
    feed(group, EFFECTIVE, EFFECTIVE + 20)
    for name in DRIFTED:
        assert abs(state(group, name)[b.SHORT]) < state(group, name)[b.SPREAD]


def test_a_resource_that_does_not_stand_away_is_left_alone() -> None:
    group = drifting()
    before = state(group, CALM)
    accept(group)
    assert np.array_equal(state(group, CALM), before)


def test_alerts_of_the_drift_close_by_themselves_and_no_others_open_for_two_days() -> None:
    group = drifting()
    group.agenda.add([DRIFT])
    said = edges(feed(group, EFFECTIVE, EFFECTIVE + 2 * DAY))
    closed = {name: minute for name, edge, minute in said if edge == "close"}
    assert set(closed) == set(DRIFTED)
    assert max(closed.values()) <= 30
    assert [edge for edge in said if edge[1] == "open"] == []


def test_without_acceptance_the_alerts_stay_open_for_hours() -> None:
    said = edges(feed(drifting(), EFFECTIVE, EFFECTIVE + 120))
    assert [edge for edge in said if edge[1] == "close"] == []


def test_a_fault_on_top_of_the_drift_is_found_an_hour_after_as_it_would_have_been_before() -> None:
    group = drifting()
    accept(group)
    feed(group, EFFECTIVE, EFFECTIVE + 60)
    said = edges(feed(group, EFFECTIVE + 60, EFFECTIVE + 90, b=RISE))
    assert [(name, edge) for name, edge, _ in said if edge == "open"] == [("b", "open")]
    assert said[0][2] <= 70


def test_a_drift_of_another_service_changes_nothing() -> None:
    group = drifting()
    group.agenda.add([msgspec.structs.replace(DRIFT, service="gcp.gce")])
    other = drifting()
    for one in (group, other):
        feed(one, EFFECTIVE, EFFECTIVE + 20)
    assert all(np.array_equal(state(group, name), state(other, name)) for name in DRIFTED)


def test_scores_are_back_to_normal_within_a_quarter_of_an_hour() -> None:
    group = drifting()
    accept(group)
    feed(group, EFFECTIVE, EFFECTIVE + 20)
    [table] = group.roster.tables
    assert (table.arrays.resource[:, SCORE] < DETECT.fusion.threshold / 2).all()
