"""What people do to incidents, through triage."""

from collections.abc import Sequence

import pytest

from operators.life import TriageSettings
from operators.triage import Triage
from schema import Act, Action, Anomaly, Closed, Feedback, Transition, TriageCommand
from tests.operators.edges import at, edge, resource, story, told

A, B = resource("a"), resource("b")
OPEN = edge("open", A, 0)
ID = told([OPEN], 1)[0].incident.id


def act(
    action: Action,
    minute: float,
    request: str = "",
    incident: str = ID,
    reason: str = "",
    assignee: str = "",
    actor: str = "ann",
    others: tuple[str, ...] = (),
) -> Act:
    name = request or f"{action}@{minute:g}"
    return Act(name, incident, action, at(minute), actor, reason, assignee, others)


def said_after(
    edges: Sequence[Anomaly],
    commands: Sequence[TriageCommand],
    until: float,
    settings: TriageSettings | None = None,
) -> list[Transition]:
    triage = Triage(settings or TriageSettings(), 1)
    words = tuple((command.effective_ms, command) for command in commands)
    return triage.step(Closed(0, at(until), final=False, anomalies=tuple(edges), commands=words))


def test_an_acknowledged_incident_names_who_asked_and_belongs_to_them() -> None:
    opened, acked = said_after([OPEN], [act("ack", 3, "r1", reason="on it")], 4)
    assert opened.incident.state == "open"
    assert (acked.event, acked.ts_ms, acked.incident.state) == (
        "acknowledged",
        at(3),
        "acknowledged",
    )
    assert (acked.actor, acked.reason, acked.request) == ("ann", "on it", "r1")
    assert (acked.incident.acked_ms, acked.incident.assignee) == (at(3), "ann")
    assert acked.incident.revision == 2


def test_a_second_acknowledgement_keeps_the_time_of_the_first() -> None:
    *_, again = said_after([OPEN], [act("ack", 3), act("ack", 5, actor="bob")], 6)
    assert (again.event, again.actor) == ("acknowledged", "bob")
    assert (again.incident.acked_ms, again.incident.assignee) == (at(3), "ann")


@pytest.mark.parametrize(
    ("before", "asked", "why"),
    [
        ([], "unack", "is open: only an acknowledged incident can be un-acknowledged"),
        ([], "reopen", "is open: only a resolved incident can be reopened"),
        ([], "close", "is open: only a resolved incident can be closed"),
        (["resolve"], "ack", "is resolved: only an open or acknowledged incident can be acknow"),
        (["resolve"], "resolve", "is resolved: only an open or acknowledged incident can be res"),
        ([], "merge", "must name an incident"),
        ([], "split", "must leave alerts on both sides"),
        (["resolve"], "split", "is resolved: only an open or acknowledged incident can be split"),
        ([], "note", "must say something"),
    ],
)
def test_what_is_not_legal_is_refused_in_words_and_changes_nothing(
    before: list[Action], asked: Action, why: str
) -> None:
    commands = [act(action, 2) for action in before]
    *_, last, refused = said_after([OPEN], [*commands, act(asked, 3, "r9")], 4)
    assert (refused.event, refused.actor, refused.request) == ("refused", "ann", "r9")
    assert why in refused.reason
    assert ID in refused.reason
    assert refused.incident.state == last.incident.state


def test_a_request_that_comes_twice_is_obeyed_once() -> None:
    commands = [act("note", 2, "r1", reason="x"), act("note", 3, "r1", reason="x")]
    assert [said.event for said in said_after([OPEN], commands, 4)] == ["opened", "noted"]
    refused = [act("close", 2, "r1"), act("close", 3, "r1")]
    assert [said.event for said in said_after([OPEN], refused, 4)] == ["opened", "refused"]


def test_nothing_is_said_of_an_incident_that_is_not_there() -> None:
    said = said_after([OPEN], [act("ack", 2, incident="inc-other")], 4)
    assert [one.event for one in said] == ["opened"]


def test_assigning_names_to_whom_and_nobody() -> None:
    commands = [act("assign", 2, assignee="bob", reason="knows it"), act("assign", 3)]
    _, to, away = said_after([OPEN], commands, 4)
    assert (to.reason, to.incident.assignee) == ("to bob: knows it", "bob")
    assert (away.reason, away.incident.assignee) == ("to nobody", "")


def test_a_verdict_is_kept_and_the_same_again_is_no_news() -> None:
    words = [
        Feedback(ID, "false_positive", (), at(1), "ann", "backup", "f1"),
        Feedback(ID, "false_positive", (), at(2), "ann", "", "f2"),
        Feedback(ID, "real", (), at(3), "ann"),
    ]
    _, wrong, right = said_after([OPEN], words, 4)
    assert (wrong.event, wrong.reason) == ("judged", "false positive: backup")
    assert (wrong.incident.verdict, wrong.request) == ("false_positive", "f1")
    assert (right.reason, right.incident.verdict) == ("real", "real")


def test_what_somebody_resolved_opens_again_with_a_new_alert() -> None:
    edges = [OPEN, edge("update", A, 4), edge("close", A, 5), edge("open", A, 6)]
    said = said_after(edges, [act("resolve", 3, reason="restarted")], 8)
    assert [(one.event, one.actor, one.reason) for one in said[1:]] == [
        ("resolved", "ann", "restarted"),
        ("reopened", "foreshock", "alerts again, 3 min after it was resolved"),
    ]


def test_what_somebody_reopened_is_open_until_somebody_resolves_it() -> None:
    edges = [OPEN, edge("close", A, 1)]
    commands = [act("resolve", 3), act("reopen", 9, reason="too soon"), act("resolve", 300)]
    said = said_after(edges, commands, 600)
    assert story(said) == [
        (0, "opened", 1),
        (3, "resolved", 1),
        (9, "reopened", 1),
        (300, "resolved", 1),
        (540, "closed", 1),
    ]
    assert said[2].incident.severity == said[1].incident.severity


def test_a_closed_incident_never_reopens() -> None:
    edges = [OPEN, edge("close", A, 1), edge("open", A, 6)]
    said = said_after(edges, [act("resolve", 3), act("close", 4), act("reopen", 5)], 7)
    assert [one.event for one in said] == ["opened", "resolved", "closed", "opened"]
    assert (said[2].incident.state, said[2].incident.closed_ms) == ("closed", at(4))
    assert said[3].incident.id != ID


def test_an_incident_is_closed_by_itself_when_it_has_long_been_resolved() -> None:
    said = said_after([OPEN, edge("close", A, 1)], [act("resolve", 3)], 400)
    assert story(said)[-1] == (243, "closed", 1)
    assert (said[-1].actor, said[-1].reason) == ("foreshock", "resolved for 4 h")


def test_an_acknowledgement_lapses_when_nobody_says_a_word() -> None:
    settings = TriageSettings(unack_after_s=3600.0)
    commands = [act("ack", 10), act("note", 40, reason="still looking"), act("ack", 130)]
    said = said_after([OPEN], commands, 140, settings)
    assert [(one.event, one.ts_ms) for one in said if one.event != "updated"] == [
        ("opened", at(0)),
        ("acknowledged", at(10)),
        ("noted", at(40)),
        ("unacknowledged", at(100)),
        ("acknowledged", at(130)),
    ]


def test_an_act_takes_nothing_from_what_waits_to_be_told() -> None:
    said = said_after([OPEN, edge("open", B, 1)], [act("note", 2, reason="x")], 6)
    assert story(said) == [(0, "opened", 1), (2, "noted", 2), (5, "updated", 2)]


C = resource("c", "aws.rds")
OTHER = edge("open", C, 1)
OTHER_ID = told([OTHER], 2)[0].incident.id


def test_incidents_that_are_merged_by_hand_go_on_as_one_and_both_ids_lead_to_it() -> None:
    edges = [OPEN, OTHER, edge("close", A, 10), edge("close", C, 12)]
    commands = [
        act("merge", 5, "r1", others=(OTHER_ID,), reason="one fault"),
        act("ack", 6, "r2", incident=OTHER_ID),
    ]
    said = said_after(edges, commands, 100)
    part, whole, rise, acked, ended = said[2:]
    assert rise.reason.startswith("severity rose from LOW to MEDIUM")
    assert (part.event, part.incident.id, part.incident.state) == ("merged", OTHER_ID, "merged")
    assert (part.incident.merged_into, part.request, part.actor) == (ID, "r1", "ann")
    assert (whole.event, whole.incident.id, whole.request) == ("updated", ID, "r1")
    assert (whole.incident.merged, whole.incident.member_count) == ((OTHER_ID,), 2)
    assert (acked.event, acked.incident.id) == ("acknowledged", ID)
    assert (ended.event, ended.ts_ms, ended.incident.id) == ("resolved", at(32), ID)


def test_alerts_that_are_split_off_make_an_incident_of_their_own_which_lives_on() -> None:
    edges = [OPEN, edge("open", B, 1), edge("close", B, 10), edge("close", A, 20)]
    edges += [edge("open", B, 15)]
    edges.sort(key=lambda one: one.tick_ms)
    commands = [act("split", 5, "r1", others=("metrics@" + B.key,))]
    said = said_after(edges, commands, 30)
    left, own = [one for one in said if one.event == "split"]
    assert (left.incident.id, left.incident.member_count, left.request) == (ID, 1, "r1")
    assert own.incident.id != ID
    assert [member.resource for member in own.incident.members] == [B]
    later = [one for one in said if one.ts_ms > at(5) and one.incident.id == ID]
    assert all(one.incident.member_count == 1 for one in later)


@pytest.mark.parametrize(
    ("others", "why"),
    [
        (("inc-nowhere",), "inc-nowhere is closed or never was"),
        ((ID,), f"{ID} is part of {ID} as it is"),
    ],
)
def test_what_cannot_be_merged_is_refused(others: tuple[str, ...], why: str) -> None:
    *_, refused = said_after([OPEN, OTHER], [act("merge", 5, others=others)], 6)
    assert (refused.event, refused.reason) == ("refused", why)


def test_a_resolved_incident_is_not_merged_and_an_unknown_alert_not_split_off() -> None:
    commands = [
        act("resolve", 4, incident=OTHER_ID),
        act("merge", 5, others=(OTHER_ID,)),
        act("split", 5, others=("metrics@nobody",)),
    ]
    said = [one for one in said_after([OPEN, OTHER], commands, 6) if one.event == "refused"]
    assert [one.reason for one in said] == [
        f"{OTHER_ID} is resolved: only an open or acknowledged incident can be merged",
        f"{ID} has no alert metrics@nobody",
    ]
