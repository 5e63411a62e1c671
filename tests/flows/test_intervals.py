"""How sure a difference is."""

from collections.abc import Sequence

import pytest

from flows.intervals import Side, side_by_side
from flows.judged import judge, measured
from flows.labels import Labels
from schema import Incident
from tests.flows.told_incidents import MIN, START, fault, incident, said

FAULTS = 30
SPAN = (START, START + 6_000 * MIN)
DAYS = 6_000 / 1_440
LABELS = Labels(tuple(fault(f"F{i}", 200 * i, 200 * i + 30, f"r{i}") for i in range(FAULTS)))


def right(faults: Sequence[int], delay_min: int = 5) -> list[Incident]:
    return [incident(f"R{i}", 200 * i + delay_min, 200 * i + 20, f"r{i}") for i in faults]


def wrong(count: int) -> list[Incident]:
    return [incident(f"W{i}", 100 + 200 * i, 110 + 200 * i, "other") for i in range(count)]


def sides(
    before: Sequence[Incident], after: Sequence[Incident], labels: Labels = LABELS
) -> dict[str, Side]:
    one, two = (judge(labels, said(*each), ()) for each in (before, after))
    everyone = range(len(labels.faults))
    found = [measured(labels, run, everyone, DAYS) for run in (one, two)]
    drawn = side_by_side(labels, (one, two), (found[0], found[1]), SPAN, DAYS)
    return {side.name: side for side in drawn}


def test_equal_runs_are_equal_whatever_their_figures() -> None:
    run = [*right(range(0, 30, 2)), *wrong(7)]
    found = sides(run, run)
    assert {side.verdict for side in found.values()} == {"equal"}
    assert found["recall"].before == found["recall"].after == 0.5
    assert (found["recall"].low, found["recall"].high) == (0.0, 0.0)


def test_many_more_faults_caught_are_better_and_one_more_is_not_clear() -> None:
    few, one_more, many = right(range(10)), right(range(11)), right(range(20))
    assert sides(few, many)["recall"].verdict == "better"
    assert sides(many, few)["recall"].verdict == "worse"
    assert sides(few, one_more)["recall"].verdict == "unclear"


def test_as_many_lost_as_gained_is_not_clear_though_the_figures_are_equal() -> None:
    found = sides(right(range(10)), right(range(10, 20)))["recall"]
    assert found.before == found.after
    assert found.verdict == "unclear"
    assert found.low is not None
    assert found.low < 0


def test_pairing_leaves_out_what_both_runs_have() -> None:
    """Half of the faults are missed by both: that chance does not hide what is always better."""
    slow, fast = right(range(0, 30, 2), 9), right(range(0, 30, 2), 4)
    found = sides(slow, fast)["delay_median_s"]
    assert (found.before, found.after, found.difference) == (540.0, 240.0, -300.0)
    assert (found.low, found.high, found.verdict) == (-300.0, -300.0, "better")


def test_false_alarms_are_worse_where_they_are_many() -> None:
    run = right(range(20))
    assert sides(run, [*run, *wrong(1)])["false_alarms_per_day"].verdict == "unclear"
    found = sides(run, [*run, *wrong(15)])
    assert found["false_alarms_per_day"].verdict == "worse"
    assert found["precision"].verdict == "worse"
    assert found["f1"].verdict == "worse"
    assert found["incidents_per_day"].verdict == "more"


def test_many_incidents_of_one_fault_are_worse_than_one() -> None:
    once = right(range(20))
    again = [incident(f"A{i}", 200 * i + 35, 200 * i + 40, f"r{i}") for i in range(20)]
    found = sides(once, [*once, *again])["incidents_per_fault"]
    assert (found.before, found.after, found.verdict) == (1.0, 2.0, "worse")
    assert sides([*once, *again], once)["incidents_per_day"].verdict == "fewer"


def test_what_one_run_does_not_have_is_not_compared() -> None:
    found = sides([], right(range(20)))
    assert found["delay_median_s"].verdict == "unclear"
    assert found["delay_median_s"].low is None
    assert found["recall"].verdict == "better"
    assert found["f1"].verdict == "better"


@pytest.mark.parametrize("complete", [True, False])
def test_without_faults_there_is_no_recall(complete: bool) -> None:
    found = sides(wrong(3), wrong(30), Labels((), complete=complete))
    assert found["incidents_per_day"].verdict == "more"
    if complete:
        assert found["recall"].before is found["recall"].after is None
        assert found["false_alarms_per_day"].verdict == "worse"
    else:
        assert list(found) == ["incidents_per_day"]


def test_draws_are_seeded() -> None:
    assert sides(right(range(9)), right(range(15))) == sides(right(range(9)), right(range(15)))
