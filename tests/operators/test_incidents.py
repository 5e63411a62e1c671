from collections import Counter
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.life import TriageSettings
from operators.scope import relates
from operators.severity import SeveritySettings
from operators.triage import Triage, TriageState
from schema import Anomaly, Closed, Severity, Transition
from tests.operators.alert_histories import GROUPS, histories, whole
from tests.operators.edges import LATENCY, at, closed, edge, evidence, resource, story, told

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
        ([edge("open", SHOP_A, 0), edge("open", SHOP_DB, 3)], [["a", "x"]]),
        ([edge("open", SHOP_A, 0), edge("open", SHOP_DB, 3.1)], [["a"], ["x"]]),
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


AGELESS = TriageSettings(severity=SeveritySettings(duration_s=()))
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
        *(edge("open", one, 0, confidence=0.99, proof=CPU) for one in (A, B)),
        *(edge("close", one, 5) for one in (A, B)),
        edge("open", B, 30, confidence=0.5, proof=LATENCY),
    ]
    first, _, again = told(edges, 31)
    assert (first.incident.severity, again.incident.severity) == (Severity.MEDIUM, Severity.MEDIUM)
    assert again.incident.id == first.incident.id
    assert again.reason == "alerts again, 15 min after it was resolved"
    assert again.incident.title == "latency of b rose to 1.34 s"
    assert [member.resource.name for member in again.incident.members] == ["b", "a"]
    assert (again.incident.opened_ms, again.incident.onset_ms) == (at(0), at(0))


def test_severity_falls_only_after_it_has_long_been_lower() -> None:
    edges = [edge("open", resource(f"i-{i}"), 0, proof=CPU) for i in range(10)]
    edges += [edge("close", resource(f"i-{i}"), 20) for i in range(1, 10)]
    opened, fell = told(edges, 40)
    assert opened.incident.severity == Severity.HIGH
    assert (fell.event, fell.ts_ms, fell.incident.severity) == ("updated", at(30), Severity.MEDIUM)
    assert fell.reason.startswith("severity fell from HIGH to MEDIUM: confidence 95 % (+1), ")


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


def test_an_incident_older_than_the_limit_is_not_reopened() -> None:
    settings = TriageSettings(max_open_s=3600.0)
    edges = [edge("open", A, 0), edge("close", A, 55), edge("open", A, 60)]
    edges += [edge("close", A, 62), edge("open", A, 73)]
    said = told(edges, 90, settings)
    assert [out.event for out in said] == ["opened", "resolved", "opened"]
    assert len({out.incident.id for out in said}) == 2


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


@pytest.mark.parametrize("period", [2, 4, 10, 20])
def test_an_hour_of_flapping_is_told_once_and_ended_once(period: int) -> None:
    edges = [
        one
        for start in range(0, 60, period)
        for one in (edge("open", A, start), edge("close", A, start + period // 2))
    ]
    said = told(edges, 120)
    assert [out.event for out in said] == ["opened", "resolved"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"window_s": 0.0}, r"window_s must be in \(0, 2592000.0\] s, got 0.0"),
        ({"quiet_s": float("nan")}, "quiet_s must be in"),
        ({"reopen_s": -1.0}, r"reopen_s must be in \[0, 2592000.0\] s, got -1.0"),
        ({"max_members": 0}, r"max_members must be in \[1, 1000\], got 0"),
        ({"max_open_s": 600.0}, "quiet_s must be below max_open_s"),
    ],
)
def test_refuses_settings_that_make_no_sense(bad: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        msgspec.structs.replace(TriageSettings(), **bad)


SETTINGS = TriageSettings(max_members=4, max_open_s=7200.0)
PATIENT = TriageSettings(max_members=4)  # gives no incident up within a history


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


@settings(max_examples=60)
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


@settings(max_examples=60)
@given(histories())
def test_updates_keep_their_distance_unless_severity_rises(edges: list[Anomaly]) -> None:
    for life in lives(edges)[0].values():
        for before, after in pairwise(life):
            if after.event == "updated" and after.ts_ms - before.ts_ms < SETTINGS.update_s * 1000:
                assert after.incident.severity > before.incident.severity


@settings(max_examples=60)
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


@settings(max_examples=60)
@given(histories())
def test_counts_of_open_alerts_and_indexes_agree_with_the_members(edges: list[Anomaly]) -> None:
    _, triage = lives(edges)
    ledger = msgspec.msgpack.decode(triage.snapshot(), type=TriageState).ledger
    for case in ledger.cases.values():
        states = Counter(record.closed_ms is None for record in case.members.values())
        assert case.open_count == states[True]
        assert all(
            record.evidence == () or name in case.suspects for name, record in case.members.items()
        )
    for index in (ledger.by_resource, ledger.by_name):
        assert set(index.values()) <= set(ledger.cases)


@settings(max_examples=60)
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


@settings(max_examples=60)
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
