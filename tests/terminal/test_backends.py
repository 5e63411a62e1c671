"""Both ways to look at a store, by one suite: read here, and behind a server."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from api.server import Server
from config.serve import ServeSettings
from connectors.control_log import FileControlLog
from connectors.incident_store import IncidentStore
from flows.desk import Desk
from schema import Act, Feedback, Silence, Transition
from schema.asks import ActionAsk, FeedbackAsk, SilenceAsk
from schema.desk import Changes
from terminal.backend import Away, Backend, Missed, Refused, Wanted
from terminal.local import LocalBackend
from terminal.remote import RemoteBackend
from tests.connectors.made_transitions import OPENED, later, resolved

PATIENCE_S = 20.0


class Place(NamedTuple):
    """A store in a folder, who looks at it, and the log that its flow would read."""

    backend: Backend
    folder: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/incidents.db"

    def keep(self, *transitions: Transition) -> None:
        store = IncidentStore(self.url, create=True)
        store.record(transitions)
        store.close()

    def logged(self) -> list[object]:
        return [*FileControlLog(self.folder / "control.jsonl").read()]


def at_hand(url: str, log: Path) -> Iterator[Backend]:
    yield LocalBackend(Desk(url, control=log), "local")


def by_api(url: str, log: Path) -> Iterator[Backend]:
    settings = ServeSettings(port=0, rate_requests=1_000_000)
    server = Server(settings, Desk(url, control=log))
    thread = server.start()
    yield RemoteBackend(server.url)
    server.stop()
    thread.join(PATIENCE_S)


@pytest.fixture(params=[at_hand, by_api], ids=["store", "api"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    url = f"sqlite:///{tmp_path}/incidents.db"
    store = IncidentStore(url, create=True)
    store.record([OPENED])
    store.close()
    made: Callable[[str, Path], Iterator[Backend]] = request.param
    for backend in made(url, tmp_path / "control.jsonl"):
        yield Place(backend, tmp_path)
        backend.close()


def until(fact: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not fact():
        assert time.monotonic() < ends
        threading.Event().wait(0.02)


def test_says_who_asks_and_what_is_looked_at(place: Place) -> None:
    who = place.backend.me()
    assert (who.role, who.can_act) == ("admin", True)
    assert who.name
    assert place.backend.place


def test_incidents_come_by_filter_order_and_page(place: Place) -> None:
    place.keep(later("inc-2", 1), later("inc-3", 1), resolved("inc-4", 2))
    ask = place.backend.incidents
    assert {each.id for each in ask(Wanted(), None, 10).incidents} == {"inc-1", "inc-2", "inc-3"}
    assert len(ask(Wanted(states=()), None, 10).incidents) == 4
    assert [each.id for each in ask(Wanted(states=("resolved",)), None, 10).incidents] == ["inc-4"]
    assert [each.id for each in ask(Wanted(words="inc-3"), None, 10).incidents] == ["inc-3"]
    assert ask(Wanted(service="gcp.gce"), None, 10).incidents == ()
    first = ask(Wanted(states=(), sort="-severity"), None, 3)
    assert first.next is not None
    rest = ask(Wanted(states=(), sort="-severity"), first.next, 3)
    assert [each.id for each in rest.incidents] == ["inc-4"]  # the only one that is not critical
    assert rest.next is None


def test_one_incident_has_its_audit_and_what_nobody_knows_is_refused(place: Place) -> None:
    found = place.backend.incident("inc-1")
    assert found.incident.title == OPENED.incident.title
    assert [each.event for each in found.audit] == ["opened"]
    with pytest.raises(Refused, match="inc-9"):
        place.backend.incident("inc-9")


def test_queue_silences_models_live_state_and_heat_are_there(place: Place) -> None:
    assert [task.incident.id for task in place.backend.queue(10).tasks] == ["inc-1"]
    assert place.backend.silences().silences == ()
    assert place.backend.models().services == ()
    assert place.backend.live().watermark_ms is None
    assert place.backend.heat(0, 60_000).cells == ()


def test_what_changes_is_told_once(place: Place) -> None:
    sequence = place.backend.changes(None).sequence
    place.keep(later("inc-2", 1))
    found: list[Changes] = []

    def came() -> bool:
        last = found[-1].sequence if found else sequence
        found.append(place.backend.changes(last))
        return any(each.changes for each in found)

    until(came)
    assert [each.incident.id for each in found[-1].changes] == ["inc-2"]
    assert place.backend.changes(found[-1].sequence).changes == ()


def test_an_act_is_requested_and_then_answered(place: Place) -> None:
    asked = place.backend.act("inc-1", ActionAsk(action="ack", note="on it"))
    assert (asked.status, asked.incident, asked.action) == ("requested", "inc-1", "ack")
    (told,) = place.logged()
    assert isinstance(told, Act)
    assert (told.action, told.actor, told.reason) == ("ack", place.backend.me().name, "on it")
    assert place.backend.request(asked.id).status == "requested"
    answer = msgspec.structs.replace(
        later("inc-1", 2), event="acknowledged", actor="local", reason="on it", request=asked.id
    )
    place.keep(answer)
    assert place.backend.request(asked.id).status == "applied"


def test_what_is_not_legal_is_refused_and_not_told(place: Place) -> None:
    with pytest.raises(Refused, match="only a resolved incident can be reopened"):
        place.backend.act("inc-1", ActionAsk(action="reopen"))
    with pytest.raises(Refused):
        place.backend.act("inc-9", ActionAsk(action="ack"))
    assert place.logged() == []


def test_a_word_on_an_incident_is_told_once(place: Place) -> None:
    asked = place.backend.feedback("inc-1", FeedbackAsk(verdict="false_positive", note="backup"))
    assert asked.action == "false_positive"
    with pytest.raises(Refused, match="before; nothing is changed"):
        place.backend.feedback("inc-1", FeedbackAsk(verdict="false_positive", note="backup"))
    (told,) = place.logged()
    assert isinstance(told, Feedback)


def test_a_silence_is_told_shown_and_ended(place: Place) -> None:
    made = place.backend.silence(SilenceAsk(matchers=("service=aws.rds",), for_s=7_200))
    (told,) = place.logged()
    assert isinstance(told, Silence)
    assert [each.id for each in place.backend.silences().silences] == [made.id]
    assert place.backend.request(made.id).status == "requested"
    ended = place.backend.end_silence(made.id)
    assert ended.ends_ms < made.ends_ms
    with pytest.raises(Refused):
        place.backend.end_silence("sil-none")
    with pytest.raises((Refused, ValueError), match="everything"):
        place.backend.silence(SilenceAsk(matchers=("team!=shop",), for_s=60))


def test_a_store_that_goes_is_away_and_one_that_comes_is_read(place: Place) -> None:
    before = place.folder / "incidents.db"
    place.backend.incidents(Wanted(), None, 10)
    for file in place.folder.glob("incidents.db*"):
        file.rename(file.with_name("away-" + file.name))
    with pytest.raises(Away):
        place.backend.incidents(Wanted(), None, 10)
    for file in place.folder.glob("away-*"):
        file.rename(file.with_name(file.name.removeprefix("away-")))
    assert before.exists()
    assert [each.id for each in place.backend.incidents(Wanted(), None, 10).incidents] == ["inc-1"]


def test_an_api_that_goes_is_away_and_one_that_comes_is_heard(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/incidents.db"
    IncidentStore(url, create=True).close()
    server = Server(ServeSettings(port=0), Desk(url))
    thread = server.start()
    backend = RemoteBackend(server.url)
    assert backend.changes(None).changes == ()
    server.stop()
    thread.join(PATIENCE_S)

    def is_away() -> bool:
        try:
            backend.changes(0)
        except Away:
            return True
        except Missed:  # as it was not there to tell
            return False
        return False

    until(is_away)
    with pytest.raises(Away):
        backend.me()
    port = int(server.url.rstrip("/").rsplit(":", 1)[1])
    again = Server(ServeSettings(port=port), Desk(url))
    other = again.start()
    until(lambda: not is_away())
    assert backend.me().role == "admin"
    backend.close()
    again.stop()
    other.join(PATIENCE_S)


@pytest.mark.parametrize("url", ["", "localhost", "ftp://there", "http://", "http://[::1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="api must be"):
        RemoteBackend(url)


def test_no_secret_of_an_address_is_shown() -> None:
    backend = RemoteBackend("https://ann:secret@there.example/base/?token=secret", "secret")
    assert backend.place == "https://there.example/base"
    assert "secret" not in repr(vars(backend))
    backend.close()
