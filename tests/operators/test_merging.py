import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.case import Case
from operators.ledger import Ledger
from operators.merging import age, merge, split
from operators.tally import Tally
from operators.triage import Triage, TriageSettings, TriageState
from schema import Anomaly, Severity
from tests.operators.alert_histories import GROUPS, RESOURCES, histories, whole
from tests.operators.edges import at, edge

SETTINGS = TriageSettings(max_members=4, window_s=1.0, storm_s=1.0)  # hardly anything belongs


def ledger_of(edges: list[Anomaly]) -> Ledger:
    triage = Triage(SETTINGS, GROUPS)
    for word in whole(edges):
        triage.step(word)
    return msgspec.msgpack.decode(triage.snapshot(), type=TriageState).ledger


def alerts_of(ledger: Ledger) -> set[str]:
    return {name for case in ledger.cases.values() for name in case.members}


def sound(ledger: Ledger) -> None:
    for case in ledger.cases.values():
        assert case.open_count == sum(one.closed_ms is None for one in case.members.values())
        assert case.tally.counts == Tally.of(case.members, case.episode_ms).counts
        assert set(case.suspects) <= set(case.members)
    for name in ledger.by_resource.values():
        assert ledger.find(name) is not None


@settings(max_examples=40, deadline=None)
@given(histories())
def test_merges_lose_no_member_and_both_ids_lead_to_the_survivor(edges: list[Anomaly]) -> None:
    ledger = ledger_of(edges)
    before, ids = alerts_of(ledger), sorted(ledger.cases)
    cases = sorted(ledger.cases.values(), key=age)
    if len(cases) < 2:
        return
    home, others = cases[0], [case.id for case in cases[1:]]
    for name in others:
        said = merge(ledger, home.id, [name], at(200), "one trouble")
        assert [one.event for one in said] == ["merged"]
        assert said[0].incident.state == "merged"
        assert said[0].incident.merged_into == home.id
    assert alerts_of(ledger) == before
    assert all(ledger.find(name) is home for name in ids)
    assert home.merged == others
    sound(ledger)
    ledger.forget(home)
    assert (ledger.cases, ledger.parts) == ({}, {})


@settings(max_examples=40, deadline=None)
@given(histories(), st.integers(1, 5))
def test_splits_lose_no_member_either(edges: list[Anomaly], count: int) -> None:
    ledger = ledger_of(edges)
    for case in list(ledger.cases.values()):
        before = set(case.members)
        leaving = sorted(before)[:count]
        if len({case.members[name].resource.key for name in leaving}) == len(
            {record.resource.key for record in case.members.values()}
        ):
            with pytest.raises(ValueError, match="must leave alerts on both sides"):
                split(ledger, case.id, leaving, at(200), "")
            continue
        (said,) = split(ledger, case.id, leaving, at(200), "two things", "ann", "r-1")
        assert (said.event, said.actor, said.request) == ("split", "ann", "r-1")
        own = ledger.cases[case.apart[0]]
        assert set(leaving) <= set(own.members)
        assert set(own.members) | set(case.members) == before
        assert not set(own.members) & set(case.members)
    sound(ledger)


def test_a_split_refuses_alerts_that_are_not_there() -> None:
    ledger = ledger_of([edge("open", RESOURCES[0], 0)])
    (name,) = ledger.cases
    with pytest.raises(ValueError, match=f"{name} has no alert x"):
        split(ledger, name, ["x"], at(1), "")


def two(*, part: Severity, home: Severity) -> tuple[Ledger, Case, Case]:
    """Return two open incidents that people were told of; ann has acknowledged the later one."""
    ledger = ledger_of([edge("open", RESOURCES[0], 0), edge("open", RESOURCES[1], 2)])
    first, later = sorted(ledger.cases.values(), key=age)
    first.standing.severity, later.standing.severity = home, part
    later.acked_ms, later.assignee = at(3), "ann"
    return ledger, first, later


def test_who_has_acknowledged_what_is_no_less_severe_has_acknowledged_the_whole() -> None:
    ledger, home, part = two(part=Severity.HIGH, home=Severity.HIGH)
    said = merge(ledger, home.id, [part.id], at(4), "one trouble")
    assert [one.event for one in said] == ["merged", "acknowledged"]
    assert said[-1].reason == f"{part.id}, part of it now, was acknowledged"
    assert (home.state, home.acked_ms, home.assignee) == ("acknowledged", at(4), "ann")


def test_a_whole_that_is_worse_waits_for_somebody_but_keeps_who_has_a_part() -> None:
    ledger, home, part = two(part=Severity.MEDIUM, home=Severity.HIGH)
    said = merge(ledger, home.id, [part.id], at(4), "one trouble")
    assert [one.event for one in said] == ["merged"]
    assert (home.state, home.assignee) == ("open", "ann")


def test_who_has_the_whole_keeps_it() -> None:
    ledger, home, part = two(part=Severity.HIGH, home=Severity.LOW)
    home.acked_ms, home.assignee = at(1), "bob"
    merge(ledger, home.id, [part.id], at(4), "one trouble")
    assert (home.acked_ms, home.assignee) == (at(1), "bob")
