"""Incidents that another tool has written down: CSV and JSON, PagerDuty's and Opsgenie's exports.

A row an incident. Fields are found by their usual names, in any case and with any signs between
words: those of PagerDuty's REST API (`incidents`), its analytics (`data`) and its CSV, and those of
Opsgenie's alerts and incidents. Of a nested field (`"service": {"summary": ...}`) the name counts.

A row without an id or a time at which it opened is refused; so is an id that was there before. Any
other field that cannot be is left out, and said: the incident counts.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from connectors.history_cells import (
    LAST_MS,
    first_of,
    name_of,
    names_of,
    number_of,
    plain_name,
    time_ms_of,
)
from connectors.incident_severity import severity_of
from schema import UNKNOWN, IncidentEvent, IncidentStep, Reject

MAX_BYTES = 2**30
_REPORTED = (("ackTime", "seconds_to_first_ack"), ("closeTime", "seconds_to_resolve"))
_LISTS = ("incidents", "data", "alerts", "items", "results")  # what a JSON file keeps its rows in

_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "incident_id", "alert_id", "incident_number", "tiny_id", "number"),
    "opened": (
        "opened_at", "created_at", "created_on", "impact_start_date", "started_at", "opened",
        "timestamp", "time",
    ),
    "acked": ("acknowledged_at", "acked_at", "acknowledged_on", "acknowledgements"),
    "acked_s": ("seconds_to_first_ack", "time_to_acknowledge_s"),
    "resolved": ("resolved_at", "resolved_on", "impact_end_date", "closed_at", "closed_on"),
    "resolved_s": ("seconds_to_resolve", "time_to_resolve_s"),
    "reopened": ("reopened_at",),
    "service": ("service", "service_name", "affected_service", "impacted_services", "entity"),
    "services": ("affected_services", "impacted_services", "services"),
    "team": ("team", "team_name", "owner_team", "teams", "owning_team"),
    "severity": ("severity", "priority", "priority_name", "urgency"),
    "category": ("category", "incident_type", "source"),
    "subcategory": ("subcategory", "integration"),
    "users": ("affected_users", "affected_user_count", "users_affected", "users"),
    "downtime_h": ("estimated_downtime_hours", "estimated_downtime", "downtime_h", "downtime"),
    "resources": ("resources", "resource", "affected_resources", "alias", "incident_key"),
    "rules": ("rules", "rule", "alert_name"),
    "status": ("status",),
    "verdict": ("verdict", "false_positive", "is_false_positive"),
    "cause": ("cause", "root_cause", "title", "message", "description"),
}  # fmt: skip


class History(NamedTuple):
    """What a file held."""

    events: tuple[IncidentEvent, ...]  # in order
    incidents: int
    rejects: tuple[Reject, ...]
    remarks: Counter[str]  # fields that were left out, by what was wrong


def read_history(name: str, content: bytes) -> History:
    """Read a file; `name` says where rejects are from.

    Raises: ValueError where it is neither CSV nor JSON, or has no rows in it that could be read.
    """
    events: list[IncidentEvent] = []
    rejects: list[Reject] = []
    remarks: Counter[str] = Counter()
    seen: set[str] = set()
    for number, row in enumerate(_rows(name, content), 1):
        try:
            steps = _steps(_fields(row), remarks)
            _check_new(steps[0].incident, seen)
        except _Refused as ex:
            raw = msgspec.json.encode(row)
            rejects.append(Reject(ex.reason, str(ex), name, "", number, raw))
            continue
        seen.add(steps[0].incident)
        events += steps
    return History(
        tuple(sorted(events, key=lambda each: each.order)), len(seen), tuple(rejects), remarks
    )


def _check_new(name: str, seen: set[str]) -> None:
    if name in seen:
        raise _Refused("seen_before", f"id {name!r} was there before")


class _Refused(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


# ------------------------------------------------------------------ the file


def _rows(name: str, content: bytes) -> Iterator[dict[str, object]]:
    if len(content) > MAX_BYTES:
        raise ValueError(f"{name}: must be at most {MAX_BYTES} bytes, got {len(content)}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as ex:
        raise ValueError(f"{name}: must be UTF-8: {ex}") from ex
    if text.lstrip()[:1] in ("{", "["):
        return _json_rows(name, text)
    return _csv_rows(name, text)


def _json_rows(name: str, text: str) -> Iterator[dict[str, object]]:
    try:
        held: object = msgspec.json.decode(text)
        rows = _listed(held)
    except msgspec.DecodeError as whole:
        try:  # JSON lines
            rows = [msgspec.json.decode(line) for line in text.splitlines() if line.strip()]
        except msgspec.DecodeError:
            raise ValueError(f"{name}: must be JSON: {whole}") from whole
        rows = rows if len(rows) > 1 else None
    if rows is None or not all(isinstance(row, dict) for row in rows):
        raise ValueError(
            f"{name}: must be a list of incidents, or an object with one in "
            f"{', '.join(map(repr, _LISTS))}"
        )
    return (row for row in rows if isinstance(row, dict))


def _listed(held: object) -> list[object] | None:
    if isinstance(held, list):
        return held
    if isinstance(held, dict):
        found = [held[name] for name in _LISTS if isinstance(held.get(name), list)]
        if found:
            return list(found[0])
        return [held] if any(name in held for name in _NAMES["id"]) else None
    return None


def _csv_rows(name: str, text: str) -> Iterator[dict[str, object]]:
    first = text.splitlines()[0] if text.strip() else ""
    delimiter = max(",;\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    named = {plain_name(each) for each in reader.fieldnames or ()}
    if not named & set(_NAMES["id"]):
        raise ValueError(f"{name}: must have a column of ids ({', '.join(_NAMES['id'])})")
    return (
        {key: cell for key, cell in row.items() if isinstance(key, str) and cell not in (None, "")}
        for row in reader
    )


# ------------------------------------------------------------------ a row


def _fields(row: Mapping[str, object]) -> dict[str, object]:
    """Return the fields that are known, by our names."""
    plain = {plain_name(name): held for name, held in row.items() if held not in (None, "", [])}
    report = plain.get("report")  # of Opsgenie's alerts, in ms
    if isinstance(report, dict):
        for theirs, ours in (
            ("ackTime", "seconds_to_first_ack"),
            ("closeTime", "seconds_to_resolve"),
        ):
            took = report.get(theirs)
            if isinstance(took, int | float):
                plain.setdefault(ours, took / 1000.0)
    found = {}
    for ours, names in _NAMES.items():
        name = next((each for each in names if each in plain), None)
        if name is not None:
            found[ours] = plain[name]
    return found


def _steps(fields: Mapping[str, object], remarks: Counter[str]) -> list[IncidentEvent]:
    """Return an incident's steps, the opening first."""
    name = name_of(fields.get("id"))
    if not name:
        raise _Refused("no_id", "an incident must have an id, got none")
    if "opened" not in fields:
        raise _Refused("no_timestamp", f"incident {name} must say when it opened, got nothing")
    opened_ms = time_ms_of(fields["opened"])
    if opened_ms is None:
        raise _Refused("bad_timestamp", f"incident {name} opened at {str(fields['opened'])[:80]!r}")
    service = name_of(fields.get("service")) or UNKNOWN
    severity = severity_of(first_of(fields.get("severity")))
    if severity is None and "severity" in fields:
        remarks["severity unknown: counted as 0"] += 1
    opened = IncidentEvent(
        name,
        "opened",
        opened_ms,
        opened_ms,
        service,
        name_of(fields.get("team")) or UNKNOWN,
        severity or 0,
        name_of(fields.get("category")),
        name_of(fields.get("subcategory")),
        _measure("affected users", fields.get("users"), remarks),
        _measure("downtime", fields.get("downtime_h"), remarks),
        names_of(fields.get("resources")),
        names_of(fields.get("services")) or ((service,) if service != UNKNOWN else ()),
        name_of(fields.get("cause")),
        names_of(fields.get("rules")),
    )
    steps = [opened]
    later: tuple[tuple[IncidentStep, str, str], ...] = (
        ("acknowledged", "acked", "acked_s"),
        ("resolved", "resolved", "resolved_s"),
        ("reopened", "reopened", ""),
    )
    for step, at, after in later:
        at_ms = _later_ms(step, opened_ms, fields.get(at), fields.get(after), remarks)
        if at_ms is not None:
            steps.append(_after(opened, step, at_ms))
    if _is_false_positive(fields):
        last_ms = max(each.ts_ms for each in steps)
        steps.append(_after(opened, "false_positive", last_ms))
    return steps


def _after(opened: IncidentEvent, step: IncidentStep, at_ms: int) -> IncidentEvent:
    return msgspec.structs.replace(
        opened, step=step, ts_ms=at_ms, since_ms=opened.ts_ms, users=None, downtime_h=None
    )


def _later_ms(
    step: str, opened_ms: int, at: object, after_s: object, remarks: Counter[str]
) -> int | None:
    at_ms = None if at is None else time_ms_of(at)
    if at is not None and at_ms is None:
        remarks[f"{step}: not a time: left out"] += 1
    if at_ms is None and after_s is not None:
        took_s = number_of(after_s)
        at_ms = None if took_s is None else round(opened_ms + 1000.0 * took_s)
    if at_ms is not None and not opened_ms <= at_ms <= LAST_MS:
        remarks[f"{step} before it opened: left out"] += 1
        return None
    return at_ms


def _is_false_positive(fields: Mapping[str, object]) -> bool:
    verdict, status = (plain_name(str(fields.get(name, ""))) for name in ("verdict", "status"))
    return verdict in ("false_positive", "true", "yes", "1") or status == "false_positive"


def _measure(what: str, held: object, remarks: Counter[str]) -> float | None:
    if held is None:
        return None
    value = number_of(held)
    if value is None:
        remarks[f"{what} not a number: left out"] += 1
        return None
    if value < 0:
        remarks[f"{what} negative: left out"] += 1
        return None
    return value
