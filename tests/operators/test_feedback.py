"""A false alarm hushes its own pattern and nothing else, and the word "real" undoes it."""

from typing import Literal

import hypothesis
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.baseline import LAST_TICK, SEEN
from operators.cohort import CohortTable
from operators.feedback import MARGIN, Target, apply_feedback, targets_of
from operators.keygroup import KeyGroup
from operators.keygroup_state import dump, load
from operators.layout import BORN, FORGOTTEN
from operators.series_score import heard
from schema import Anomaly, Evidence, Feedback, Incident, Member, Severity
from tests.operators.group_input import MINUTE_MS, buffer, series, settings
from tests.operators.test_cohort import A2, A, B, table

Verdict = Literal["false_positive", "real"]
KEY = series("a").resource.key
CPU = "cpu.utilization"


def feedback(verdict: Verdict, *targets: Target) -> Feedback:
    return Feedback("inc-1", verdict, targets, 0, "ann")


def target(up: float = 0.0, down: float = 0.0, metric: str = CPU, key: str = KEY) -> Target:
    return Target(key, metric, (), up, down)


def seen() -> CohortTable:
    """Return a cohort whose three series have been scored."""
    found = table(A, B, A2)
    found.arrays.state[:, [SEEN, LAST_TICK]] = 100.0
    return found


def bars(found: CohortTable) -> list[list[float]]:
    return [[float(each) for each in row] for row in found.arrays.bar]


# ------------------------------------------------------------------ what an incident was about


def incident(*parts: Evidence, kind: str = "metrics") -> Incident:
    member = Member(series("a").resource, kind, 0, 0, None, 0.9, 9.0, parts)
    return Incident(
        "inc-1", 1, "open", Severity.HIGH, (), "", "", (), 0, 0, 0, None, 0.9, 1, (member,)
    )


def evidence(value: float, metric: str = CPU) -> Evidence:
    return Evidence(metric, (), "percent", value, 20.0, 14.0, 28.0, 1.0, 0)


@pytest.mark.parametrize(
    ("value", "up", "down"),
    [
        (50.0, 30.0, 0.0),
        (5.0, 0.0, 15.0),
        (21.0, 8.0, 6.0),  # within the band: odd for its shape, to both sides
        (28.0, 8.0, 6.0),
        (28.1, pytest.approx(8.1), 0.0),
    ],
)
def test_a_target_says_how_far_the_metric_went(value: float, up: float, down: float) -> None:
    (found,) = targets_of(incident(evidence(value)))
    assert (found.resource, found.metric, found.up, found.down) == (KEY, CPU, up, down)


@pytest.mark.parametrize("kind", ["silent", "rule:full"])
def test_silence_and_rules_are_about_no_series(kind: str) -> None:
    assert targets_of(incident(evidence(50.0), kind=kind)) == ()


def test_a_series_that_is_named_twice_is_one_target_with_the_furthest() -> None:
    (found,) = targets_of(incident(evidence(50.0), evidence(60.0), evidence(10.0)))
    assert (found.up, found.down) == (40.0, 10.0)


# ------------------------------------------------------------------ bars


def test_a_false_alarm_raises_the_bar_of_its_series_on_its_side_alone() -> None:
    found = seen()
    assert apply_feedback(found, feedback("false_positive", target(up=20.0))) == 1
    assert bars(found) == [[20.0 * MARGIN, 0.0], [0.0, 0.0], [0.0, 0.0]]


def test_saying_it_again_changes_nothing_and_a_smaller_one_neither() -> None:
    found = seen()
    for up in (20.0, 20.0, 5.0):
        apply_feedback(found, feedback("false_positive", target(up=up)))
    assert bars(found)[0] == [20.0 * MARGIN, 0.0]


@pytest.mark.parametrize(
    ("real", "bar"),
    [
        (target(up=20.0), 0.0),  # the same
        (target(up=49.0), 0.0),  # would not have been heard in full
        (target(up=50.0), 25.0),  # was heard in full: the smaller one may still be false
        (target(down=20.0), 25.0),
        (target(up=20.0, metric="latency"), 25.0),
    ],
)
def test_real_undoes_what_would_have_hushed_it(real: Target, bar: float) -> None:
    found = seen()
    apply_feedback(found, feedback("false_positive", target(up=20.0)))
    apply_feedback(found, feedback("real", real))
    assert bars(found)[0] == [bar, 0.0]


@pytest.mark.parametrize(
    ("where", "value"), [((SEEN,), 0.0), ((LAST_TICK,), 99.0)], ids=["not scored", "born again"]
)
def test_a_series_that_has_not_been_scored_has_no_bar(where: tuple[int], value: float) -> None:
    found = seen()
    found.arrays.resource[:, BORN] = 100.0
    found.arrays.state[0, where[0]] = value
    assert apply_feedback(found, feedback("false_positive", target(up=20.0))) == 0
    assert not found.arrays.bar.any()


def test_a_forgotten_resource_and_one_of_elsewhere_have_no_bar() -> None:
    found = seen()
    found.arrays.resource[0, FORGOTTEN] = 1.0
    other = target(up=20.0, key=series("z").resource.key)
    assert apply_feedback(found, feedback("false_positive", target(up=20.0), other)) == 0
    assert not found.arrays.bar.any()


_sizes = st.floats(0, 1e9, allow_subnormal=False)
_words = st.lists(
    st.tuples(st.sampled_from(["false_positive", "real"]), _sizes, _sizes), max_size=12
)


@hypothesis.settings(deadline=None)  # it may compile
@given(_words)
def test_a_bar_is_finite_and_what_was_called_real_last_is_heard_in_full(
    words: list[tuple[Verdict, float, float]],
) -> None:
    found = seen()
    for verdict, up, down in words:
        apply_feedback(found, feedback(verdict, target(up, down)))
        assert np.isfinite(found.arrays.bar).all()
        assert (found.arrays.bar >= 0.0).all()
        for away in (up, -down):
            if away != 0.0:
                share = heard(found.arrays, 0, 50.0, away)
                assert share == (1.0 if verdict == "real" else 0.0)
        assert heard(found.arrays, 1, 50.0, up) == 1.0


# ------------------------------------------------------------------ as it works in a key group

RESOURCES = 6
QUIET = 400  # minutes
# when something goes off for 15 minutes: by then the detectors have forgotten the time before
TIMES = (QUIET, QUIET + 1_100, QUIET + 2_200)


def opened(sizes: tuple[float, float, float], say: Verdict | None, undo: bool = False) -> list[int]:
    """Return which of three deviations of one resource were told, after a word about the first."""
    group = KeyGroup(settings(), 0)
    rng = np.random.default_rng(7)
    told: list[Anomaly] = []
    said = False
    for start in range(0, TIMES[-1] + 60, 20):
        samples = []
        for minute in range(start, start + 20):
            for r in range(RESOURCES):
                level = 40.0 + rng.normal(0.0, 1.0)
                if r == 0:
                    level += sum(
                        s for s, t in zip(sizes, TIMES, strict=True) if 0 <= minute - t < 15
                    )
                samples.append((f"i-{r}", float(minute), level))
        group.feed(buffer(samples, until=start + 20.0, metric="queue.age"))
        word = group.close()
        assert word is not None
        told += [a for a in word.anomalies if a.edge == "open"]
        if told and say and not said and start >= TIMES[0] + 60:
            said = True
            first = told[0]
            member = Member(
                first.resource, first.kind, 0, 0, None, 0.9, first.score, first.evidence
            )
            about = msgspec.structs.replace(incident(), members=(member,))
            command = Feedback("inc-1", say, targets_of(about), 0, "ann")
            assert apply_feedback(group.roster.tables[0], command) == 1
            if undo:
                apply_feedback(
                    group.roster.tables[0], msgspec.structs.replace(command, verdict="real")
                )
            group = load(dump(group), group.settings)  # it is kept
    ticks = [a.tick_ms // MINUTE_MS for a in told]
    return [i for i, t in enumerate(TIMES) if any(0 <= tick - t < 30 for tick in ticks)]


def test_without_a_word_each_deviation_is_told() -> None:
    assert opened((30.0, 30.0, 90.0), None) == [0, 1, 2]
    assert opened((30.0, -30.0, 30.0), None) == [0, 1, 2]


def test_after_a_false_alarm_the_same_is_quiet_and_a_clearly_bigger_one_is_told() -> None:
    assert opened((30.0, 30.0, 90.0), "false_positive") == [0, 2]


def test_after_a_false_alarm_the_other_side_is_told() -> None:
    assert opened((30.0, -30.0, 30.0), "false_positive") == [0, 1]


def test_the_word_real_undoes_a_false_alarm() -> None:
    assert opened((30.0, 30.0, 90.0), "false_positive", undo=True) == [0, 1, 2]
