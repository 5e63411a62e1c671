"""Closed incidents are dropped when they are old, with all that is theirs; others never."""

from collections.abc import Iterator

import msgspec
import pytest
from sqlalchemy import Engine, func, select

from connectors import store_retention
from connectors.feedback_store import FeedbackStore, Word
from connectors.incident_database import connect
from connectors.incident_query import IncidentFilter
from connectors.incident_store import IncidentStore, IncidentStorePart, SqlSink
from connectors.incident_tables import metadata, version
from connectors.outage import Patience
from connectors.outbox import Outbox
from connectors.requests_store import RequestsStore
from connectors.store_retention import DAY_MS
from schema import Act, Notice, State, Transition
from tests.connectors.made_transitions import OPENED, OPENED_MS, later

replace = msgspec.structs.replace


def stands(name: str, state: State, merged: tuple[str, ...] = ()) -> Transition:
    event = later(name, 2)
    return replace(event, incident=replace(event.incident, state=state, merged=merged))


@pytest.fixture
def store(store_url: str) -> Iterator[IncidentStore]:
    opened = IncidentStore(store_url, create=True)
    yield opened
    opened.close()


@pytest.fixture
def engine(store: IncidentStore, store_url: str) -> Iterator[Engine]:
    engine, _ = connect(store_url, create=False)
    yield engine
    engine.dispose()


def counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
            if table is not version
        }


def test_only_the_closed_are_dropped_and_those_merged_into_them(store: IncidentStore) -> None:
    states: tuple[State, ...] = ("open", "acknowledged", "resolved", "closed", "merged")
    store.record([OPENED, *(stands(state, state) for state in states)])
    store.record([stands("closed too", "closed", ("part",)), stands("part", "merged")])
    assert store.prune(OPENED_MS) == 0
    assert store.prune(OPENED_MS + DAY_MS) == 2
    assert {each.id for each in store.list_incidents()} == {"inc-1", *states} - {"closed"}
    assert store.history("closed") == store.history("part") == []


def test_nothing_of_a_dropped_incident_is_left(
    store: IncidentStore, engine: Engine, store_url: str
) -> None:
    store.record([later("a", 1), stands("a", "closed")])
    requests, words = RequestsStore(store_url), FeedbackStore(store_url)
    requests.ask(Act("r1", "a", "note", 0, "kim"), 1)
    words.say(Word("a", "real", "kim", "", 1))
    assert all(counts(engine)[name] for name in ("requests", "feedback", "incident_index"))
    assert store.prune(OPENED_MS + DAY_MS) == 1
    assert set(counts(engine).values()) == {0}
    requests.close()
    words.close()


def test_the_sink_drops_batch_by_batch_what_is_older_than_the_newest_event_by_days(
    store: IncidentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_retention, "BATCH", 2)
    part = IncidentStorePart(store, 2.0, Patience("store", wait_s=0.0))
    part.write_batch([stands(f"i{number}", "closed") for number in range(5)])
    for days, left in ((2.0, 5), (3.0, 3), (3.0, 1), (3.0, 0)):
        now = replace(OPENED, ts_ms=OPENED_MS + round(days * DAY_MS))
        part.write_batch([now])
        assert len(store.list_incidents(IncidentFilter(states=("closed",)))) == left
    assert len(store.list_incidents()) == 1


@pytest.mark.parametrize("days", [0.0, -1.0, 1e9, float("nan")])
def test_a_retention_that_makes_no_sense_is_refused(days: float) -> None:
    with pytest.raises(ValueError, match=r"retention_days must be in \[1, 36500\], got"):
        SqlSink("sqlite:///a.db", days)


def test_what_was_told_of_it_goes_with_it_but_what_is_due_stays(
    store: IncidentStore, store_url: str
) -> None:
    store.record([OPENED, stands("closed", "closed")])
    outbox = Outbox(store_url)
    told = [
        (Notice(name, 1, channel, "trigger", "transition:1", 0, "so"), "")
        for name, channel in (("closed", "sent"), ("closed", "due"), ("inc-1", "sent"))
    ]
    outbox.decide({}, told)
    for notice, _ in told:
        if notice.channel == "sent":
            outbox.sent(notice, 1, "")
    assert store.prune(OPENED_MS + DAY_MS) == 1
    assert outbox.counts() == {("sent", "sent"): 1, ("due", "due"): 1}
    outbox.close()
