"""Labels that other systems kept: incidents of PagerDuty, alerts of Alertmanager.

Neither has a field for the resource, so an alert is about all that is named in it: every label and
every word of its title counts as a name, and a resource is hit if its own name is among them.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from flows.labels import Fault, Labels

STILL_ON_MS = 253_402_300_799_000  # the end of the year 9999
_PART = re.compile(r"[/:]")
_WORD = re.compile(r"[^\s,;()\[\]{}\"'=<>|]+")
_SEVERITIES = {
    "critical": "CRITICAL", "page": "CRITICAL", "high": "HIGH", "error": "HIGH", "major": "HIGH",
    "medium": "MEDIUM", "warning": "MEDIUM", "low": "LOW", "minor": "LOW", "info": "LOW",
}  # fmt: skip


class _Named(msgspec.Struct, frozen=True):
    summary: str | None = ""


class _Page(msgspec.Struct, frozen=True):
    """An incident of PagerDuty's REST API v2."""

    id: str
    created_at: datetime
    title: str | None = ""
    status: str = ""
    urgency: str | None = ""
    resolved_at: datetime | None = None
    last_status_change_at: datetime | None = None
    service: _Named | None = None
    incident_key: str | None = ""
    body: dict[str, object] | None = None
    alerts: tuple[dict[str, object], ...] = ()


class _Status(msgspec.Struct, frozen=True):
    state: str = ""


class _Alert(msgspec.Struct, frozen=True):
    """An alert of Alertmanager, of its API v2 or a webhook."""

    labels: dict[str, str]
    startsAt: datetime  # as it stands in the file
    endsAt: datetime | None = None  # the year 1: not over
    annotations: dict[str, str] = {}
    status: _Status | str = ""
    fingerprint: str = ""


def read_pagerduty(content: bytes) -> Labels:
    """Return the incidents of the REST API's list: its pages, or the incidents alone.

    Raises: ValueError if they are none.
    """
    try:
        pages = [msgspec.convert(each, _Page) for each in _records(content, "incidents")]
    except msgspec.MsgspecError as ex:
        raise ValueError(f"must be incidents as PagerDuty lists them: {ex}") from ex
    return Labels(tuple(map(_of_page, pages)), form="pagerduty")


def read_alertmanager(content: bytes) -> Labels:
    """Return the alerts of API v2's list, or of webhook payloads, one or a line each.

    An alert that is told again is one; the last word on its end counts.
    Raises: ValueError if they are none.
    """
    try:
        alerts = [msgspec.convert(each, _Alert) for each in _records(content, "alerts")]
    except msgspec.MsgspecError as ex:
        raise ValueError(f"must be alerts as Alertmanager has them: {ex}") from ex
    faults = {(fault.id, fault.start_ms): fault for fault in map(_of_alert, alerts)}
    return Labels(tuple(faults.values()), form="alertmanager")


def _records(content: bytes, key: str) -> Iterator[object]:
    """Yield the members of lists, of objects that hold one under `key`, or objects themselves."""
    try:
        documents: list[object] = [msgspec.json.decode(content)]
    except msgspec.DecodeError:
        documents = msgspec.json.Decoder().decode_lines(content)
    for document in documents:
        held = document.get(key, document) if isinstance(document, dict) else document
        yield from held if isinstance(held, list) else [held]


def _of_page(page: _Page) -> Fault:
    over = page.resolved_at or page.last_status_change_at
    ends = over if page.status == "resolved" else None
    service = page.service.summary if page.service is not None else ""
    details = [*_texts(page.body), *_texts(page.alerts)]
    words = [page.title, service, page.incident_key, *details]
    urgency = _SEVERITIES.get((page.urgency or "").casefold(), "")
    return _fault(page.id, page.created_at, ends, words, page.title or "", urgency)


def _of_alert(alert: _Alert) -> Fault:
    ends = alert.endsAt
    if ends is not None and ends <= alert.startsAt:  # the year 1
        ends = None
    kind = alert.labels.get("alertname", "")
    name = alert.fingerprint or ",".join(f"{k}={v}" for k, v in sorted(alert.labels.items()))
    words = [*alert.labels.values(), *alert.annotations.values()]
    severity = _SEVERITIES.get(alert.labels.get("severity", "").casefold(), "")
    return _fault(name, alert.startsAt, ends, words, kind, severity)


def _fault(
    name: str,
    starts: datetime,
    ends: datetime | None,
    words: Iterable[str | None],
    kind: str,
    severity: str,
) -> Fault:
    start_ms = _ms(starts)
    end_ms = STILL_ON_MS if ends is None else max(start_ms, _ms(ends))
    names = frozenset(name for text in words if text for name in _names(text))
    return Fault(name, start_ms, end_ms, names, kind, severity=severity)


def _names(text: str) -> Iterator[str]:
    """Yield what may be the name of a resource: the whole, its words, and their parts.

    >>> sorted(set(_names("load on web-1:9100")))
    ['9100', 'load', 'load on web-1:9100', 'on', 'web-1', 'web-1:9100']
    """
    yield text
    for word in _WORD.findall(text):
        bare = word.strip(".:!?")
        yield bare
        yield from filter(None, _PART.split(bare))


def _texts(value: object) -> Iterator[str]:
    """Yield every text of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _ms(moment: datetime) -> int:
    return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)
