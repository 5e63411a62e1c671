from datetime import UTC, datetime

import msgspec
import pytest

from operators.deadlines import SlaSettings, Target
from operators.life import TriageSettings
from operators.working_time import WorkingTime
from schema import Anomaly, Evidence, Recurrence, Severity, Transition
from tests.operators.edges import at, edge, evidence, resource, told
from tests.operators.test_acts import act, said_after

A = resource("a")
PLAIN = TriageSettings()
HIGH = edge("open", A, 0, kind="rule:full", floor=Severity.HIGH)
CRITICAL = edge("open", A, 30, kind="rule:down", floor=Severity.CRITICAL)
ID = told([HIGH], 1)[0].incident.id


def of(event: str, said: list[Transition]) -> list[tuple[int, str]]:
    return [(one.ts_ms, one.reason) for one in said if one.event == event]


def test_each_severity_has_its_deadlines_and_the_lowest_none() -> None:
    for floor, ack, resolve in (
        (Severity.CRITICAL, 5, 60),
        (Severity.HIGH, 15, 240),
        (Severity.MEDIUM, 240, 1440),
    ):
        (said,) = told([edge("open", A, 0, kind="rule:x", floor=floor)], 1, PLAIN)
        assert (said.incident.ack_by_ms, said.incident.resolve_by_ms) == (at(ack), at(resolve))
    (said,) = told([edge("open", A, 0, confidence=0.1)], 1, PLAIN)
    assert said.incident.severity == Severity.LOW
    assert (said.incident.ack_by_ms, said.incident.resolve_by_ms) == (None, None)


def test_a_deadline_that_is_over_is_said_once_at_that_time() -> None:
    said = told([HIGH, edge("update", A, 70, kind="rule:full")], 1000, PLAIN)
    assert of("breached", said) == [
        (at(15), "must have been acknowledged by 12:15 UTC"),
        (at(240), "must have been resolved by 16:00 UTC"),
    ]


def test_who_acknowledges_in_time_is_not_told_that_it_was_late() -> None:
    said = said_after([HIGH], [act("ack", 15, incident=ID)], 100, PLAIN)
    assert of("breached", said) == []
    assert said_after([HIGH], [act("ack", 15.1, incident=ID)], 100, PLAIN)[1].event == "breached"


def test_an_incident_that_has_recovered_misses_nothing() -> None:
    edges = [HIGH, edge("close", A, 14, kind="rule:full")]
    assert of("breached", told(edges, 100, PLAIN)) == []
    again = [*edges, edge("open", A, 20, kind="rule:full", floor=Severity.HIGH)]
    assert of("breached", told(again, 100, PLAIN)) == [
        (at(20), "must have been acknowledged by 12:15 UTC, 5 min ago")
    ]


def test_a_severity_that_rises_has_its_own_time_from_then_on_but_never_more() -> None:
    opened, *more = told([HIGH, CRITICAL], 31, PLAIN)
    (rise,) = [one for one in more if one.event == "updated"]
    assert opened.incident.ack_by_ms == at(15)
    assert (rise.incident.severity, rise.incident.ack_by_ms) == (Severity.CRITICAL, at(15))
    assert (opened.incident.resolve_by_ms, rise.incident.resolve_by_ms) == (at(240), at(90))


def test_a_severity_that_falls_gives_its_own_time_from_the_opening() -> None:
    edges = [
        edge("open", A, 0, kind="rule:x", floor=Severity.HIGH),
        edge("open", A, 0, kind="rule:y", floor=Severity.MEDIUM),
        edge("close", A, 1, kind="rule:x"),
    ]
    settings = TriageSettings(sla=SlaSettings((Target("HIGH", 1200.0), Target("MEDIUM", 6000.0))))
    opened, fell = told(edges, 99, settings)
    assert (opened.incident.severity, opened.incident.ack_by_ms) == (Severity.HIGH, at(20))
    assert (fell.incident.severity, fell.incident.ack_by_ms) == (Severity.MEDIUM, at(100))


def test_the_first_target_that_fits_severity_and_tier_counts() -> None:
    settings = SlaSettings((Target("HIGH", 60.0, tier="1"), Target("HIGH", 600.0)))
    wanted = {("1", "3"): 60.0, ("3",): 600.0, (): 600.0}
    for tiers, ack_s in wanted.items():
        target = settings.target(Severity.HIGH, tiers)
        assert target is not None
        assert target.ack_s == ack_s
    assert settings.target(Severity.LOW, ("1",)) is None


def test_an_acknowledgement_taken_back_gives_the_next_one_as_long_again() -> None:
    commands = [act("ack", 10, incident=ID), act("unack", 50, incident=ID)]
    said = said_after([HIGH], commands, 100, PLAIN)
    assert said[2].incident.ack_by_ms == at(65)
    assert of("breached", said) == [(at(65), "must have been acknowledged by 13:05 UTC")]


def test_a_reopened_incident_has_new_deadlines() -> None:
    edges = [HIGH, edge("close", A, 5, kind="rule:full")]
    edges += [edge("open", A, 40, kind="rule:full", floor=Severity.HIGH)]
    (again,) = [one for one in told(edges, 41, PLAIN) if one.event == "reopened"]
    assert (again.incident.ack_by_ms, again.incident.resolve_by_ms) == (at(55), at(280))


# ------------------------------------------------------------------ before it happens


def climbing(until: int, per_minute: float = 0.1) -> list[Anomaly]:
    def disk(minute: int) -> tuple[Evidence, ...]:
        return (evidence("disk.utilization", 80.0 + per_minute * minute),)

    edges = [edge("open", A, 0, proof=disk(0), floor=Severity.HIGH)]
    return edges + [edge("update", A, m, proof=disk(m)) for m in range(1, until)]


def test_a_metric_on_its_way_to_its_limit_is_told_of_once_before_it_is_there() -> None:
    said = told(climbing(20), 60, PLAIN)
    assert of("breach_predicted", said) == [
        (
            at(5),
            "disk.utilization of a is at 100 % by 15:20 UTC if it goes on so; due 16:00 UTC",
        )
    ]
    (predicted,) = [one for one in said if one.event == "breach_predicted"]
    assert predicted.incident.breach_ms == at(200)


def test_a_metric_that_is_too_slow_or_goes_back_tells_nothing() -> None:
    assert of("breach_predicted", told(climbing(20, 0.05), 60, PLAIN)) == []
    assert of("breach_predicted", told(climbing(20, -0.1), 60, PLAIN)) == []


def test_when_most_of_the_time_is_gone_it_is_told_what_is_left() -> None:
    assert of("breach_predicted", told([HIGH], 239, PLAIN)) == [
        (at(192), "48 min left and 1 alert is still open; due 16:00 UTC")
    ]


def past(minutes: list[float], start: int) -> list[Anomaly]:
    """Return incidents of HIGH of other services that took so long, one after another."""
    edges: list[Anomaly] = []
    for i, took in enumerate(minutes):
        one = resource(f"old-{i}", f"aws.s{i}")
        edges += [
            edge("open", one, start, kind="rule:x", floor=Severity.HIGH),
            edge("close", one, start + took, kind="rule:x"),
        ]
    return sorted(edges, key=lambda one: one.tick_ms)


@pytest.mark.parametrize(
    ("minutes", "wanted"),
    [
        ([300, 320, 310, 20, 20], (at(460), "of the last 5 incidents like it those that went on")),
        ([100, 120, 110, 20, 20], (at(592), "48 min left")),
        ([300, 320, 310, 20], (at(592), "48 min left")),
    ],
    ids=["took longer", "took less", "too few"],
)
def test_what_incidents_took_before_tells_whether_the_deadline_holds(
    minutes: list[float], wanted: tuple[int, str]
) -> None:
    now = edge("open", A, 400, kind="rule:full", floor=Severity.HIGH)
    said = told([*past(minutes, 0), now], 700, PLAIN)
    mine = [one for one in said if one.incident.opened_ms == at(400)]
    ((ts_ms, reason),) = of("breach_predicted", mine)
    assert ts_ms == wanted[0]
    assert reason.startswith(wanted[1])


# ------------------------------------------------------------------ working time


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


BERLIN = WorkingTime(
    Recurrence(9 * 60, 17 * 60, "Europe/Berlin", (0, 1, 2, 3, 4)), holidays=("2026-04-06",)
)


@pytest.mark.parametrize(
    ("start", "hours", "wanted"),
    [
        ("2026-03-02 09:00", 2, "2026-03-02 11:00"),  # a Monday in winter: from 08:00 UTC
        ("2026-03-02 15:00", 2, "2026-03-03 09:00"),
        ("2026-03-02 03:00", 1, "2026-03-02 09:00"),
        ("2026-03-02 08:00", 8, "2026-03-02 16:00"),  # at the very end of the day
        ("2026-03-06 15:00", 2, "2026-03-09 09:00"),  # over a weekend
        ("2026-03-27 15:00", 2, "2026-03-30 08:00"),  # over the change to summer time
        ("2026-04-03 14:00", 2, "2026-04-07 08:00"),  # over a weekend and a holiday
    ],
)
def test_working_time_counts_the_hours_of_a_place(start: str, hours: int, wanted: str) -> None:
    assert BERLIN.after(utc(start), hours * 3_600_000) == utc(wanted)


def test_a_target_in_working_time_waits_for_monday() -> None:
    target = Target("HIGH", 3600.0, working=True)
    settings = TriageSettings(sla=SlaSettings((target,), BERLIN))
    (said,) = told([HIGH], 1, settings)  # on a Sunday
    assert said.incident.ack_by_ms == utc("2026-03-02 09:00")
    assert said.incident.resolve_by_ms is None


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"ack_s": 0.0}, r"ack_s must be in \(0, 2592000.0\] s, got 0.0"),
        ({"resolve_s": float("nan")}, "resolve_s must be in"),
    ],
)
def test_refuses_targets_that_make_no_sense(bad: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        msgspec.structs.replace(Target("HIGH"), **bad)


def test_refuses_hours_and_holidays_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="hours must last at least 60 minutes of one day"):
        WorkingTime(Recurrence(540, 570))
    with pytest.raises(ValueError, match='zone must be a name as "Europe/Berlin"'):
        WorkingTime(Recurrence(540, 1020, "Mars"))
    with pytest.raises(ValueError, match=r"holidays must be like 2026-12-25, got '25\.12\.'"):
        WorkingTime(holidays=("25.12.",))
