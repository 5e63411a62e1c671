"""A false alarm hushes its own pattern and nothing else, and the word "real" undoes it."""

from functools import cache
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


def test_what_had_next_to_no_part_is_left_alone() -> None:
    small = msgspec.structs.replace(evidence(50.0, "latency"), share=0.019)
    assert [each.metric for each in targets_of(incident(evidence(50.0), small))] == [CPU]


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
SAID_AT = TIMES[0] + 60


def edges(
    sizes: tuple[float, ...], commands: tuple[Feedback, ...] = (), chunk: int = 20
) -> list[Anomaly]:
    """Return the alert edges of an estate in which one resource goes off by these sizes."""
    group = KeyGroup(settings(), 0)
    group.agenda.add(commands)
    rng = np.random.default_rng(7)
    found: list[Anomaly] = []
    for start in range(0, TIMES[-1] + 60, chunk):
        samples = []
        for minute in range(start, start + chunk):
            off = sum(s for s, t in zip(sizes, TIMES, strict=True) if 0 <= minute - t < 15)
            for r in range(RESOURCES):
                level = 40.0 + rng.normal(0.0, 1.0) + (off if r == 0 else 0.0)
                samples.append((f"i-{r}", float(minute), level))
        group.feed(buffer(samples, until=float(start + chunk), metric="queue.age"))
        word = group.close()
        assert word is not None
        found += word.anomalies
        group = load(dump(group), group.settings)  # a bar is kept
    return found


def told(found: list[Anomaly]) -> list[int]:
    """Return which of the three times was told."""
    opened = [a.tick_ms // MINUTE_MS for a in found if a.edge == "open"]
    return [i for i, t in enumerate(TIMES) if any(0 <= tick - t < 30 for tick in opened)]


@cache
def false_alarm() -> Feedback:
    """Return the word on the first of them, as the command line would have it."""
    first = next(a for a in edges((30.0, 30.0, 90.0)) if a.edge == "open")
    member = Member(first.resource, first.kind, 0, 0, None, 0.9, first.score, first.evidence)
    about = msgspec.structs.replace(incident(), members=(member,))
    return Feedback("inc-1", "false_positive", targets_of(about), SAID_AT * MINUTE_MS, "ann")


def words(verdicts: tuple[Verdict, ...]) -> tuple[Feedback, ...]:
    """Return words on the first of them, an hour apart."""
    return tuple(
        msgspec.structs.replace(
            false_alarm(), verdict=verdict, effective_ms=(SAID_AT + 60 * i) * MINUTE_MS
        )
        for i, verdict in enumerate(verdicts)
    )


@pytest.mark.parametrize(
    ("sizes", "verdicts", "expected"),
    [
        ((30.0, 30.0, 90.0), (), [0, 1, 2]),
        ((30.0, -30.0, 30.0), (), [0, 1, 2]),
        ((30.0, 30.0, 90.0), ("false_positive",), [0, 2]),  # the same is quiet, a bigger one told
        ((30.0, -30.0, 30.0), ("false_positive",), [0, 1]),  # the other side is told
        ((30.0, 30.0, 90.0), ("false_positive", "real"), [0, 1, 2]),
    ],
)
def test_a_word_hushes_its_pattern_until_it_is_undone(
    sizes: tuple[float, ...], verdicts: tuple[Verdict, ...], expected: list[int]
) -> None:
    assert told(edges(sizes, words(verdicts))) == expected


def test_when_a_word_takes_effect_does_not_depend_on_how_much_is_closed_at_once() -> None:
    sizes = (30.0, 30.0, 90.0)
    assert edges(sizes, (false_alarm(),), chunk=510) == edges(sizes, (false_alarm(),))
