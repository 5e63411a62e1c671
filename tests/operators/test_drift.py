"""When a service is said to drift: by counts of windows alone."""

from collections.abc import Sequence
from itertools import groupby
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.drift import Drifts, DriftSettings, Judged
from schema import Closed, Drift, DriftStanding, Pulse

RULE = DriftSettings()
PULSE_MS = round(RULE.pulse_s * 1000)
DAY = 288  # windows
CALM = (10, 0, 0)  # scored, high, both
HIGH = (10, 9, 2)
START = 5_000  # number of the first window

Window = tuple[int, int, int]


def words(windows: Sequence[Window | None], service: str = "aws.ec2") -> list[Closed]:
    """Return what a single group says at the end of each window."""
    out = []
    for i, window in enumerate(windows, start=START):
        pulses = () if window is None else (Pulse(service, i * PULSE_MS, *window),)
        out.append(Closed(0, (i + 1) * PULSE_MS, False, pulses=pulses))
    return out


def found(windows: Sequence[Window | None], rule: DriftSettings = RULE) -> list[Drift]:
    drifts = Drifts(rule, 1, 60)
    return [drift for word in words(windows) for drift in _drifts(drifts.step(word))]


def _drifts(judged: Judged | None) -> tuple[Drift, ...]:
    return () if judged is None else judged[1]


def test_a_level_that_stays_is_one_drift_and_says_since_when() -> None:
    windows = [CALM] * DAY + [HIGH] * DAY
    [drift] = found(windows)
    onset_ms = (START + DAY) * PULSE_MS
    assert (drift.service, drift.since_ms, drift.resources, drift.share) == (
        "aws.ec2",
        onset_ms,
        9,
        0.9,
    )
    assert drift.found_ms == onset_ms + RULE.for_s * 1000
    assert drift.effective_ms == drift.found_ms + RULE.accept_after_s * 1000
    assert drift.retrain_by_ms == drift.found_ms + RULE.retrain_s * 1000


@pytest.mark.parametrize(
    ("what", "high"),
    [
        ("too few of the resources", (10, 5, 1)),
        ("odd to the trees too", (10, 9, 9)),
        ("too small a service", (3, 3, 0)),
    ],
)
def test_this_is_no_drift(what: str, high: Window) -> None:
    calm = CALM if high[0] == 10 else (3, 0, 0)
    assert not found([calm] * DAY + [high] * DAY), what


def test_a_service_that_was_always_odd_does_not_drift() -> None:
    assert not found([HIGH] * DAY)


def test_what_ends_before_its_time_is_no_drift() -> None:
    short = round(RULE.for_s / RULE.pulse_s) - 1
    assert not found(([CALM] * DAY + [HIGH] * short) * 3)


def test_trees_that_get_used_to_it_later_make_it_a_drift_later() -> None:
    strange = (10, 9, 9)
    [drift] = found([CALM] * DAY + [strange] * 20 + [HIGH] * 20)
    assert drift.found_ms == (START + DAY + 21) * PULSE_MS


def test_a_drift_that_lasts_is_told_once_and_a_second_one_after_calm_again() -> None:
    calm = round(RULE.calm_s / RULE.pulse_s) + 1
    assert len(found([CALM] * DAY + [HIGH] * 30 + [CALM] * 3 + [HIGH] * 30)) == 1
    assert len(found([CALM] * DAY + [HIGH] * 30 + [CALM] * calm + [CALM] * DAY + [HIGH] * 30)) == 2


def test_windows_without_a_row_count_for_nothing() -> None:
    assert not found([CALM, None] * DAY + [None] * 30)
    assert len(found([CALM, None] * DAY + [HIGH] * 30)) == 1


def spread(windows: Sequence[Window], groups: int) -> list[list[Closed]]:
    """Return the same windows as said by several groups, each with its share of the resources."""
    out: list[list[Closed]] = [[] for _ in range(groups)]
    for i, window in enumerate(windows, start=START):
        for group in range(groups):
            part = tuple(n // groups + (group < n % groups) for n in window)
            pulses = (Pulse("aws.ec2", i * PULSE_MS, *part),) if part[0] else ()
            out[group].append(Closed(group, (i + 1) * PULSE_MS, False, pulses=pulses))
    return out


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 12), st.booleans())
def test_groups_in_any_order_and_a_crash_anywhere_find_the_same(
    random: Random, groups: int, crash: bool
) -> None:
    windows = [CALM] * 60 + [HIGH] * 20
    queues = [list(queue) for queue in spread(windows, groups)]
    drifts = Drifts(RULE, groups, 60)
    said: list[Drift] = []
    while any(queues):
        queue = random.choice([queue for queue in queues if queue])
        said += _drifts(drifts.step(queue.pop(0)))
        if crash:
            drifts = Drifts(RULE, groups, 60, drifts.snapshot())
    assert said == found(windows)
    assert len(said) == 1


def test_the_frontier_is_said_whenever_it_moves() -> None:
    drifts = Drifts(RULE, 2, 60)
    first, second = spread([CALM] * 2, 2)
    assert drifts.step(first[0]) is None
    assert drifts.step(first[1]) is None
    assert drifts.step(second[0]) == ((START + 1) * PULSE_MS, ())


def test_services_are_judged_each_for_itself_and_told_by_name() -> None:
    drifts = Drifts(RULE, 1, 60)
    said: list[Drift] = []
    both = zip(
        words([CALM] * DAY + [HIGH] * 20, "gcp.gce"),
        words([CALM] * DAY + [HIGH] * 20, "aws.ec2"),
        strict=True,
    )
    for one, other in both:
        word = msgspec.structs.replace(one, pulses=one.pulses + other.pulses)
        said += _drifts(drifts.step(word))
    assert [drift.service for drift in said] == ["aws.ec2", "gcp.gce"]
    assert len({drift.id for drift in said}) == 2


def test_another_number_of_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="groups must be 2 as in the recovery store, got 3"):
        Drifts(RULE, 3, 60, Drifts(RULE, 2, 60).snapshot())


@pytest.mark.parametrize(
    ("field", "value"),
    [("pulse_s", 0), ("share", 1.5), ("surprise", 0), ("least", 0), ("accept_after_s", 40_000.0)],
)
def test_settings_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} must be .*got"):
        msgspec.structs.replace(RULE, **{field: value})


def test_says_how_a_service_stands_through_a_drift() -> None:
    """Steady, suspected, drifting, the new level accepted, and steady once it is calm."""
    lasts = round((RULE.accept_after_s + RULE.for_s) * 1000 / PULSE_MS)
    calm = round(RULE.calm_s * 1000 / PULSE_MS)
    drifts = Drifts(RULE, 1, 60)
    course: list[DriftStanding] = []
    for word in words([CALM] * DAY + [HIGH] * lasts + [CALM] * calm):
        drifts.step(word)
        course += drifts.standings()
    states = [now.state for now in course]
    assert [(k, len(list(g))) for k, g in groupby(states)] == [
        ("steady", DAY), ("suspected", 5), ("drifting", 3), ("accepted", calm), ("steady", 1),
    ]  # fmt: skip
    onset_ms = (START + DAY) * PULSE_MS
    suspected, drifting, accepted = (
        course[states.index(state)] for state in ("suspected", "drifting", "accepted")
    )
    assert suspected.since_ms == drifting.since_ms == onset_ms
    last = drifting.last
    assert last is not None
    assert accepted.since_ms == last.effective_ms == accepted.until_ms
    assert [now.drifts for now in (suspected, drifting, course[-1])] == [0, 1, 1]
    assert (course[-1].since_ms, course[-1].last) == (None, last)
    assert suspected.share < 0.1
    assert drifting.changed_ms is not None
    assert onset_ms < drifting.changed_ms <= last.found_ms


def test_the_share_of_a_service_that_was_always_odd_is_the_mean_of_the_window() -> None:
    drifts = Drifts(RULE, 1, 60)
    for word in words([HIGH] * 20):
        drifts.step(word)
    (now,) = drifts.standings()
    assert (now.window, now.share, now.changed_ms) == (20, 0.9, None)
