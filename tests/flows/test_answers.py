"""What has become of a command: requested until the flow takes it up, then applied or refused."""

from pathlib import Path

import msgspec
import pytest

from connectors.control_log import IdleMark
from connectors.incident_store import IncidentStore
from connectors.standing_store import StandingStore
from flows.answers import Answer, Answers, told, words
from schema import (
    Act,
    Closed,
    Deploy,
    Edge,
    Expire,
    Feedback,
    Matcher,
    Promotion,
    Silence,
    TopologyChange,
    Transition,
    TriageCommand,
)
from tests.connectors.made_transitions import OPENED, later, resolved

WHERE = (Matcher("service", "=", "aws.rds"),)
SILENCE = Silence("s1", "silence", WHERE, 0, 9_000_000, 120_000, "kim", "index")
BAD = msgspec.structs.replace(SILENCE, id="s2", matchers=(Matcher("a", "=~", "("),))
ACK = Act("r1", "inc-1", "ack", 120_000, "kim")
WORD = Feedback("inc-1", "false_positive", (), 120_000, "kim", "backup", "r2")
TAKEN_MS = OPENED.ts_ms + 600_000
replace = msgspec.structs.replace


@pytest.fixture
def store(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/incidents.db"
    opened = IncidentStore(url, create=True)
    opened.record([OPENED])
    opened.close()
    return url


def record(store: str, *events: Transition) -> None:
    opened = IncidentStore(store)
    opened.record(events)
    opened.close()


def take_up(store: str, *commands: TriageCommand) -> None:
    kept = StandingStore(store)
    kept.keep([Closed(0, TAKEN_MS, False, commands=tuple((TAKEN_MS, c) for c in commands))])
    kept.close()


def of(store: str, *commands: TriageCommand) -> list[Answer]:
    answers = Answers(store)
    found = answers.of(commands)
    answers.close()
    return found


def test_it_is_requested_until_the_flow_has_taken_it_up(store: str) -> None:
    commands = (SILENCE, Expire("s1", 180_000, "kim"), Deploy("d1", 1, "", WHERE), WORD, ACK)
    assert of(store, *commands) == [Answer()] * 5
    take_up(store, *commands)
    assert of(store, *commands[:4]) == [Answer("applied", "", TAKEN_MS)] * 4
    assert of(store, ACK) == [Answer()]  # its event is on its way


def test_an_event_answers_what_is_about_an_incident(store: str) -> None:
    acked = replace(later("inc-1", 2), event="acknowledged", reason="mine", request="r1")
    refused = replace(later("inc-1", 3), event="refused", reason="it is closed", request="r3")
    judged = replace(later("inc-1", 4), event="judged", reason="backup", request="r2")
    record(store, acked, refused, judged)
    assert of(store, ACK, replace(ACK, id="r3"), WORD) == [
        Answer("applied", "mine", acked.ts_ms),
        Answer("refused", "it is closed", refused.ts_ms),
        Answer("applied", "backup", judged.ts_ms),
    ]


def test_an_act_on_what_is_closed_or_never_was_is_refused_in_words(store: str) -> None:
    over = resolved("inc-1", 2)
    closed = replace(over.incident, revision=3, state="closed", closed_ms=TAKEN_MS - 1)
    record(store, over, replace(over, event="closed", incident=closed))
    none = replace(ACK, id="r9", incident="inc-9")
    assert of(store, ACK, none) == [Answer(), Answer()]
    take_up(store, ACK, none)
    assert of(store, ACK, none) == [
        Answer("refused", "inc-1 was closed by then", TAKEN_MS),
        Answer("refused", "there is no incident inc-9", TAKEN_MS),
    ]


def test_a_silence_that_cannot_be_obeyed_is_refused_also_when_it_was_taken_up(store: str) -> None:
    (before,) = of(store, BAD)
    assert (before.status, before.at_ms) == ("refused", None)
    assert "RE2" in before.reason
    take_up(store, BAD)
    assert of(store, BAD) == [replace(before, at_ms=TAKEN_MS)]


def test_what_people_told_the_flow_is_found_among_the_records_once_in_order() -> None:
    records = [WORD, IdleMark("a/b", 1, 2), ACK, Promotion("aws.rds", "v1", 5), WORD, SILENCE]
    assert told(records) == [WORD, ACK, SILENCE]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (ACK, "ack inc-1"),
        (replace(ACK, action="assign", assignee="bob", reason="his"), "assign inc-1 bob: his"),
        (replace(ACK, action="merge", others=("inc-2",)), "merge inc-1 inc-2"),
        (WORD, "false-positive inc-1: backup"),
        (SILENCE, 'silence service="aws.rds": index'),
        (Expire("s1", 1, "kim"), "end s1"),
        (Deploy("d1", 1, "v42", WHERE), 'deploy v42 service="aws.rds"'),
        (
            TopologyChange("t1", 1, (Edge("web", "db"),), (Edge("a", "b"),)),
            "topology + web calls db - a calls b",
        ),
    ],
)  # fmt: skip
def test_what_was_asked_for_is_said_in_words(command: TriageCommand, said: str) -> None:
    assert words(command) == said
