import msgspec
import pytest

from operators.queue import work_queue
from schema import Impact, Incident, Severity
from tests.connectors.made_transitions import INCIDENT, MEMBER
from tests.operators.edges import MINUTE_MS

NOW = INCIDENT.opened_ms + 60 * MINUTE_MS


def incident(name: str, **changes: object) -> Incident:
    calm = {"id": name, "severity": Severity.HIGH, "acked_ms": INCIDENT.opened_ms}
    return msgspec.structs.replace(INCIDENT, **{**calm, **changes})


def order(*incidents: Incident) -> list[str]:
    return [task.incident.id for task in work_queue(incidents, NOW)]


def test_the_worst_comes_first() -> None:
    each = [incident(level.name, severity=level) for level in Severity]
    assert order(*each) == ["CRITICAL", "HIGH", "MEDIUM", "LOW"]


def test_what_is_over_is_no_task() -> None:
    states = ("resolved", "closed", "merged", "acknowledged")
    assert order(*(incident(state, state=state) for state in states)) == ["acknowledged"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"acked_ms": None}, "nobody has it (+10)"),
        ({"resolve_by_ms": NOW - 600_000}, "10 min late to resolve (+25)"),
        ({"resolve_by_ms": NOW}, "0 s late to resolve (+25)"),
        ({"resolve_by_ms": NOW + 300_000}, "5 min left to resolve (+20)"),
        ({"resolve_by_ms": NOW + 300_001}, "5 min left to resolve (+15)"),
        ({"resolve_by_ms": NOW + 3_600_000}, "1 h left to resolve (+10)"),
        (
            {"resolve_by_ms": NOW + 7_200_000, "breach_ms": NOW + 3_600_000},
            "2 h left to resolve, and it looks as if that is too little (+15)",
        ),
        ({"impact": Impact(12)}, "12 dependants (+6)"),
        ({"impact": Impact(1, users=40)}, "40 users (+5)"),
    ],
)
def test_what_makes_it_urgent_brings_it_forward_and_says_why(
    changes: dict[str, object], why: str
) -> None:
    plain, urgent = incident("a"), incident("b", **changes)
    assert order(plain, urgent) == ["b", "a"]
    assert why in work_queue([urgent], NOW)[0].why


@pytest.mark.parametrize(
    "changes",
    [
        {"members": (msgspec.structs.replace(MEMBER, closed_ms=NOW),)},
        {"flapping": True},
        {"verdict": "false_positive"},
        {"silenced_by": ("s-1",)},
        {"inhibited_by": "inc-9"},
    ],
)
def test_what_can_wait_waits(changes: dict[str, object]) -> None:
    assert order(incident("a", **changes), incident("b")) == ["b", "a"]


def test_what_nobody_is_told_of_comes_after_all_else() -> None:
    quiet = incident("quiet", severity=Severity.CRITICAL, acked_ms=None, silenced_by=("s-1",))
    assert order(quiet, incident("low", severity=Severity.LOW)) == ["low", "quiet"]


def test_the_deadline_to_look_at_is_to_acknowledge_until_that_is_done() -> None:
    by = {"ack_by_ms": NOW + 240_000, "resolve_by_ms": NOW + 6_000_000}
    waiting, taken = incident("a", acked_ms=None, **by), incident("b", **by)
    first, second = work_queue([waiting, taken], NOW)
    assert (first.due_ms, second.due_ms) == (NOW + 240_000, NOW + 6_000_000)
    late = incident("c", acked_ms=None, ack_by_ms=NOW - 1, resolve_by_ms=NOW - 1)
    assert "late to resolve" in " ".join(work_queue([late], NOW)[0].why)


def test_of_equals_the_older_one_comes_first() -> None:
    young = incident("a", opened_ms=INCIDENT.opened_ms + 1)
    assert order(young, incident("c"), incident("b")) == ["b", "c", "a"]
