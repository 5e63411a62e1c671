import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.life import TriageSettings
from operators.severity import SeveritySettings
from schema import Anomaly, Severity
from tests.operators.edges import LATENCY, at, edge, evidence, resource, story, told

A, B, C = resource("a"), resource("b"), resource("c")
CPU = (evidence(),)
AGELESS = TriageSettings(quiet_s=600.0, severity=SeveritySettings(duration_s=()))
LIVES = [
    ("opens once", [edge("open", A, 0)], [(0, "opened", 1)]),
    (
        "resolves when quiet",
        [edge("open", A, 0), edge("close", A, 5)],
        [(0, "opened", 1), (15, "resolved", 1)],
    ),
    (
        "waits for the last alert",
        [edge("open", A, 0), edge("open", B, 0), edge("close", A, 5), edge("close", B, 9)],
        [(0, "opened", 2), (19, "resolved", 2)],
    ),
    (
        "an alert at the end of the quiet holds it open",
        [edge("open", A, 0), edge("close", A, 5), edge("open", A, 15)],
        [(0, "opened", 1)],
    ),
    (
        "reopens the same incident",
        [edge("open", A, 0), edge("close", A, 5), edge("open", A, 45), edge("close", A, 50)],
        [(0, "opened", 1), (15, "resolved", 1), (45, "reopened", 1), (60, "resolved", 1)],
    ),
    (
        "another kind of the same resource reopens too",
        [edge("open", A, 0), edge("close", A, 5), edge("open", A, 40, kind="silent")],
        [(0, "opened", 1), (15, "resolved", 1), (40, "reopened", 2)],
    ),
    (
        "a new member is told of after the pause",
        [edge("open", A, 0), edge("open", B, 1)],
        [(0, "opened", 1), (5, "updated", 2)],
    ),
    (
        "new members in a pause are told of together",
        [edge("open", A, 0), edge("open", B, 1), edge("open", B, 4, kind="rule:x")],
        [(0, "opened", 1), (5, "updated", 3)],
    ),
    (
        "a new member after the pause is told of at once",
        [edge("open", A, 0), edge("open", B, 7)],
        [(0, "opened", 1), (7, "updated", 2)],
    ),
    (
        "what nobody cares about is not told",
        [edge("open", A, 0), edge("update", A, 3), edge("close", A, 20), edge("open", A, 25)],
        [(0, "opened", 1)],
    ),
    (
        "a rise of severity is told at once",
        [edge("open", A, 0), edge("update", A, 1, confidence=0.99, proof=CPU)],
        [(0, "opened", 1), (1, "updated", 1)],
    ),
    (
        "what is untold at the end is in the last word",
        [edge("open", A, 0), edge("open", B, 1), edge("close", A, 1), edge("close", B, 2)],
        [(0, "opened", 1), (5, "updated", 2), (12, "resolved", 2)],
    ),
    ("a close without an alert is nothing", [edge("close", A, 0), edge("update", A, 1)], []),
    (
        "an alert that opens twice is one",
        [edge("open", A, 0), edge("open", A, 1), edge("close", A, 2)],
        [(0, "opened", 1), (12, "resolved", 1)],
    ),
]


@pytest.mark.parametrize(
    ("edges", "wanted"), [life[1:] for life in LIVES], ids=[life[0] for life in LIVES]
)
def test_a_life(edges: list[Anomaly], wanted: list[tuple[float, str, int]]) -> None:
    assert story(told(edges, 61, AGELESS)) == wanted


def test_an_alert_too_late_to_reopen_opens_another_incident() -> None:
    edges = [edge("open", A, 0), edge("close", A, 5), edge("open", A, 45.1)]
    said = told(edges, 60)
    assert [out.event for out in said] == ["opened", "resolved", "opened"]
    assert said[2].incident.id != said[0].incident.id


def test_a_reopened_incident_speaks_of_its_new_episode() -> None:
    edges = [
        *(edge("open", one, 0, confidence=0.99, proof=CPU) for one in (A, B, C)),
        *(edge("close", one, 5) for one in (A, B, C)),
        edge("open", B, 30, confidence=0.5, proof=LATENCY),
    ]
    first, _, again = told(edges, 31)
    assert (first.incident.severity, again.incident.severity) == (Severity.HIGH, Severity.MEDIUM)
    assert again.incident.id == first.incident.id
    assert again.reason == "alerts again, 15 min after it was resolved"
    assert again.incident.title == "latency of b rose to 1.34 s"
    assert [member.resource.name for member in again.incident.members] == ["b", "a", "c"]
    assert (again.incident.opened_ms, again.incident.onset_ms) == (at(0), at(0))


def test_severity_falls_only_after_it_has_long_been_lower() -> None:
    edges = [edge("open", resource(f"i-{i}"), 0, proof=CPU) for i in range(10)]
    edges += [edge("close", resource(f"i-{i}"), 20) for i in range(1, 10)]
    opened, fell = told(edges, 40)
    assert opened.incident.severity == Severity.HIGH
    assert (fell.event, fell.ts_ms, fell.incident.severity) == ("updated", at(30), Severity.MEDIUM)
    assert fell.reason.startswith("severity fell from HIGH to MEDIUM: confidence 70 % (+1), ")


def test_a_fall_waits_for_the_pause_between_updates() -> None:
    edges = [edge("open", resource(f"i-{i}"), 0, proof=CPU) for i in range(10)]
    edges += [edge("close", resource(f"i-{i}"), 20) for i in range(1, 10)]
    edges += [edge("open", resource("i-0"), 28, kind="rule:x")]
    said = told(edges, 40)
    assert story(said) == [(0, "opened", 10), (28, "updated", 11), (33, "updated", 11)]
    assert said[2].reason.startswith("severity fell from HIGH to MEDIUM")


def test_severity_rises_with_duration_at_its_border() -> None:
    settings = TriageSettings(severity=SeveritySettings(duration_s=((60.0, 3),)))
    edges = [edge("open", A, 0)]
    assert story(told(edges, 1, settings)) == [(0, "opened", 1)]
    said = told(edges, 1.001, settings)
    assert story(said) == [(0, "opened", 1), (1, "updated", 1)]
    assert "open for 1 min (+3)" in said[1].reason


def test_a_rule_floor_counts_from_the_first_word() -> None:
    edges = [edge("open", A, 0, kind="rule:full", floor=Severity.CRITICAL)]
    (said,) = told(edges, 1)
    assert said.incident.severity == Severity.CRITICAL
    assert said.incident.reasons[0] == "rule full asks for at least CRITICAL"


def test_a_new_first_suspect_is_told() -> None:
    edges = [edge("open", A, 5), edge("open", B, 10, onset=1), edge("close", A, 11)]
    said = told(edges, 12)
    assert [out.reason for out in said] == [
        "1 alert opened",
        "1 more alert; first suspect is now b",
    ]
    assert said[1].incident.onset_ms == at(1)


def test_an_incident_that_never_ends_is_given_up_and_says_why() -> None:
    settings = TriageSettings(max_open_s=3600.0)
    edges = [edge("open", A, 0), edge("update", A, 70), edge("close", A, 80)]
    said = told(edges, 90, settings)
    assert story(said) == [(0, "opened", 1), (60, "resolved", 1)]
    assert said[1].reason == "open for 1 h, the limit"
    assert [member.closed_ms for member in said[1].incident.members] == [at(60)]


@pytest.mark.parametrize(("minute", "event"), [(60, "reopened"), (60.1, "opened")])
def test_an_incident_older_than_the_limit_is_not_reopened(minute: float, event: str) -> None:
    settings = TriageSettings(quiet_s=600.0, max_open_s=3600.0)
    edges = [edge("open", A, 0), edge("close", A, 40), edge("open", A, minute)]
    said = told(edges, 90, settings)
    assert [out.event for out in said] == ["opened", "resolved", event]
    assert (said[2].incident.id == said[0].incident.id) == (event == "reopened")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"window_s": 0.0}, r"window_s must be in \(0, 2592000.0\] s, got 0.0"),
        ({"quiet_s": float("nan")}, "quiet_s must be in"),
        ({"reopen_s": -1.0}, r"reopen_s must be in \[0, 2592000.0\] s, got -1.0"),
        ({"max_members": 0}, r"max_members must be in \[1, 1000\], got 0"),
        ({"max_open_s": 1200.0}, "quiet_s must be below max_open_s"),
        ({"close_after_s": 600.0}, "reopen_s must be at most close_after_s"),
        ({"unack_after_s": -1.0}, "unack_after_s must be in"),
    ],
)
def test_refuses_settings_that_make_no_sense(bad: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        msgspec.structs.replace(TriageSettings(), **bad)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["open", "close"]), min_size=1, max_size=120),
)
def test_one_alert_that_flaps_says_at_most_two_things_in_any_quiet_time(
    changes: list[str],
) -> None:
    edges = [
        edge("open" if change == "open" else "close", A, minute)
        for minute, change in enumerate(changes)
    ]
    times = [said.ts_ms for said in told(edges, len(changes))]
    for start in times:
        assert sum(start <= ts < start + 600_000 for ts in times) <= 2
