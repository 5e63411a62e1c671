"""The shape of an incident event on the wire; docs/incidents.md explains it.

Fields stand in alphabetical order, so that what is encoded is canonical. `x_ms` is a time in
milliseconds since 1970 UTC, and `x` the same in RFC 3339 for people; programs go by `x_ms`.
"""

from typing import Final, Literal

import msgspec

SCHEMA: Final = "foreshock.incident/1"
SeverityName = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]


class WireResource(msgspec.Struct, frozen=True, kw_only=True):
    """A `Resource`, with its key for joins."""

    account: str
    attributes: dict[str, str]
    cloud: str
    key: str
    name: str
    region: str
    service: str
    uid: str


class WireEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """An `Evidence`. null: not known (value, expected), without bound (lower, upper)."""

    expected: float | None
    labels: dict[str, str]
    lower: float | None
    metric: str
    onset: str
    onset_ms: int
    share: float
    unit: str
    upper: float | None
    value: float | None


class WireMember(msgspec.Struct, frozen=True, kw_only=True):
    """A `Member`."""

    closed: str | None
    closed_ms: int | None
    confidence: float
    evidence: tuple[WireEvidence, ...]
    kind: str
    onset: str
    onset_ms: int
    opened: str
    opened_ms: int
    resource: WireResource
    score: float


class WireIncident(msgspec.Struct, frozen=True, kw_only=True):
    """An `Incident`."""

    confidence: float
    hint: str
    id: str
    member_count: int
    members: tuple[WireMember, ...]
    onset: str
    onset_ms: int
    opened: str
    opened_ms: int
    reasons: tuple[str, ...]
    resolved: str | None
    resolved_ms: int | None
    revision: int
    scope: dict[str, str]
    severity: SeverityName
    state: Literal["open", "resolved"]
    title: str
    updated: str
    updated_ms: int


class WireEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A `Transition`; `id` and `revision` are the incident's."""

    actor: str
    event: Literal["opened", "updated", "resolved", "reopened"]
    id: str
    incident: WireIncident
    reason: str
    revision: int
    schema: Literal["foreshock.incident/1"] = SCHEMA
    ts: str
    ts_ms: int
