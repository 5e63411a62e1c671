"""What the API says of incidents: pages, one with all that is known, acts on it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from connectors.control_log import FileControlLog
from connectors.incident_store import IncidentStore
from connectors.outbox import Outbox
from flows.desk import Desk
from schema import Notice, Severity, Transition
from schema.desk import IncidentDetail, IncidentPage, QueuePage
from tests.api.serving import serving, url_of
from tests.connectors.made_transitions import (
    EVIDENCE,
    INCIDENT,
    MEMBER,
    OPENED,
    OPENED_MS,
    RESOURCE,
    resolved,
)

LEVELS = (Severity.LOW, Severity.CRITICAL, Severity.MEDIUM, Severity.HIGH)
HOSTILE = "<script>alert('x')</script>\u202e\"'`\\\x00\x1b[31m{{7*7}}"


def opened(number: int, **changed: Any) -> Transition:  # noqa: ANN401  # fields of an incident
    at_ms = OPENED_MS + 60_000 * number
    given = {"id": f"inc-{number:03d}", "opened_ms": at_ms, "severity": LEVELS[number % 4]}
    incident = msgspec.structs.replace(INCIDENT, **(given | changed))
    return Transition("opened", at_ms, "foreshock", "first alert", incident)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("kept")
    store = IncidentStore(url_of(found), create=True)
    store.record([opened(number) for number in range(25)])
    store.close()
    return found


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    with serving(Desk(url_of(folder), control=folder / "control.jsonl")) as found:
        yield found


def page(client: httpx.Client, **query: str | int) -> IncidentPage:
    answer = client.get("/api/v1/incidents", params=query)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=IncidentPage)


def walked(client: httpx.Client, **query: str | int) -> list[str]:
    """Return the ids of all pages."""
    ids: list[str] = []
    found = page(client, **query)
    while True:
        ids += [each.id for each in found.incidents]
        if found.next is None:
            return ids
        found = page(client, **query, cursor=found.next)


@pytest.mark.parametrize("limit", [1, 7, 25, 500])
def test_pages_by_cursor_neither_skip_nor_repeat(client: httpx.Client, limit: int) -> None:
    by_opening = [f"inc-{number:03d}" for number in range(25)]
    assert walked(client, limit=limit, sort="opened") == by_opening
    assert walked(client, limit=limit) == by_opening[::-1]
    worst = sorted(range(25), key=lambda number: (-LEVELS[number % 4], -number))
    assert walked(client, limit=limit, sort="-severity") == [f"inc-{n:03d}" for n in worst]


def test_filters_narrow_together(client: httpx.Client) -> None:
    high = [f"inc-{n:03d}" for n in range(25) if LEVELS[n % 4] >= Severity.HIGH]
    assert walked(client, severity="HIGH", sort="opened") == high
    assert walked(client, severity="HIGH", sort="opened", cloud="gcp") == []
    assert walked(client, q="orders latency", service="aws.rds", limit=500, sort="opened") == [
        f"inc-{n:03d}" for n in range(25)
    ]
    assert walked(client, state="resolved") == []
    assert walked(client, opened_from_ms=OPENED_MS + 60_000 * 23, sort="opened") == [
        "inc-023",
        "inc-024",
    ]


def test_an_id_that_is_begun_finds_its_incidents(client: httpx.Client) -> None:
    assert walked(client, q="inc-01") == [f"inc-{n:03d}" for n in range(10, 20)]


def test_a_filter_with_a_slip_in_its_name_is_refused(client: httpx.Client) -> None:
    answer = client.get("/api/v1/incidents", params={"sevrity": "HIGH"})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("'sevrity' is none of the parameters: account,")


def test_the_queue_is_what_the_command_line_says(client: httpx.Client) -> None:
    found = msgspec.json.decode(client.get("/api/v1/queue?limit=3").content, type=QueuePage)
    assert (found.total, found.unacknowledged) == (25, 25)
    assert [task.incident.id for task in found.tasks] == ["inc-001", "inc-005", "inc-009"]
    assert found.tasks[0].why == ("CRITICAL (+60)", "nobody has it (+10)")
    assert found.by_severity == {"CRITICAL": 6, "HIGH": 6, "MEDIUM": 6, "LOW": 7}


def test_what_has_not_changed_is_not_sent_again(client: httpx.Client) -> None:
    first = client.get("/api/v1/incidents/inc-001")
    assert first.headers["ETag"].startswith('"r1-')
    again = client.get(
        "/api/v1/incidents/inc-001", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other = client.get("/api/v1/incidents/inc-001", headers={"If-None-Match": '"r1-0"'})
    assert other.status_code == 200


def act(client: httpx.Client, incident: str, headers: dict[str, str]) -> httpx.Response:
    body = {"action": "note", "note": "hello"}
    return client.post(f"/api/v1/incidents/{incident}/actions", json=body, headers=headers)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("*", 202), ('"r1"', 202), ('"r1-abc"', 202), ('"r2-abc"', 412), ('W/"r1"', 412), ("1", 412)],
)
def test_an_act_is_done_on_what_was_seen_alone(
    client: httpx.Client, tag: str, expected: int
) -> None:
    assert act(client, "inc-002", {"If-Match": tag}).status_code == expected


def test_the_same_request_once_more_is_not_done_again(client: httpx.Client, folder: Path) -> None:
    def logged() -> int:
        return len(FileControlLog(folder / "control.jsonl").read())

    headers = {"Idempotency-Key": "abc"}
    first = act(client, "inc-003", headers)
    before = logged()
    again = act(client, "inc-003", headers)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert logged() == before
    assert act(client, "inc-004", headers).status_code == 409
    assert act(client, "inc-003", {"Idempotency-Key": "abd"}).json()["id"] != first.json()["id"]


def test_a_key_of_a_request_that_was_refused_is_free_again(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "refused"}
    url = "/api/v1/incidents/inc-005/actions"
    assert client.post(url, json={"action": "reopen"}, headers=headers).status_code == 409
    assert (
        client.post(url, json={"action": "note", "note": "x"}, headers=headers).status_code == 202
    )


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"action": "reopen"}, 409, "inc-006 is open: only a resolved incident can be reopened"),
        ({"action": "explode"}, 422, "Invalid enum value 'explode'"),
        ({"action": "note"}, 422, "note must say something, got nothing"),
        ({"action": "ack", "assignee": "bob"}, 422, "assignee must come with assign, got 'ack'"),
        ({"action": "merge", "others": ["inc-none"]}, 404, "there is no incident inc-none"),
        ({"action": "merge", "others": ["inc-006"]}, 409, "cannot become part of itself"),
        ({"action": "split", "others": ["web-1"]}, 409, "inc-006 shows no alert of 'web-1'"),
        ({"action": "ack", "nte": "x"}, 422, "unknown field `nte`"),
        ({"action": "note", "note": "x" * 2_001}, 422, "note must be at most 2000 characters"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    client: httpx.Client, body: dict[str, Any], status: int, words: str
) -> None:
    answer = client.post("/api/v1/incidents/inc-006/actions", json=body)
    assert answer.status_code == status
    assert words in answer.json()["detail"]


def test_without_a_flow_the_desk_shows_and_cannot_act(folder: Path) -> None:
    with serving(Desk(url_of(folder))) as client:
        assert client.get("/api/v1/me").json()["can_act"] is False
        answer = act(client, "inc-001", {})
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("no flow can be told")


def test_names_and_notes_that_mean_harm_come_back_as_data(tmp_path: Path) -> None:
    evidence = msgspec.structs.replace(EVIDENCE, metric=HOSTILE, labels=((HOSTILE, HOSTILE),))
    resource = msgspec.structs.replace(RESOURCE, name=HOSTILE, attributes=((HOSTILE, HOSTILE),))
    member = msgspec.structs.replace(MEMBER, resource=resource, evidence=(evidence,))
    event = opened(1, members=(member,), title=HOSTILE, hint=HOSTILE)
    store = IncidentStore(url_of(tmp_path), create=True)
    store.record([event])
    store.close()
    with serving(Desk(url_of(tmp_path), control=tmp_path / "control.jsonl")) as client:
        note = {"action": "note", "note": HOSTILE}
        said = client.post("/api/v1/incidents/inc-001/actions", json=note)
        assert said.json()["reason"] == HOSTILE
        answer = client.get("/api/v1/incidents/inc-001")
        listed = client.get("/api/v1/incidents", params={"q": "alert"})
    for each in (said, answer, listed):
        assert each.headers["Content-Type"] == "application/json"
        assert each.headers["X-Content-Type-Options"] == "nosniff"
    found = msgspec.json.decode(answer.content, type=IncidentDetail)
    assert found.incident.title == found.incident.hint == HOSTILE
    assert found.incident.members[0].resource.attributes == {HOSTILE: HOSTILE}
    assert found.incident.members[0].evidence[0].metric == HOSTILE
    assert listed.json()["incidents"][0]["title"] == HOSTILE


def test_one_incident_comes_with_its_audit_and_who_was_told(tmp_path: Path) -> None:
    store = IncidentStore(url_of(tmp_path), create=True)
    store.record([OPENED, resolved("inc-1", 2)])
    store.close()
    outbox = Outbox(url_of(tmp_path))
    sent = Notice("inc-1", 1, "page", "trigger", "transition:1", OPENED_MS, "route root")
    outbox.decide({}, [(sent, "")])
    outbox.close()
    with serving(Desk(url_of(tmp_path))) as client:
        answer = client.get("/api/v1/incidents/inc-1")
        notified = client.get("/api/v1/notifications").json()
    found = msgspec.json.decode(answer.content, type=IncidentDetail)
    assert [(each.event, each.state) for each in found.audit] == [
        ("opened", "open"),
        ("resolved", "resolved"),
    ]
    assert [(each.channel, each.status) for each in found.told] == [("page", "due")]
    assert found.actions == ("reopen", "close", "assign", "note")
    assert found.points is None
    assert notified["counts"] == {"page": {"due": 1}}


def test_a_store_that_is_made_anew_is_read_anew(tmp_path: Path) -> None:
    store = IncidentStore(url_of(tmp_path), create=True)
    store.record([opened(number) for number in range(3)])
    store.close()
    with serving(Desk(url_of(tmp_path))) as client:
        assert client.get("/api/v1/queue").json()["total"] == 3
        for file in tmp_path.glob("incidents.db*"):
            file.unlink()
        assert client.get("/api/v1/queue").status_code == 503
        store = IncidentStore(url_of(tmp_path), create=True)
        store.record([opened(7)])
        store.close()
        found = client.get("/api/v1/queue").json()
    assert [task["incident"]["id"] for task in found["tasks"]] == ["inc-007"]
