"""What is printed of two runs: incidents that differ, and figures side by side."""

import json

import pytest

from cli.compare import print_compared
from cli.report import MAX_SHOWN
from flows.compare import Compared, compare
from flows.labels import Labels
from flows.outcome import Outcome
from flows.replay import summary_of
from flows.summary import Counts
from schema import Incident
from tests.flows.told_incidents import MIN, START, fault, incident, said

HOURS = 44
LABELS = Labels(tuple(fault(f"F{i}", 60 * i, 60 * i + 30, f"r{i}") for i in range(0, HOURS, 2)))


def told(*incidents: Incident) -> Outcome:
    counts = Counts(1, 1, 0, 0, 0, 1, 1.0)
    return Outcome(
        counts,
        tuple(said(*incidents)),
        1,
        MIN,
        (),
        (),
        (),
        2.0,
        4.1,
        START,
        START + 60 * HOURS * MIN,
    )


def compared(before: Outcome, after: Outcome) -> Compared:
    between = compare(before, after, LABELS, ("now.yaml", "other.yaml"))
    return Compared(summary_of(before, LABELS), summary_of(after, LABELS), between)


def one(hour: int, lasts: int = 20, name: str = "") -> Incident:
    return incident(name or f"I{hour}", 60 * hour + 5, 60 * hour + 5 + lasts, f"r{hour}")


EVEN = [one(hour) for hour in range(0, HOURS, 2)]
NOISY = told(one(0, lasts=25), *EVEN[2:], *(one(hour) for hour in range(1, HOURS, 2)))


def test_incidents_that_differ_and_verdicts_are_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_compared(compared(told(*EVEN), NOISY), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["before  now.yaml", "after   other.yaml"]
    assert len([line for line in lines if line.startswith("gained ")]) == MAX_SHOWN
    assert f"... and {HOURS // 2 - MAX_SHOWN} more gained" in lines
    assert [line for line in lines if line.startswith("lost ")] == [
        "lost     1971-11-26 12:45  HIGH     I2 of r2"
    ]
    assert "changed  1971-11-26 10:45  HIGH     I0 of r0 (resolved_ms)" in lines
    assert "incidents  22 gained, 1 lost, 1 changed, 20 the same" in lines
    verdicts = {line.split("  ")[0]: line.split("  ")[-1].strip() for line in lines[-8:]}
    assert verdicts["precision"] == "worse"
    assert verdicts["recall"] == "within noise"
    assert verdicts["incidents a caught fault"] == "equal"
    assert verdicts["incidents a day"] == "more"


def test_equal_runs_are_printed_as_equal(capsys: pytest.CaptureFixture[str]) -> None:
    print_compared(compared(told(*EVEN), told(*EVEN)), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[3] == "incidents  0 gained, 0 lost, 0 changed, 22 the same"
    assert {line.rsplit("  ", 1)[1] for line in lines[-8:]} == {"equal"}


def test_for_programs_the_first_run_is_as_without_a_comparison(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = compared(told(*EVEN), NOISY)
    print_compared(found, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert printed["outcome_digest"] == found.before.outcome_digest
    assert printed["comparison"]["after_run"]["outcome_digest"] == found.after.outcome_digest
    assert (printed["comparison"]["before"], printed["comparison"]["unchanged"]) == ("now.yaml", 20)
