"""What a run's incidents come to by the labels, in all and by group and threshold."""

import math

import pytest

from flows.figures import Figures, curve_of_incidents, figures_of
from flows.judged import Judged, Raised, covered_days, f1_of, judge, measured
from flows.labels import KnownDrift, Labels
from schema import Anomaly, Incident, Resource, Severity
from tests.flows.told_incidents import MIN, START, fault, incident, raised, said

DAY_MS = 24 * 60 * MIN
LABELS = Labels(
    (
        fault("F1", 0, 30, "db", service="aws.rds", severity="HIGH"),
        fault("F2", 100, 130, "web-1", "web-2", service="aws.ec2", severity="LOW"),
        fault("F3", 300, 330, "cache"),
    )
)
RIGHT = incident("A", 10, 40, "db", service="aws.rds", score=9.0)
LATE = incident("B", 120, 150, "web-2", severity=Severity.LOW, score=7.0)
AGAIN = incident("C", 131, 160, "web-1", severity=Severity.CRITICAL, score=5.0)
WRONG = incident("D", 500, 510, "db", service="aws.rds", score=6.0)
ALL = (RIGHT, LATE, AGAIN, WRONG)
FOUND = [*raised("discord", [RIGHT, WRONG]), *raised("temporal", [LATE, AGAIN])]


def judged(*incidents: Incident, labels: Labels = LABELS) -> tuple[Judged, ...]:
    return judge(labels, said(*incidents), FOUND)


def figures() -> Figures:
    told = judged(*ALL)
    return figures_of(LABELS, told, 2.0, curve_of_incidents(LABELS, told, 4.1))


def test_overall() -> None:
    found = figures().overall
    assert (found.incidents, found.right, found.faults, found.caught) == (4, 3, 3, 2)
    assert found.precision == 3 / 4
    assert found.recall == 2 / 3
    assert found.f1 == pytest.approx(2 * (3 / 4) * (2 / 3) / (3 / 4 + 2 / 3))
    assert found.false_alarms_per_day == 1 / 2
    assert found.delay_median_s == 15 * 60  # of 10 and 20 minutes
    assert found.delay_p90_s == 19 * 60


def test_a_severity_has_its_incidents_precision_and_its_faults_recall() -> None:
    by = figures().by_severity
    assert list(by) == ["CRITICAL", "HIGH", "LOW", "unknown"]
    assert (by["CRITICAL"].precision, by["CRITICAL"].recall) == (1.0, None)
    assert (by["HIGH"].precision, by["HIGH"].recall) == (1 / 2, 1.0)
    assert by["HIGH"].false_alarms_per_day == 1 / 2
    assert (by["LOW"].precision, by["LOW"].delay_median_s) == (1.0, 20 * 60)
    assert (by["unknown"].faults, by["unknown"].recall) == (1, 0.0)


def test_a_fault_is_caught_by_an_incident_of_whichever_service() -> None:
    labels = Labels((fault("F1", 0, 30, "db", service="gcp.cloudsql"),))
    told = judged(RIGHT, labels=labels)
    by = figures_of(labels, told, 1.0, curve_of_incidents(labels, told, 4.1)).by_service
    assert (by["aws.rds"].precision, by["aws.rds"].recall) == (1.0, None)
    assert (by["gcp.cloudsql"].precision, by["gcp.cloudsql"].recall) == (None, 1.0)


def test_a_detector_is_judged_by_the_incidents_that_it_raised() -> None:
    by = figures().by_detector
    assert list(by) == ["discord", "temporal"]
    assert (by["discord"].precision, by["discord"].recall) == (1 / 2, 1 / 3)
    assert (by["temporal"].precision, by["temporal"].recall) == (1.0, 1 / 3)
    assert by["temporal"].delay_median_s == 20 * 60


@pytest.mark.parametrize(
    ("kind", "detectors", "name"),
    [
        ("metrics", (("temporal", 5.0), ("discord", 4.0)), "temporal"),
        ("metrics", (), "unknown"),
        ("rule:full", (("temporal", 5.0),), "rules"),
        ("silent", (), "silence"),
    ],
)
def test_who_raised_an_alert(
    kind: str, detectors: tuple[tuple[str, float], ...], name: str
) -> None:
    where = Resource("aws", "aws.ec2", "1", "eu", "web-1")
    edge = Anomaly("open", kind, where, START, START, 0.9, 5.0, (), detectors)
    assert Raised.of(edge) == Raised(where.key, kind, START, name)


def test_a_threshold_keeps_the_incidents_with_so_high_a_score() -> None:
    curve = figures().curve
    assert (curve.basis, curve.in_use) == ("incidents", 4.1)
    points = {p.threshold: (p.precision, p.recall, p.false_alarms) for p in curve.points}
    assert points == {
        4.1: (3 / 4, 2 / 3, 1),
        5.0: (3 / 4, 2 / 3, 1),
        6.0: (2 / 3, 2 / 3, 1),
        7.0: (1.0, 2 / 3, 0),
        9.0: (1.0, 1 / 3, 0),
    }


def test_what_no_score_raised_stays_at_every_threshold() -> None:
    told = judged(incident("S", 1, 2, "db", kind="silent", score=0.0), LATE)
    assert [each.score for each in told] == [math.inf, 7.0]
    curve = curve_of_incidents(LABELS, told, 4.1)
    assert [(p.threshold, p.recall) for p in curve.points] == [(4.1, 2 / 3), (7.0, 2 / 3)]


def test_a_curve_is_bounded() -> None:
    many = [incident(f"I{i}", i, i + 1, "db", score=5.0 + i) for i in range(500)]
    assert len(curve_of_incidents(LABELS, judged(*many), 4.1).points) <= 50


def test_incidents_that_labels_do_not_know_are_neither_right_nor_wrong() -> None:
    labels = Labels(
        LABELS.faults, no_faults=(fault("N", 495, 515, "db"),), complete=False, form="incidents"
    )
    unknown = incident("E", 700, 710, "db")
    told = judged(*ALL, unknown, labels=labels)
    found = measured(labels, told, range(3), 1.0)
    assert (found.incidents, found.right) == (4, 3)
    assert [each.id for each in told if each.wrong] == ["D"]


def test_an_incident_of_a_drifts_first_hour_is_no_false_one() -> None:
    drift = KnownDrift("D1", START + 490 * MIN, "aws.rds", frozenset({"db"}))
    told = judged(*ALL, labels=Labels(LABELS.faults, (drift,)))
    assert [each.id for each in told] == ["A", "B", "C"]


def test_the_newest_word_on_an_incident_counts_and_its_highest_score() -> None:
    old = said(incident("A", 10, None, "db", score=12.0))
    new = incident("A", 10, 40, "db", score=5.0, severity=Severity.LOW)
    newer = said(Incident(**{f: getattr(new, f) for f in new.__struct_fields__} | {"revision": 2}))
    (told,) = judge(LABELS, [*newer, *old], ())
    assert (told.severity, told.score) == ("LOW", 12.0)


@pytest.mark.parametrize(
    ("precision", "recall", "f1"),
    [
        (1.0, 1.0, 1.0),
        (0.5, 1.0, 2 / 3),
        (0.0, 0.0, 0.0),
        (None, 0.0, 0.0),
        (None, None, None),
        (0.0, None, None),
    ],
)
def test_f1(precision: float | None, recall: float | None, f1: float | None) -> None:
    assert f1_of(precision, recall) == f1


def test_days_are_those_with_data() -> None:
    spans = [(0, DAY_MS), (DAY_MS // 2, DAY_MS), (10 * DAY_MS, 11 * DAY_MS)]
    assert covered_days(spans) == 2.0
    assert covered_days([]) == 0.0
