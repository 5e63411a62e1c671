from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from connectors.callback_store import CallbackStore
from connectors.callbacks.callback import Asked, Callback
from connectors.control_log import FileControlLog, Record
from connectors.feedback_store import FeedbackStore
from connectors.incident_store import IncidentStore
from connectors.requests_store import RequestsStore
from flows.answers import told
from flows.callbacks import AT_IT_MS, Answering, Taken
from flows.desk_stores import DeskStores
from flows.running import RunningFlow
from schema import Act, Feedback, Transition
from tests.connectors.made_transitions import OPENED, OPENED_MS, resolved

NOW_MS = OPENED_MS + 90_000
TICK_MS = 60_000
SOON_MS = OPENED_MS + 4 * TICK_MS  # at least two whole ticks after now


def asks(asked: Asked = "ack", name: str = "slack:1", *incidents: str, **more: str) -> Callback:
    made = Callback(name, "slack", "ann", asked, incidents or ("inc-1",), NOW_MS, NOW_MS + 300_000)
    return msgspec.structs.replace(made, **more)


class Bench:
    """A store with an incident, a control log, and what is asked of it."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder}/incidents.db"
        self.log = FileControlLog(folder / "control.jsonl")
        self.store = IncidentStore(self.url, create=True)
        self.store.record([OPENED])
        self.opened: list[DeskStores] = []
        self.flow = RunningFlow(self.log, self.url, 60, True)
        self.answering = self.another()

    def another(self, *places: str) -> Answering:
        """Return what another process would open."""
        stores = DeskStores(self.url)
        self.opened.append(stores)
        return Answering(
            lambda: self.flow, stores, lambda place: places if place == "PGR0VU2" else ()
        )

    def take(self, callback: Callback) -> Taken:
        return self.answering.take(callback, NOW_MS)

    def logged(self) -> list[Record]:
        return self.log.read()

    def close(self) -> None:
        for each in self.opened:
            each.close()
        self.store.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_an_act_is_asked_of_the_flow_and_shows_as_requested_at_once(bench: Bench) -> None:
    taken = bench.take(asks())
    assert taken == Taken(
        "requested", "acknowledgement of inc-1 is requested, in force at 10:04 UTC"
    )
    (act,) = bench.logged()
    assert isinstance(act, Act)
    assert (act.incident, act.action, act.actor, act.effective_ms) == (
        "inc-1", "ack", "ann (via slack)", SOON_MS,
    )  # fmt: skip
    requests = RequestsStore(bench.url)
    (request,) = requests.requests_of("inc-1")
    requests.close()
    assert (request.act, request.status, request.requested_ms) == (act, "requested", NOW_MS)


def test_a_false_positive_is_a_word_on_the_incident(bench: Bench) -> None:
    assert bench.take(asks("false_positive", note="nightly backup")).status == "requested"
    (word,) = bench.logged()
    assert isinstance(word, Feedback)
    assert (word.verdict, word.actor, word.reason) == (
        "false_positive", "ann (via slack)", "nightly backup",
    )  # fmt: skip
    assert len(word.targets) == 1
    kept = FeedbackStore(bench.url)
    assert [(each.verdict, each.actor) for each in kept.words()] == [
        ("false_positive", "ann (via slack)")
    ]
    kept.close()
    again = bench.take(asks("false_positive", "slack:2", note="nightly backup"))
    assert again == Taken("refused", "inc-1 was said to be a false positive before")


def test_the_same_once_more_is_answered_as_before_and_asked_once(bench: Bench) -> None:
    first = bench.take(asks())
    other = bench.another()
    assert other.take(asks(), NOW_MS + 60_000) == Taken("repeated", first.words)
    assert len(bench.logged()) == 1


def test_two_that_ask_alike_are_two(bench: Bench) -> None:
    bench.take(asks("note", "slack:1", note="one"))
    bench.take(asks("note", "slack:2", note="two"))
    ids = {each.id for each in bench.logged() if isinstance(each, Act)}
    assert len(ids) == 2


def test_what_is_not_legal_is_refused_with_the_reason_and_not_legal_later(bench: Bench) -> None:
    refused = bench.take(asks("reopen"))
    assert refused.status == "refused"
    assert refused.words.startswith("inc-1 is open: only a resolved incident can be reopened")
    bench.store.record([resolved("inc-1", 2)])
    assert bench.take(asks("reopen")) == Taken("repeated", refused.words)
    assert bench.logged() == []


def test_an_incident_that_is_not_here_is_said_to_be_none(bench: Bench) -> None:
    assert bench.take(asks("ack", "slack:1", "inc-9")).status == "unknown"
    assert bench.logged() == []
    bench.store.record([_as("inc-9")])
    assert bench.take(asks("ack", "slack:1", "inc-9")).status == "requested"


def test_an_incident_that_became_part_of_another_stands_for_that_one(bench: Bench) -> None:
    part = msgspec.structs.replace(OPENED.incident, id="inc-2", merged_into="inc-1")
    bench.store.record([msgspec.structs.replace(OPENED, incident=part)])
    assert bench.take(asks("ack", "slack:1", "inc-2")).status == "requested"
    (act,) = bench.logged()
    assert isinstance(act, Act)
    assert act.incident == "inc-1"


@pytest.mark.parametrize("key", [(), ("d3640fbd41094207a1c11e58e46b1662",)])
def test_what_the_provider_groups_is_asked_of_each(bench: Bench, key: tuple[str, ...]) -> None:
    bench.store.record([_as("inc-2")])
    grouped = msgspec.structs.replace(asks(), incidents=key, place="PGR0VU2")
    other = bench.another("inc-1", "inc-2", "inc-9")
    taken = other.take(grouped, NOW_MS)
    assert taken.status == "requested"
    acts = [each for each in bench.logged() if isinstance(each, Act)]
    assert [each.incident for each in acts] == ["inc-1", "inc-2"]
    assert len({each.id for each in acts}) == 2


class Crash(Exception):
    """Somebody has pulled the plug."""


@pytest.mark.parametrize("asked", ["ack", "false_positive"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_after_a_crash_the_same_command_is_told_and_counts_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, asked: Asked, moment: str
) -> None:
    append = bench.log.append

    def pulled(record: Record) -> None:
        if moment == "after":
            append(record)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(bench.log, "append", pulled)
        with pytest.raises(Crash):
            bench.take(asks(asked))
    later = bench.another()
    at_once = later.take(asks(asked), NOW_MS + AT_IT_MS - 1)  # whoever began may be at it still
    assert at_once.status == "busy"
    assert len(bench.logged()) == (1 if moment == "after" else 0)
    assert later.take(asks(asked), NOW_MS + 120_000).status == "repeated"
    assert later.take(asks(asked), NOW_MS + 180_000).status == "repeated"
    records = bench.logged()
    assert len(records) == (2 if moment == "after" else 1)
    assert len(set(records)) == len(told(records)) == 1


def test_a_crash_before_all_is_kept_leaves_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pulled(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(CallbackStore, "claim", pulled)
        with pytest.raises(Crash):
            bench.take(asks())
    assert bench.logged() == []
    assert bench.take(asks()).status == "requested"


def test_to_look_at_what_a_link_is_about_changes_nothing(bench: Bench) -> None:
    incident, said = bench.answering.seen(asks())
    assert incident == OPENED.incident
    assert said == ""
    assert bench.logged() == []
    words = bench.take(asks()).words
    assert bench.answering.seen(asks())[1] == words
    assert bench.answering.seen(asks("ack", "slack:2", "inc-9"))[0] is None


def _as(incident: str) -> Transition:
    renamed = msgspec.structs.replace(OPENED.incident, id=incident)
    return msgspec.structs.replace(OPENED, incident=renamed)
