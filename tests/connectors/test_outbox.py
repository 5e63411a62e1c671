"""One suite for both databases."""

from collections.abc import Iterator

import msgspec
import pytest

from connectors.outbox import Delivered, Outbox
from schema import Notice


@pytest.fixture
def outbox(store_url: str) -> Iterator[Outbox]:
    made = Outbox(store_url, create=True)
    yield made
    made.close()


def notice(incident: str = "inc-1", cause: str = "transition:1", **more: object) -> Notice:
    made = Notice(incident, 1, "page", "trigger", cause, 1_000, "so")
    return msgspec.structs.replace(made, **more)


def test_a_decision_is_kept_whole_and_only_once(outbox: Outbox) -> None:
    for reason in ("so", "otherwise"):
        outbox.decide({"cursor": reason, "inc-1": "{}"}, [(notice(reason=reason), "body")])
    outbox.decide({"inc-1": None}, [])
    assert outbox.state() == {"cursor": "otherwise"}
    waiting = outbox.waiting("page")
    assert [(row.notice, row.body, row.attempts) for row in waiting] == [(notice(), "body", 0)]
    assert outbox.waiting("mail") == []


def test_what_is_sent_is_no_more_due_and_the_newest_receipt_counts(outbox: Outbox) -> None:
    first, second = notice(), notice(cause="transition:2", kind="resolve")
    outbox.decide({}, [(first, "a"), (second, "b")])
    outbox.sent(first, 2_000, "m-1")
    assert outbox.delivered("page", ["inc-1", "inc-2"]).known == {"inc-1"}
    assert outbox.receipt("page", "inc-1") == "m-1"
    assert [row.notice for row in outbox.waiting("page")] == [second]
    outbox.sent(second, 3_000, "")
    assert outbox.delivered("page", ["inc-1"]) == Delivered(frozenset(), frozenset())
    assert outbox.receipt("page", "inc-1") == "m-1"
    assert outbox.receipt("mail", "inc-1") == ""
    assert [(row.status, row.ended_ms) for row in outbox.told_of("inc-1")] == [
        ("sent", 2_000), ("sent", 3_000),
    ]  # fmt: skip


def test_attempts_are_counted_and_what_is_given_up_is_a_dead_letter(outbox: Outbox) -> None:
    outbox.decide({}, [(notice(), "a")])
    outbox.retry(outbox.waiting("page")[0], 5_000, "time\x00out")
    row = outbox.waiting("page")[0]
    assert (row.attempts, row.next_ms) == (1, 5_000)
    assert row.note.startswith("time")
    outbox.end([notice().id], "failed", 9_000, "gone")
    assert outbox.waiting("page") == []
    assert [(row.notice.id, row.note) for row in outbox.failed()] == [(notice().id, "gone")]


def test_an_attempt_that_was_cut_short_may_have_been_taken(outbox: Outbox) -> None:
    outbox.decide({}, [(notice(), "a")])
    row = outbox.waiting("page")[0]
    outbox.trying(row)
    assert outbox.delivered("page", ["inc-1"]).perhaps == {"inc-1"}
    outbox.retry(row, 5_000, "connection refused")
    assert outbox.delivered("page", ["inc-1"]).perhaps == frozenset()
    outbox.retry(row, 5_000, "time-out", maybe=True)
    outbox.end([notice().id], "dropped", 6_000, "overtaken")
    assert outbox.delivered("page", ["inc-1"]) == Delivered(frozenset(), frozenset({"inc-1"}))
    end = notice(cause="transition:2", kind="resolve")
    outbox.decide({}, [(end, "b")])
    outbox.sent(end, 7_000, "")
    assert outbox.delivered("page", ["inc-1"]).perhaps == frozenset()


def test_a_mark_that_is_made_twice_counts_once(outbox: Outbox) -> None:
    outbox.decide({}, [(notice(), "a")])
    outbox.sent(notice(), 2_000, "m-1")
    outbox.sent(notice(), 3_000, "m-2")
    outbox.end([notice().id], "failed", 4_000, "late")
    (row,) = outbox.told_of("inc-1")
    assert (row.status, row.attempts, row.ended_ms, row.receipt) == ("sent", 1, 2_000, "m-1")


def test_what_was_held_back_is_kept_beside_what_is_told(outbox: Outbox) -> None:
    held = notice(held=True, reason="quiet in nights")
    outbox.decide({}, [(held, "a"), (notice(), "a")])
    assert [row.notice for row in outbox.told_of("inc-1")] == [held, notice()]
    assert outbox.counts() == {("page", "held"): 1, ("page", "due"): 1}


def test_a_digest_names_whom_it_is_about(outbox: Outbox) -> None:
    digest = Notice("", 0, "page", "digest", "digest:1", 1_000, "two", about=("inc-1", "inc-2"))
    outbox.decide({}, [(digest, "")])
    assert outbox.waiting("page")[0].notice == digest
