"""Other tools' exports: every field that can be is taken, and what cannot be is said."""

import json

import pytest

from connectors.incident_history import read_history
from connectors.incident_severity import severity_of
from schema import UNKNOWN, IncidentEvent

AT_MS = 1_767_225_600_000  # 2026-01-01
MINUTE_MS = 60_000


def steps(events: tuple[IncidentEvent, ...]) -> list[tuple[str, int]]:
    return [(each.step, (each.ts_ms - AT_MS) // MINUTE_MS) for each in events]


def test_a_csv_of_our_own_names_is_read_whole() -> None:
    found = read_history(
        "h.csv",
        b"id,opened_at,acknowledged_at,resolved_at,reopened_at,service,team,severity,category,"
        b"subcategory,affected_users,estimated_downtime_hours,resources,verdict\n"
        b"a-1,2026-01-01T00:00:00Z,2026-01-01 00:05,2026-01-01T01:00:00+00:00,,pay,core,EMERGENCY,"
        b'db,locks,120,0.5,"db-1,db-2",false_positive\n',
    )
    assert steps(found.events) == [
        ("opened", 0), ("acknowledged", 5), ("false_positive", 60), ("resolved", 60)
    ]  # fmt: skip
    opened = found.events[0]
    assert (opened.service, opened.team, opened.severity) == ("pay", "core", 5)
    assert (opened.category, opened.subcategory) == ("db", "locks")
    assert (opened.users, opened.downtime_h, opened.resources) == (120.0, 0.5, ("db-1", "db-2"))
    assert (found.incidents, found.rejects, dict(found.remarks)) == (1, (), {})


def test_pagerdutys_rest_incidents_are_read() -> None:
    body = {
        "incidents": [
            {
                "id": "PT4KHLK",
                "incident_number": 1234,
                "title": "The server is on fire.",
                "created_at": "2026-01-01T00:00:00Z",
                "status": "resolved",
                "resolved_at": "2026-01-01T02:00:00Z",
                "acknowledgements": [{"at": "2026-01-01T00:10:00Z"}],
                "urgency": "high",
                "priority": {"id": "P53ZZH5", "summary": "P2"},
                "service": {"id": "PIJ90N7", "summary": "My Mail Service"},
                "teams": [{"id": "PQ9K7I8", "summary": "Engineering"}],
            }
        ]
    }
    found = read_history("pd.json", json.dumps(body).encode())
    assert steps(found.events) == [("opened", 0), ("acknowledged", 10), ("resolved", 120)]
    opened = found.events[0]
    assert (opened.incident, opened.service, opened.team) == (
        "PT4KHLK", "My Mail Service", "Engineering"
    )  # fmt: skip
    assert opened.severity == 3


def test_pagerdutys_csv_and_analytics_are_read() -> None:
    rows = (
        b"id,incident_number,description,service_name,created_on,resolved_on,"
        b"seconds_to_first_ack,urgency\n"
        b"P1,7,disk full,storage,2026-01-01 00:00:00 -0000,,300,low\n"
    )
    (opened, acked) = read_history("pd.csv", rows).events
    assert (opened.service, opened.severity, acked.ts_ms - opened.ts_ms) == ("storage", 1, 300_000)
    body = {"data": [{"id": "P1", "created_at": "2026-01-01T00:00:00", "seconds_to_resolve": 600,
                      "service_name": "s", "team_name": "t", "priority_name": "P1"}]}  # fmt: skip
    found = read_history("pd.json", json.dumps(body).encode())
    assert steps(found.events) == [("opened", 0), ("resolved", 10)]
    assert (found.events[0].team, found.events[0].severity) == ("t", 4)


def test_opsgenies_alerts_and_incidents_are_read() -> None:
    alert = {"id": "8418d193", "tinyId": "1791", "message": "Our servers are in danger",
             "status": "closed", "createdAt": "2026-01-01T00:00:00.000Z", "priority": "P4",
             "source": "Isengard", "teams": [{"id": "fc182b9d"}],
             "report": {"ackTime": 900_000, "closeTime": 3_600_000}}  # fmt: skip
    incident = {"id": "70413a06", "message": "m", "status": "resolved", "priority": "P1",
                "createdAt": "2026-01-01T00:05:00Z", "impactStartDate": "2026-01-01T00:00:00Z",
                "impactEndDate": "2026-01-01T00:30:00Z", "impactedServices": ["b6f5"],
                "ownerTeam": "6e2c"}  # fmt: skip
    found = read_history("og.json", json.dumps({"data": [alert, incident]}).encode())
    assert steps(tuple(e for e in found.events if e.incident == "8418d193")) == [
        ("opened", 0), ("acknowledged", 15), ("resolved", 60)
    ]  # fmt: skip
    opened, resolved = (e for e in found.events if e.incident == "70413a06")
    assert (opened.service, opened.team, opened.severity) == ("b6f5", "6e2c", 4)
    assert (resolved.ts_ms - AT_MS) // MINUTE_MS == 30


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "a"}, "no_timestamp"),
        ({"id": "a", "created_at": "yesterday"}, "bad_timestamp"),
        ({"id": "a", "created_at": -5}, "bad_timestamp"),
        ({"id": "a", "created_at": 1e300}, "bad_timestamp"),
        ({"created_at": AT_MS, "incident_number": ""}, "no_id"),
        ({"id": "known", "created_at": AT_MS}, "seen_before"),
    ],
)
def test_a_row_that_has_no_place_is_refused_and_kept(row: dict[str, object], reason: str) -> None:
    rows = [{"id": "known", "created_at": AT_MS}, row]
    found = read_history("h.json", json.dumps(rows).encode())
    (refused,) = found.rejects
    assert (refused.reason, refused.source, refused.position) == (reason, "h.json", 2)
    assert json.loads(refused.raw) == row
    assert found.incidents == 1


@pytest.mark.parametrize(
    ("fields", "remark"),
    [
        ({"severity": "purple"}, "severity unknown: counted as 0"),
        ({"severity": "P1", "estimated_downtime": -3}, "downtime negative: left out"),
        ({"severity": "P1", "affected_users": "NaN"}, "affected users not a number: left out"),
        ({"severity": "P1", "resolved_at": "soon"}, "resolved: not a time: left out"),
        ({"severity": "P1", "resolved_at": AT_MS - 1}, "resolved before it opened: left out"),
    ],
)
def test_a_field_that_cannot_be_is_left_out_and_said(
    fields: dict[str, object], remark: str
) -> None:
    rows = [{"id": "a", "created_at": AT_MS, **fields}]
    found = read_history("h.json", json.dumps(rows).encode())
    assert dict(found.remarks) == {remark: 1}
    (opened,) = found.events
    assert (opened.service, opened.team, opened.users, opened.downtime_h) == (
        UNKNOWN, UNKNOWN, None, None
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "h: must be UTF-8"),
        (b"{", "h: must be JSON"),
        (b'{"a": 1}', "h: must be a list of incidents"),
        (b"[1, 2]", "h: must be a list of incidents"),
        (b"", "h: must have a column of ids"),
        (b"when,what\n1,2\n", "h: must have a column of ids"),
    ],
)
def test_a_file_that_is_none_is_refused_whole(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_history("h", content)


def test_json_lines_are_read() -> None:
    lines = b"".join(
        json.dumps({"id": str(i), "opened_at": AT_MS + i, "severity": 2}).encode() + b"\n"
        for i in range(3)
    )
    assert [each.severity for each in read_history("h", lines).events] == [2, 2, 2]


def test_severities_are_known_by_many_names() -> None:
    assert [severity_of(name) for name in ("EMERGENCY", "critical", "sev-2", "P3", "info")] == [
        5, 4, 3, 2, 1
    ]  # fmt: skip
    assert severity_of(None) is severity_of("") is severity_of("6") is None
