"""Any order of commands and alerts: lives are legal, audited, the same however they are told."""

from collections.abc import Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.triage import Triage, TriageSettings
from schema import Act, Action, Closed, Feedback, Incident, Transition, TriageCommand
from schema.life import Life, lived
from tests.operators.alert_histories import END, GROUPS, Story, stories, whole
from tests.operators.edges import MINUTE_MS, at

SETTINGS = TriageSettings(
    quiet_s=600.0, reopen_s=900.0, close_after_s=1800.0, unack_after_s=2400.0, max_open_s=7200.0
)
VERDICTS = ("real", "false_positive")
ACTIONS: tuple[Action, ...] = (
    "ack", "unack", "resolve", "reopen", "close", "assign", "merge", "split", "note",
)  # fmt: skip
Asked = tuple[int, Action | None, int, int, int]  # minutes later, what (none: judge), whose, ...

_asked = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from([*ACTIONS, "merge", "split", None]),
        st.integers(0, 5),
        st.integers(0, 9),
        st.integers(0, 20),
    ),
    max_size=12,
)


def commands(asked: Sequence[Asked], known: Sequence[Incident]) -> list[TriageCommand]:
    """Return what is asked of the incidents that there would be; a request may come twice."""
    found: list[TriageCommand] = []
    first: dict[str, TriageCommand] = {}
    for minutes, action, whose, other, request in asked:
        about, name = known[whose % len(known)], f"r-{request}"
        at_ms = min(about.opened_ms + minutes * MINUTE_MS, at(END - 1))
        if action is None:
            word: dict[str, object] = {
                "incident": about.id,
                "verdict": VERDICTS[other % 2],
                "targets": (),
            }
            word |= {"effective_ms": at_ms, "actor": "ann", "id": name}
            said = first.setdefault(name, msgspec.convert(word, Feedback))
            found.append(msgspec.structs.replace(said, effective_ms=at_ms))
            continue
        alert = about.members[other % len(about.members)]
        others = {
            "merge": (known[other % len(known)].id,),
            "split": (f"{alert.kind}@{alert.resource.key}",),
        }.get(action, ())
        act = Act(name, about.id, action, at_ms, "ann", "why", f"p{other}", others)
        found.append(msgspec.structs.replace(first.setdefault(name, act), effective_ms=at_ms))
    return sorted(found, key=lambda each: each.effective_ms)


def with_commands(words: Sequence[Closed], asked: Sequence[TriageCommand]) -> list[Closed]:
    """Let group 0 hand the commands on, each with the word that closes its tick."""
    given_until, told = -1, []
    for word in words:
        if word.group == 0:
            due = tuple(
                (each.effective_ms, each)
                for each in asked
                if given_until <= each.effective_ms < word.until_ms
            )
            given_until = word.until_ms
            told.append(msgspec.structs.replace(word, commands=due))
        else:
            told.append(word)
    return told


def run(words: Sequence[Closed], stops: frozenset[int] = frozenset()) -> list[Transition]:
    triage, said = Triage(SETTINGS, GROUPS), list[Transition]()
    for i, word in enumerate(words):
        if i in stops:
            triage = Triage(SETTINGS, GROUPS, triage.snapshot())
        said += triage.step(word)
    return said


def both(told: Story, asked: Sequence[Asked]) -> tuple[list[Closed], list[Closed]]:
    """Return the story with commands to the incidents that it makes: whole, and in pieces."""
    plain = whole(told.edges)
    known = {said.incident.id: said.incident for said in run(plain)}
    ordered = commands(asked, list(known.values())) if known else []
    return with_commands(plain, ordered), with_commands(told.pieces, ordered)


def by_incident(said: Sequence[Transition]) -> dict[str, list[Transition]]:
    found: dict[str, list[Transition]] = {}
    for one in said:
        found.setdefault(one.incident.id, []).append(one)
    return found


def told_by(incident: Incident) -> Life:
    return Life(incident.state, incident.acked_ms, incident.resolved_ms, incident.closed_ms)


@settings(max_examples=80, deadline=None)
@given(stories(), _asked)
def test_every_life_is_legal_and_its_events_alone_rebuild_it(
    told: Story, asked: list[Asked]
) -> None:
    for history in by_incident(run(both(told, asked)[0])).values():
        assert [one.incident.revision for one in history] == list(range(1, len(history) + 1))
        times = [one.ts_ms for one in history]
        assert times == sorted(times)
        for i in range(len(history)):
            assert lived(history[: i + 1]) == told_by(history[i].incident)
        for one in history:
            asks = one.actor != "foreshock"
            assert asks == bool(one.request)
            assert not asks or one.actor == "ann"


@settings(max_examples=40, deadline=None)
@given(stories(), _asked)
def test_a_request_is_answered_once_for_each_incident_that_it_concerns(
    told: Story, asked: list[Asked]
) -> None:
    for history in by_incident(run(both(told, asked)[0])).values():
        answered = [one.request for one in history if one.request]
        assert len(answered) == len(set(answered))


@settings(max_examples=40, deadline=None)
@given(stories(), _asked)
def test_merging_and_splitting_by_hand_lose_no_alert(told: Story, asked: list[Asked]) -> None:
    last = {one.incident.id: one.incident for one in run(both(told, asked)[0])}
    held = {
        f"{member.kind}@{member.resource.key}"
        for incident in last.values()
        for member in incident.members
    }
    assert held == {one.id for one in told.edges if one.edge == "open"}


@settings(max_examples=40, deadline=None)
@given(stories(), _asked)
def test_the_same_commands_and_alerts_say_the_same_however_they_are_cut(
    told: Story, asked: list[Asked]
) -> None:
    complete, pieces = both(told, asked)
    assert run(pieces) == run(complete)


@settings(max_examples=40, deadline=None)
@given(stories(), _asked, st.frozensets(st.integers(0, 21)))
def test_a_triage_resumed_between_commands_goes_on_like_an_unbroken_one(
    told: Story, asked: list[Asked], stops: frozenset[int]
) -> None:
    pieces = both(told, asked)[1]
    assert run(pieces, stops) == run(pieces)
