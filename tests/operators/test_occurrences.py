import pytest

from operators.occurrences import OccurrenceSettings
from operators.triage import Triage, TriageSettings
from schema import Anomaly, Resource
from tests.operators.edges import LATENCY, closed, edge, resource, story, told

A, B = resource("a"), resource("b")
LASTING = TriageSettings(occurrences=OccurrenceSettings(low_for_s=660.0))
TWICE = TriageSettings(occurrences=OccurrenceSettings(low=2, within_s=3_600))


def opened(minute: float, of: Resource = A) -> Anomaly:
    return edge("open", of, minute, confidence=0.3)


def test_nobody_is_told_before_the_second_alert() -> None:
    assert told([opened(0)], 300, TWICE) == []
    assert story(told([opened(0), opened(5, B)], 6, TWICE)) == [(5, "opened", 2)]


def test_the_same_alert_again_counts_even_after_it_has_long_been_closed() -> None:
    edges = [opened(0), edge("close", A, 2), opened(50)]
    assert story(told(edges, 51, TWICE)) == [(50, "opened", 1)]
    edges = [opened(0), edge("close", A, 2), opened(61)]
    assert told(edges, 62, TWICE) == []


def test_what_is_worse_does_not_wait() -> None:
    worse = edge("open", A, 0, confidence=0.95, proof=LATENCY)
    assert [one.event for one in told([worse], 1, TWICE)] == ["opened"]
    rising = edge("update", A, 3, confidence=0.95, proof=LATENCY)
    assert story(told([opened(0), rising], 4, TWICE)) == [(3, "opened", 1)]


def test_what_waited_in_vain_is_forgotten() -> None:
    triage, empty = Triage(TWICE, 1), Triage(TWICE, 1)
    assert triage.step(closed(0, 400, [opened(0), edge("close", A, 2)])) == []
    empty.step(closed(0, 400))
    assert triage.snapshot() == empty.snapshot()


def test_a_small_lone_alert_is_told_once_it_has_lasted() -> None:
    assert told([opened(0)], 11, LASTING) == []
    assert story(told([opened(0)], 12, LASTING)) == [(11, "opened", 1)]
    assert story(told([opened(0), edge("close", A, 12)], 20, LASTING)) == [(11, "opened", 1)]


def test_one_that_is_over_before_is_never_told_of() -> None:
    triage, empty = Triage(LASTING, 1), Triage(LASTING, 1)
    assert triage.step(closed(0, 400, [opened(0), edge("close", A, 10)])) == []
    empty.step(closed(0, 400))
    assert triage.snapshot() == empty.snapshot()


def test_one_that_comes_again_within_the_hour_is_told_at_once() -> None:
    edges = [opened(0), edge("close", A, 10), opened(40)]
    assert story(told(edges, 41, LASTING)) == [(40, "opened", 1)]


@pytest.mark.parametrize(
    "edges",
    [
        [edge("open", A, 0, confidence=0.95, proof=LATENCY)],
        [edge("open", A, 0, confidence=0.3, kind="silent", proof=())],
        [edge("open", A, 0, confidence=0.3, kind="rule:full")],
        [opened(0), opened(0, B)],
    ],
    ids=["worse", "silent", "rule", "two"],
)
def test_what_is_not_small_alone_or_of_metrics_does_not_wait(edges: list[Anomaly]) -> None:
    assert [one.event for one in told(edges, 1, LASTING)] == ["opened"]


@pytest.mark.parametrize("field", ["low", "medium", "high", "critical"])
def test_refuses_counts_that_make_no_sense(field: str) -> None:
    with pytest.raises(ValueError, match=rf"{field} must be in \[1, 100\], got 0"):
        OccurrenceSettings(**{field: 0})


def test_refuses_a_time_that_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="within_s must be in"):
        OccurrenceSettings(within_s=0)


def test_refuses_a_patience_that_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="low_for_s must be in"):
        OccurrenceSettings(low_for_s=-1.0)
