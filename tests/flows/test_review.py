"""The review as a flow: equal for one worker and two, live and replayed; kept in a store."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from connectors.incident_store import IncidentStore
from connectors.review_source import ReviewPart, listed
from connectors.review_store import ReviewStore
from flows.desk import Desk
from flows.review import collected, review
from flows.review_service import ReviewService, end_of, reader_of, steps_of_store
from flows.review_storms import incident_of, move_storm
from operators.review import Group, Reviewer, Told
from operators.review_models import SHIPPED
from operators.review_settings import ReviewSettings
from schema import IncidentEvent, ModelRecord, RecordState, ReviewBatch
from tests.operators.test_review import END_MS, EVENTS, STATISTICAL

SETTINGS = ReviewSettings()
TWO = [*EVENTS, *(msgspec.structs.replace(e, service="web", team="edge") for e in EVENTS)]
TWO.sort(key=lambda each: each.order)
ONE_WORKER = review(listed(TWO), END_MS, SETTINGS, STATISTICAL)


def test_two_workers_find_what_one_does() -> None:
    assert {each.service for each in ONE_WORKER.records} == {"pay", "web"}
    assert review(listed(TWO), END_MS, SETTINGS, STATISTICAL, workers=2) == ONE_WORKER


def test_read_live_a_few_at_a_time_it_comes_to_the_same() -> None:
    log: list[IncidentEvent] = []
    stop = threading.Event()
    part = ReviewPart(
        lambda at, limit: (log[at : at + limit], len(log)), 3_600_000, None, stop, (0, 0)
    )
    rule, group = Reviewer(SETTINGS, STATISTICAL), Group()
    told: list[Told] = []
    for at in range(0, len(TWO), 37):
        assert part.next_batch() == [] or at > 0
        log += TWO[at : at + 37]
        for batch in part.next_batch():
            told += rule.step(group, batch)
    assert part.next_batch() == []
    assert part.next_awake() is not None
    stop.set()
    with pytest.raises(StopIteration):
        part.next_batch()
    told += rule.step(group, ReviewBatch((), END_MS))
    assert collected(told) == ONE_WORKER


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


def service(url: str, settings: ReviewSettings = SETTINGS) -> ReviewService:
    return ReviewService(url, settings, create=True)


def test_a_run_keeps_its_records_and_running_again_changes_nothing(url: str) -> None:
    opened = service(url)
    first = opened.run(reader_of(TWO), END_MS, "statistical")
    again = opened.run(reader_of(TWO), END_MS, "statistical-1")
    assert (first.kept, again.kept) == (2, 0)
    assert first.records == again.records == ONE_WORKER.records
    found = opened.summary(START := END_MS - 30 * 86_400_000, END_MS)
    assert (found.now.total_anomalies, found.before.total_anomalies) == (2, 0)
    assert set(found.services) == {"pay", "web"}
    assert found.from_ms == START
    opened.close()


def test_all_active_models_are_run_and_one_that_cannot_be_made_is_told_of(url: str) -> None:
    opened = service(url)
    opened.store.put_models([ModelRecord("broken", 1, "oracle", {})])
    opened.store.set_active(SHIPPED[1], False)
    done = opened.run(reader_of(TWO), END_MS)
    opened.close()
    assert done.models == ("statistical-1", "temporal-1")
    (failure,) = done.failures
    assert failure.model == "broken-1"
    assert "got 'oracle'" in failure.error
    assert done.records


def test_the_desk_shows_what_was_found(url: str) -> None:
    opened = service(url)
    done = opened.run(reader_of(TWO), END_MS, "statistical")
    opened.close()
    desk = Desk(url, clock=lambda: datetime.fromtimestamp(END_MS / 1000, UTC))
    found = desk.review(END_MS - 30 * 86_400_000, END_MS)
    assert {each.id for each in found.records} == {each.id for each in done.records}
    assert found.summary.now.total_anomalies == len(found.records) == 2
    assert desk.review(to_ms=END_MS - 30 * 86_400_000).records == ()
    with pytest.raises(ValueError, match="from_ms must be before to_ms"):
        desk.review(END_MS, END_MS)
    desk.close()


def test_a_model_that_is_not_there_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="got 'oracle-7'"):
        service(url).run(reader_of(TWO), END_MS, "oracle-7")


def test_on_its_own_window_a_model_judges_incidents_one_by_one(url: str) -> None:
    opened = service(url)
    day = [each for each in EVENTS if each.incident.startswith("inc-100-")]
    ends_ms = end_of([e for e in day if e.step == "opened"], SETTINGS)
    done = opened.run_on_window(day, ends_ms - SETTINGS.window_ms, ends_ms)
    assert set(done.models) == {each.id for each in SHIPPED}
    ids = {each.incident for each in day}
    for record in done.records:
        assert record.metadata.incidents == (record.metadata.incident_id,)
        assert record.metadata.incident_id in ids
        assert record.confidence == record.raw_confidence
    empty = opened.run_on_window([], ends_ms - SETTINGS.window_ms, ends_ms)
    assert {each.error for each in empty.failures} == {
        "ValueError: a table to learn from must have 2 rows or more, got 0"
    }
    one = opened.run_on_window(day[:1], ends_ms - SETTINGS.window_ms, ends_ms)
    assert "got 1" in one.failures[0].error
    opened.close()


def test_a_bad_record_opens_an_incident_by_setting_and_the_incident_follows_it(url: str) -> None:
    opened = service(url, ReviewSettings(storms=True))
    done = opened.run(reader_of(EVENTS), END_MS, "statistical")
    (record,) = done.records
    assert done.storms == (incident_of(record.id),)
    assert opened.run(reader_of(EVENTS), END_MS, "statistical").storms == ()
    states: tuple[RecordState, ...] = ("INVESTIGATING", "FALSE_POSITIVE")
    for at_ms, state in enumerate(states, END_MS):
        move_storm(url, record, state, "kim", at_ms)
    store = IncidentStore(url)
    said = [(each.event, each.incident.state) for each in store.history(done.storms[0])]
    store.close()
    opened.close()
    assert said == [
        ("opened", "open"), ("acknowledged", "acknowledged"), ("judged", "acknowledged"),
        ("resolved", "resolved"), ("closed", "closed"),
    ]  # fmt: skip


def test_the_review_never_reviews_its_own_incidents(url: str) -> None:
    opened = service(url, ReviewSettings(storms=True))
    opened.run(reader_of(EVENTS), END_MS, "statistical")
    opened.close()
    assert steps_of_store(url) == []


def test_without_the_setting_no_incident_is_opened(url: str) -> None:
    opened = service(url)
    assert opened.run(reader_of(EVENTS), END_MS, "statistical").storms == ()
    opened.close()
    kept = ReviewStore(url)
    assert kept.models() == list(sorted(SHIPPED, key=lambda each: each.name))
    kept.close()
