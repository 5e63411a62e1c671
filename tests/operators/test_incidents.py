from collections import Counter
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings

from operators.deadlines import SlaSettings
from operators.life import TriageSettings
from operators.scope import relates
from operators.triage import Triage, TriageState
from schema import Anomaly, Closed, Transition
from tests.operators.alert_histories import GROUPS, histories, whole
from tests.operators.edges import LATENCY, closed, edge, evidence, resource, story, told

A, B = resource("a"), resource("b")
DB = resource("db", "aws.rds")
SHOP_A = resource("a", application="shop")
SHOP_DB, SHOP_LB = (resource("x", s, app="shop") for s in ("aws.rds", "aws.elb"))
CPU = (evidence(),)


def groups_of(edges: list[Anomaly], settings: TriageSettings | None = None) -> list[list[str]]:
    """Return the resource names of each incident at its last word, in the order of opening."""
    last = {said.incident.id: said.incident for said in told(edges, 300, settings)}
    return [[member.resource.name for member in one.members] for one in last.values()]


@pytest.mark.parametrize(
    ("edges", "wanted"),
    [
        ([edge("open", A, 0), edge("open", B, 0)], [["a", "b"]]),
        ([edge("open", A, 0), edge("open", B, 10)], [["a", "b"]]),
        ([edge("open", A, 0), edge("open", B, 10.1)], [["a"], ["b"]]),
        ([edge("open", A, 0), edge("open", DB, 0)], [["a"], ["db"]]),
        ([edge("open", SHOP_A, 0), edge("open", SHOP_DB, 4)], [["a", "x"]]),
        ([edge("open", SHOP_A, 0), edge("open", SHOP_DB, 4.1)], [["a"], ["x"]]),
        (
            [edge("open", SHOP_A, 0), edge("open", SHOP_DB, 3), edge("open", SHOP_LB, 6)],
            [["a", "x", "x"]],
        ),
        ([edge("open", A, 0), edge("open", A, 60, kind="silent")], [["a", "a"]]),
        (
            [edge("open", A, 0), edge("open", B, 30), edge("open", A, 31, kind="silent")],
            [["a", "a"], ["b"]],
        ),
    ],
    ids=[
        "one scope",
        "window's end",
        "after the window",
        "another service",
        "a link, storm's end",
        "a link, after the storm",
        "chain of links",
        "own incident at any time",
        "own incident before the scope's",
    ],
)
def test_alerts_make_incidents(edges: list[Anomaly], wanted: list[list[str]]) -> None:
    assert groups_of(edges) == wanted


def test_each_alert_that_joins_extends_the_window() -> None:
    edges = [edge("open", resource(f"i-{i}"), 9 * i) for i in range(10)]
    assert [len(names) for names in groups_of(edges)] == [10]


def test_the_scope_is_what_all_members_share() -> None:
    edges = [edge("open", SHOP_A, 0), edge("open", SHOP_DB, 0)]
    (said,) = told(edges, 1)
    place = (("cloud", "aws"), ("account", "111122223333"), ("region", "eu-west-1"))
    assert said.incident.scope == (*place, ("application", "shop"))


def test_nobody_joins_a_resolved_incident_but_its_own_resources() -> None:
    settings = TriageSettings(quiet_s=60.0)
    edges = [edge("open", A, 0), edge("close", A, 1), edge("open", B, 3)]
    assert story(told(edges, 4, settings)) == [
        (0, "opened", 1),
        (2, "resolved", 1),
        (3, "opened", 1),
    ]


def test_a_resource_that_has_moved_on_is_not_forgotten_with_its_old_incident() -> None:
    edges = [edge("open", A, 0), edge("close", A, 5)]  # resolved at 15, forgotten at 45
    edges += [edge("open", B, 30), edge("open", A, 31)]
    edges += [edge("close", A, 50), edge("close", B, 50)]
    assert story(told(edges, 61))[2:] == [
        (30, "opened", 1),
        (35, "updated", 2),
        (60, "resolved", 2),
    ]


def test_members_beyond_the_limit_are_counted_and_keep_no_evidence() -> None:
    settings = TriageSettings(max_members=3)
    triage = Triage(settings, 1)
    edges = [edge("open", resource(f"i-{i}"), i, proof=LATENCY) for i in range(9)]
    said = triage.step(closed(0, 20, edges))
    assert [member.resource.name for member in said[-1].incident.members] == ["i-0", "i-1", "i-2"]
    assert said[-1].incident.member_count == 9
    (case,) = msgspec.msgpack.decode(triage.snapshot(), type=TriageState).ledger.cases.values()
    kept = [bool(record.evidence) for record in case.members.values()]
    assert kept == [True] * 3 + [False] * 6


def test_an_id_is_made_of_scope_time_and_first_resource() -> None:
    ids = [
        told([edge("open", one, minute)], minute + 1)[0].incident.id
        for one, minute in ((A, 0), (B, 0), (A, 1), (resource("a", "aws.rds"), 0))
    ]
    assert len(set(ids)) == 4
    assert ids[0] == told([edge("open", B, 0), edge("open", A, 0)], 1)[0].incident.id
    assert ids[0] == "inc-2867b61052f4eca3"


SETTINGS = TriageSettings(max_members=4, quiet_s=600.0, max_open_s=7200.0, sla=SlaSettings(()))
PATIENT = TriageSettings(max_members=4, quiet_s=600.0)  # gives no incident up within a history


def lives(edges: list[Anomaly]) -> tuple[dict[str, list[Transition]], Triage]:
    triage = Triage(SETTINGS, GROUPS)
    out: dict[str, list[Transition]] = {}
    for word in whole(edges):
        for said in triage.step(word):
            out.setdefault(said.incident.id, []).append(said)
    return out, triage


FOLLOWS = {
    "opened": {"updated", "resolved"},
    "updated": {"updated", "resolved"},
    "resolved": {"reopened"},
    "reopened": {"updated", "resolved"},
}


@settings(max_examples=60, deadline=None)
@given(histories())
def test_every_life_is_legal_and_its_revisions_have_no_gap(edges: list[Anomaly]) -> None:
    for life in lives(edges)[0].values():
        assert life[0].event == "opened"
        assert [said.incident.revision for said in life] == list(range(1, len(life) + 1))
        for before, after in pairwise(life):
            assert after.event in FOLLOWS[before.event]
            assert before.ts_ms < after.ts_ms
            assert after.incident.member_count >= before.incident.member_count
        for said in life:
            resolved = said.event == "resolved"
            assert (said.incident.state == "resolved") == resolved
            assert (said.incident.resolved_ms == said.ts_ms) == resolved
            if resolved:
                assert all(member.closed_ms is not None for member in said.incident.members)


@settings(max_examples=60, deadline=None)
@given(histories())
def test_updates_keep_their_distance_unless_severity_rises(edges: list[Anomaly]) -> None:
    for life in lives(edges)[0].values():
        for before, after in pairwise(life):
            if after.event == "updated" and after.ts_ms - before.ts_ms < SETTINGS.update_s * 1000:
                assert after.incident.severity > before.incident.severity


@settings(max_examples=60, deadline=None)
@given(histories())
def test_no_alert_is_lost(edges: list[Anomaly]) -> None:
    """Right after each tick, every alert that is open is held open, once, and no other is."""
    triage, opened = Triage(PATIENT, 1), set[str]()
    by_tick: dict[int, list[Anomaly]] = {}
    for one in edges:
        by_tick.setdefault(one.tick_ms, []).append(one)
    for tick_ms, ones in sorted(by_tick.items()):
        triage.step(Closed(0, tick_ms + 1, False, tuple(ones)))
        for one in ones:
            if one.edge == "open":
                opened.add(one.id)
            elif one.edge == "close":
                opened.remove(one.id)
        ledger = msgspec.msgpack.decode(triage.snapshot(), type=TriageState).ledger
        held = [
            name
            for case in ledger.cases.values()
            for name, record in case.members.items()
            if record.closed_ms is None
        ]
        assert sorted(held) == sorted(opened)


@settings(max_examples=60, deadline=None)
@given(histories())
def test_counts_of_open_alerts_and_indexes_agree_with_the_members(edges: list[Anomaly]) -> None:
    _, triage = lives(edges)
    ledger = msgspec.msgpack.decode(triage.snapshot(), type=TriageState).ledger
    for case in ledger.cases.values():
        states = Counter(record.closed_ms is None for record in case.members.values())
        assert case.open_count == states[True]
        shown = {name for name, record in case.members.items() if record.evidence}
        assert shown <= set(case.suspects)
        lead_ms = round(SETTINGS.lead_s * 1000)
        ranks = {n: record.rank(case.episode_ms, lead_ms) for n, record in case.members.items()}
        assert case.suspects == sorted(ranks, key=lambda name: ranks[name])[: SETTINGS.max_members]
    assert {ledger.parts.get(one, one) for one in ledger.by_resource.values()} <= set(ledger.cases)


@settings(max_examples=60, deadline=None)
@given(histories())
def test_every_member_relates_to_another_of_its_incident(edges: list[Anomaly]) -> None:
    _, triage = lives(edges)
    ledger = msgspec.msgpack.decode(triage.snapshot(), type=TriageState).ledger
    for case in ledger.cases.values():
        resources = list(
            {record.resource.key: record.resource for record in case.members.values()}.values()
        )
        reached, frontier = {resources[0].key}, [resources[0]]
        while frontier:
            one = frontier.pop()
            new = [other for other in resources if other.key not in reached and relates(one, other)]
            reached |= {other.key for other in new}
            frontier += new
        assert len(reached) == len(resources)
