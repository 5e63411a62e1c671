"""Event streams: who listens hears what happens, once, in order, also after a break."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.hub import MOST_WAITING, Hub, Listener
from connectors.incident_store import IncidentStore
from flows.desk import Desk
from schema.asks import ActionAsk
from tests.api.serving import serving, url_of
from tests.connectors.made_transitions import OPENED, later, resolved
from tests.own_loop import run_to_end

EVENTS = "/api/v1/events"
Heard = list[tuple[str, str, Any]]


def heard(
    client: httpx.Client, enough: Callable[[Heard], bool], started: Callable[[], object],
    after: str | None = None,
) -> Heard:  # fmt: skip
    """Listen, let something happen, and return what was heard until it is enough."""
    found: Heard = []
    headers = {} if after is None else {"Last-Event-ID": after}
    with client.stream("GET", EVENTS, headers=headers) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        kind = number = ""
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "retry":
                started()
            elif name == "event":
                kind, number = value, ""
            elif name == "id":
                number = value
            elif name == "data":
                found.append((kind, number, json.loads(value)))
            if enough(found):
                return found
    return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[IncidentStore]:
    opened = IncidentStore(url_of(tmp_path), create=True)
    opened.record([OPENED])
    yield opened
    opened.close()


def kinds(found: Heard) -> list[tuple[str, str]]:
    return [(kind, number) for kind, number, _ in found]


def test_who_listens_hears_what_follows(store: IncidentStore, tmp_path: Path) -> None:
    with serving(Desk(url_of(tmp_path))) as client:
        found = heard(client, lambda got: len(got) == 1, lambda: store.record([later("inc-1", 2)]))
    assert kinds(found) == [("transition", "2")]
    assert found[0][2]["incident"]["id"] == "inc-1"
    assert found[0][2]["event"] == "updated"


def test_who_comes_back_hears_what_was_missed_and_then_what_follows(
    store: IncidentStore, tmp_path: Path
) -> None:
    store.record([later("inc-1", 2), resolved("inc-1", 3)])
    with serving(Desk(url_of(tmp_path))) as client:
        found = heard(
            client, lambda got: len(got) == 3, lambda: store.record([later("inc-2", 1)]), after="1"
        )
    assert kinds(found) == [("transition", "2"), ("transition", "3"), ("transition", "4")]


def test_what_is_asked_is_heard_as_requested_and_then_as_applied(
    store: IncidentStore, tmp_path: Path
) -> None:
    desk = Desk(url_of(tmp_path), control=tmp_path / "control.jsonl")
    asked: list[str] = []

    def ask() -> None:
        asked.append(desk.act("inc-1", ActionAsk(action="note", note="hello"), "bob").id)

    def done(got: Heard) -> bool:
        if got and len(got) == 1 and got[0][2]["status"] == "requested":
            event = later("inc-1", 2)
            answer = type(event)("noted", event.ts_ms, "bob", "hello", event.incident, asked[0])
            store.record([answer])
        return sum(kind == "request" for kind, _, _ in got) == 2

    with serving(desk) as client:
        found = heard(client, done, ask)
    requests = [said for kind, _, said in found if kind == "request"]
    assert [each["status"] for each in requests] == ["requested", "applied"]
    assert {each["id"] for each in requests} == set(asked)


def test_a_store_that_goes_away_and_comes_back_is_said(
    store: IncidentStore, tmp_path: Path
) -> None:
    file, aside = tmp_path / "incidents.db", tmp_path / "aside.db"
    desk = Desk(url_of(tmp_path))

    def done(got: Heard) -> bool:
        if [kind for kind, _, _ in got] == ["away"] and aside.exists():
            answer = client.get("/api/v1/queue")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
            aside.rename(file)
        return any(kind == "back" for kind, _, _ in got)

    with serving(desk) as client:
        found = heard(client, done, lambda: file.rename(aside))
        assert client.get("/api/v1/queue").json()["total"] == 1
    assert [kind for kind, _, _ in found] == ["away", "back"]
    assert "no such incident store" in found[0][2]["detail"]


def test_a_stream_ends_with_a_word_when_the_server_stops(
    store: IncidentStore, tmp_path: Path
) -> None:
    with httpx.Client(timeout=20, trust_env=False) as other, ExitStack() as stack:
        with serving(Desk(url_of(tmp_path))) as client:
            stream = stack.enter_context(other.stream("GET", f"{client.base_url}{EVENTS[1:]}"))
            lines = stream.iter_lines()
            next(lines)
        found = list(lines)
    assert "event: dropped" in found
    assert 'data: {"detail":"the server stops"}' in found


def test_who_does_not_read_is_let_go_and_holds_no_more_than_its_share() -> None:
    listener = Listener()
    for number in range(3 * MOST_WAITING):
        listener.tell(b"%d" % number)
        assert len(listener.waiting) <= MOST_WAITING
    assert listener.ends.startswith("too slow")
    assert not listener.waiting


def test_no_more_may_listen_than_are_allowed(store: IncidentStore, tmp_path: Path) -> None:
    async def tried() -> tuple[bool, bool]:
        hub = Hub(Desk(url_of(tmp_path)), most_streams=1)
        before = hub.is_full
        listener = await hub.join(None)
        full = hub.is_full
        hub.leave(listener)
        hub.close()
        return before, full

    assert run_to_end(tried()) == (False, True)
