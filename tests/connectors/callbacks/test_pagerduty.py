from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.callbacks.callback import Callback, Rejected, Unmoved, Verdict
from connectors.callbacks.pagerduty import PagerDutyDoor
from tests.connectors.callbacks.signed import (
    NOW_MS,
    Given,
    pagerduty_event,
    pagerduty_request,
    pagerduty_settings,
)

HOUR_MS = 3_600_000


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Given], Verdict]:
    door = PagerDutyDoor(pagerduty_settings(tmp_path))
    return lambda given: door.read(given.headers, given.body, NOW_MS)


def event(kind: str, agent: str = "user_reference", **data: object) -> Given:
    return pagerduty_request(pagerduty_event(kind, data, agent=agent))


def test_what_a_person_did_is_asked_for_in_his_name(read: Callable[[Given], Verdict]) -> None:
    assert read(event("incident.acknowledged")) == Callback(
        "pagerduty:01EVENT", "pagerduty", "Ann Lee", "ack", ("inc-1",), NOW_MS, NOW_MS + HOUR_MS,
        place="PGR0VU2",
    )  # fmt: skip


def test_a_webhook_signed_by_a_secret_on_its_way_out_counts(
    read: Callable[[Given], Verdict],
) -> None:
    assert isinstance(read(pagerduty_request(pagerduty_event(), "o" * 32)), Callback)


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("incident.unacknowledged", "unack"),
        ("incident.resolved", "resolve"),
        ("incident.reopened", "reopen"),
        ("incident.annotated", "note"),
    ],
)
def test_each_type_of_event_asks_for_its_own(
    read: Callable[[Given], Verdict], kind: str, asked: str
) -> None:
    said = read(event(kind, content="on it"))
    assert isinstance(said, Callback)
    assert said.asked == asked


def test_a_reassignment_names_who_has_it_now(read: Callable[[Given], Verdict]) -> None:
    people = [{"id": "P1", "summary": "Bob"}, {"id": "P2", "summary": None}]
    said = read(event("incident.reassigned", assignees=people))
    assert isinstance(said, Callback)
    assert (said.asked, said.assignee) == ("assign", "Bob, P2")


@pytest.mark.parametrize(
    ("content", "asked", "note"),
    [
        ("False positive: nightly\nbackup", "false_positive", "nightly backup"),
        ("Resolution Note: no false positive", "note", "Resolution Note: no false positive"),
    ],
)
def test_a_note_is_a_verdict_where_it_begins_so(
    read: Callable[[Given], Verdict], content: str, asked: str, note: str
) -> None:
    where = {"id": "PGR0VU2", "type": "incident_reference"}
    said = read(event("incident.annotated", id="P2LA89X", content=content, incident=where))
    assert isinstance(said, Callback)
    assert (said.asked, said.note, said.place) == (asked, note, "PGR0VU2")


@pytest.mark.parametrize("agent", ["inbound_integration_reference", "service_reference", ""])
@pytest.mark.parametrize("kind", ["incident.acknowledged", "incident.resolved"])
def test_what_we_have_told_pagerduty_ourselves_asks_for_nothing(
    read: Callable[[Given], Verdict], kind: str, agent: str
) -> None:
    assert isinstance(read(event(kind, agent)), Unmoved)


def test_an_acknowledgement_that_has_timed_out_there_is_taken_back(
    read: Callable[[Given], Verdict],
) -> None:
    said = read(event("incident.unacknowledged", ""))
    assert isinstance(said, Callback)
    assert (said.asked, said.actor) == ("unack", "PagerDuty (via pagerduty)")


@pytest.mark.parametrize(
    "given",
    [
        event("incident.triggered"),
        event("incident.escalated"),
        event("pagey.ping", "", message="Hello from your friend Pagey!"),
        event("incident.resolved", resolve_reason={"type": "merge_resolve_reason"}),
    ],
)
def test_the_rest_asks_for_nothing(read: Callable[[Given], Verdict], given: Given) -> None:
    assert isinstance(read(given), Unmoved)


GOOD = pagerduty_request(pagerduty_event())
SIGNATURE = GOOD.headers["x-pagerduty-signature"].rpartition("v1=")[2]


def signed_as(signature: str) -> Given:
    return Given({**GOOD.headers, "x-pagerduty-signature": signature}, GOOD.body)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (Given({**GOOD.headers, "content-type": "text/plain"}, GOOD.body), "wrong_type"),
        (Given({"content-type": "application/json"}, GOOD.body), "unsigned"),
        (signed_as(""), "unsigned"),
        (signed_as(f"v0={SIGNATURE}"), "unsigned"),
        (signed_as(f"v1={SIGNATURE[:-1]}"), "forged"),
        (signed_as(f"v1={SIGNATURE.upper()}"), "forged"),
        (signed_as("v1=\u00e9\u20ac"), "forged"),
        (signed_as(",".join(["v1=0"] * 8 + [f"v1={SIGNATURE}"])), "forged"),
        (pagerduty_request(GOOD.body, "x" * 32), "forged"),
        (Given(GOOD.headers, GOOD.body[:-1]), "forged"),
        (Given(GOOD.headers, GOOD.body.replace(b"inc-1", b"inc-2")), "forged"),
        (pagerduty_request(GOOD.body[:-1]), "malformed"),
        (pagerduty_request(b"\xff\xfe"), "malformed"),
        (pagerduty_request(b"[" * 100_000), "malformed"),
        (pagerduty_request(b"{}"), "malformed"),
        (pagerduty_request(pagerduty_event(name="")), "malformed"),
        (pagerduty_request(pagerduty_event(at_ms=NOW_MS - HOUR_MS - 1_000)), "stale"),
        (pagerduty_request(pagerduty_event(at_ms=NOW_MS + 301_000)), "stale"),
    ],
)
def test_what_is_not_pagerdutys_or_not_of_now_is_rejected(
    read: Callable[[Given], Verdict], given: Given, reason: str
) -> None:
    said = read(given)
    assert isinstance(said, Rejected)
    assert said.reason == reason


def test_the_name_of_an_incident_there_cannot_lead_elsewhere(
    read: Callable[[Given], Verdict],
) -> None:
    said = read(event("incident.acknowledged", id="../users?x="))
    assert isinstance(said, Callback)
    assert said.place == ""
