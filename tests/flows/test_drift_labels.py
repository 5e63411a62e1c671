"""Drift events, and who was paged for them, against the truth."""

from typing import Literal

import msgspec
import pytest

from flows.drift_labels import DriftAgreement, Recall, drift_agreement, is_due_to_drift
from flows.labels import Alert, Fault, KnownDrift, Labels, Told, read_labels
from flows.summary import Counts, summarise
from schema import Drift, Incident, Member, Resource, Severity, Transition

MIN = 60_000
START = 100_000 * MIN
DRIFT = KnownDrift("D1", START, "aws.ec2", frozenset({"web-1", "web-2"}))


def fault(name: str, start_min: int, resource: str = "web-1") -> Fault:
    start_ms = START + start_min * MIN
    return Fault(name, start_ms, start_ms + 30 * MIN, frozenset({resource}))


def event(after_min: int, service: str = "aws.ec2") -> Drift:
    found_ms = START + after_min * MIN
    return Drift(f"drift-{service}-{after_min}", service, START, found_ms, found_ms, found_ms, 2, 1)


def page(
    after_min: int,
    resource: str = "web-1",
    name: str = "I1",
    kind: Literal["opened", "updated", "reopened"] = "opened",
) -> Transition:
    ts_ms = START + after_min * MIN
    member = Member(
        Resource("aws", "aws.ec2", "1", "eu", resource), "metrics", ts_ms, ts_ms, None, 1, 5, ()
    )
    incident = Incident(
        name,
        1,
        "resolved",
        Severity.LOW,
        (),
        "",
        "",
        (),
        ts_ms,
        ts_ms,
        ts_ms,
        ts_ms,
        1,
        1,
        (member,),
    )
    return Transition(kind, ts_ms, "foreshock", "", incident)


def alert(after_min: int, resource: str = "web-1") -> Alert:
    return Alert(resource, START + after_min * MIN, START + (after_min + 5) * MIN)


def test_one_event_of_the_service_is_right_and_every_other_one_false() -> None:
    events = [event(40), event(400), event(40, "gcp.gce"), event(-5)]
    found = drift_agreement(Labels((), (DRIFT,)), [*events, events[0]], [], [])
    assert found is not None
    assert (found.drifts, found.found, found.events, found.false_events) == (1, 1, 4, 3)
    assert found.median_delay_s == 40 * 60


def test_a_drift_without_an_event_is_not_found() -> None:
    found = drift_agreement(Labels((), (DRIFT,)), [event(40, "gcp.gce")], [], [])
    assert found == DriftAgreement(
        1, 0, 1, 1, None, 0, (), Recall(0, 0), Recall(0, 0), Recall(0, 0)
    )


def test_where_nothing_drifts_and_nothing_was_said_there_are_no_figures() -> None:
    assert drift_agreement(Labels((fault("F", 5),)), [], [page(3)], []) is None


@pytest.mark.parametrize(
    ("said", "soon", "late"),
    [
        (page(0), 1, ()),
        (page(59), 1, ()),
        (page(60), 0, ("I1",)),
        (page(1_439), 0, ("I1",)),
        (page(1_440), 0, ()),
        (page(-1), 0, ()),
        (page(70, kind="updated"), 0, ()),
        (page(70, kind="reopened"), 0, ("I1",)),
        (page(70, "db"), 0, ()),
        (page(310), 0, ()),  # of a fault
        (page(310, "web-2"), 0, ("I1",)),
    ],
)
def test_pages_for_no_fault_are_counted_by_how_long_after_the_drift_they_came(
    said: Transition, soon: int, late: tuple[str, ...]
) -> None:
    labels = Labels((fault("F", 300),), (DRIFT,))
    found = drift_agreement(labels, [], [said, said], [])
    assert found is not None
    assert (found.pages_in_first_hour, found.late_pages) == (soon, late)


def test_faults_are_told_apart_by_when_they_start_and_caught_by_an_alert_of_their_own() -> None:
    faults = (
        fault("F1", -500),
        fault("F2", 0),
        fault("F3", 1_439),
        fault("F4", 1_440),
        fault("F5", 5, "db"),
    )
    alerts = [alert(-490), alert(-5), alert(1_445), alert(1_500, "web-2")]
    found = drift_agreement(Labels(faults, (DRIFT,)), [], [], alerts)
    assert found is not None
    # the alert at -5 is not of F2, though it was open: it opened before
    assert (found.before, found.during, found.after) == (Recall(1, 1), Recall(2, 1), Recall(1, 1))


@pytest.mark.parametrize(
    ("after_min", "resource", "due"),
    [(0, "web-1", True), (59, "web-2", True), (60, "web-1", False), (5, "db", False)],
)
def test_an_incident_of_the_first_hour_at_its_resources_is_due_to_a_drift(
    after_min: int, resource: str, due: bool
) -> None:
    told = Told("I", frozenset({resource}), START + after_min * MIN)
    assert is_due_to_drift(told, [DRIFT]) is due


def test_a_page_of_the_first_hour_is_neither_right_nor_wrong_in_the_precision() -> None:
    counts = Counts(0, 0, 0, 0, 0, 0, 0.0)
    pages = [page(5), page(90, name="I2")]
    labels = Labels((fault("F", 80),), (DRIFT,))
    with_drift = summarise(counts, pages, labels, [event(40), event(40)])
    without = summarise(counts, pages, msgspec.structs.replace(labels, drifts=()))
    assert with_drift.labelled is not None
    assert without.labelled is not None
    assert (with_drift.labelled.precision, without.labelled.precision) == (1.0, 0.5)
    assert with_drift.drift_events == (event(40),)


def test_drifts_are_read_from_a_truth_file_that_may_have_none() -> None:
    assert read_labels(b'{"faults":[]}').drifts == ()
    drift = (
        b'{"id":"D1","kind":"drift","start_ms":6000000000,"end_ms":7,"service":"aws.ec2",'
        b'"resources":["web-1","web-2"],"cloud":"aws","changes":[]}'
    )
    assert read_labels(b'{"faults":[],"drifts":[' + drift + b"]}").drifts == (DRIFT,)
