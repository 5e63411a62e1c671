"""Records of the review are kept once, moved by people, and never moved back by a replay."""

from collections.abc import Iterator

import msgspec
import pytest

from connectors.review_store import ReviewStore
from schema import (
    AnomalyRecord,
    ModelRecord,
    RecordAct,
    RecordMetadata,
    RecordState,
    Refusal,
    Severity,
)

RECORD = AnomalyRecord(
    "anom-1", 1, "statistical", 1, "STATISTICAL", Severity.HIGH, 0.9, 4.2, 3.5, 5.1, 0.51,
    1_000, 2_000, "payments", "core", "9 incidents where 2 are usual", ("payments",), ("rate",),
    RecordMetadata("inc-1", "statistical", 24, ("inc-1", "inc-2")),
)  # fmt: skip
MODEL = ModelRecord("statistical", 1, "statistical", {"z_threshold": 3.0, "robust": True})


@pytest.fixture
def store(store_url: str) -> Iterator[ReviewStore]:
    opened = ReviewStore(store_url, create=True)
    yield opened
    opened.close()


def grown(revision: int, ends_ms: int) -> AnomalyRecord:
    return msgspec.structs.replace(RECORD, revision=revision, window_end_ms=ends_ms)


def test_a_record_comes_back_as_it_was_and_once(store: ReviewStore) -> None:
    assert store.keep([RECORD, RECORD]) == 1
    assert store.keep([RECORD]) == 0
    assert store.records(0, 10_000) == [RECORD]
    assert store.find("anom") == [RECORD]
    assert store.find("anon") == []


def test_a_window_is_found_by_its_end(store: ReviewStore) -> None:
    store.keep([RECORD])
    assert store.records(1_999, 2_000) == [RECORD]
    assert store.records(2_000, 3_000) == []
    assert store.records(0, 9_000, service="billing") == []
    assert store.records(0, 9_000, states=("RESOLVED",)) == []
    assert store.records(0, 9_000, service="payments", states=("DETECTED",)) == [RECORD]


def test_a_newer_revision_grows_the_record_and_leaves_its_state(store: ReviewStore) -> None:
    store.keep([grown(2, 3_000)])
    assert isinstance(store.act("anom-1", "INVESTIGATING", "kim", "", 7), RecordAct)
    assert store.keep([grown(1, 2_000)]) == 0
    assert store.keep([grown(3, 4_000)]) == 1
    (found,) = store.records(0, 10_000)
    assert (found.revision, found.window_end_ms, found.state) == (3, 4_000, "INVESTIGATING")


def test_who_moved_a_record_is_written_down_and_what_is_not_legal_is_refused(
    store: ReviewStore,
) -> None:
    store.keep([RECORD])
    refused = store.act("anom-1", "CONFIRMED", "kim", "", 5)
    assert refused == Refusal("anom-1 is DETECTED: next it can only be INVESTIGATING")
    assert store.act("anom-2", "CONFIRMED", "kim", "", 5) == Refusal("there is no record 'anom-2'")
    states: tuple[RecordState, ...] = ("INVESTIGATING", "FALSE_POSITIVE", "RESOLVED")
    for at_ms, state in enumerate(states):
        store.act("anom-1", state, "kim", "so it is", at_ms)
    assert [(each.number, each.before, each.after) for each in store.audit("anom-1")] == [
        (1, "DETECTED", "INVESTIGATING"),
        (2, "INVESTIGATING", "FALSE_POSITIVE"),
        (3, "FALSE_POSITIVE", "RESOLVED"),
    ]
    ((service, counted),) = store.counted(0, 10_000)
    assert (service, counted.state, counted.judged) == ("payments", "RESOLVED", "FALSE_POSITIVE")


def test_models_are_kept_by_version_and_switched(store: ReviewStore) -> None:
    newer = msgspec.structs.replace(MODEL, version=2, parameters={"z_threshold": 4.0})
    store.put_models([MODEL, newer])
    store.put_models([msgspec.structs.replace(MODEL, active=False)])
    assert store.models() == [MODEL, newer]
    store.set_active(MODEL, False)
    assert [(each.id, each.active) for each in store.models()] == [
        ("statistical-1", False),
        ("statistical-2", True),
    ]
