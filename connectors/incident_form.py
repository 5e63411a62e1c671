"""The shape of an incident event on the wire; docs/incidents.md explains it.

Fields stand in alphabetical order, so that what is encoded is canonical. `x_ms` is a time in
milliseconds since 1970 UTC, and `x` the same in RFC 3339 for people; programs go by `x_ms`.
"""

from typing import Final, Literal

import msgspec

from schema import Event, State

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
    """An `Evidence`. null: not known (value, expected), none (lower, upper, limit)."""

    expected: float | None
    labels: dict[str, str]
    limit: float | None = None
    limit_at: str | None = None
    limit_at_ms: int | None = None
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
    detectors: tuple[str, ...] = ()
    evidence: tuple[WireEvidence, ...]
    kind: str
    onset: str
    onset_ms: int
    opened: str
    opened_ms: int
    resource: WireResource
    score: float


class WireSuspect(msgspec.Struct, frozen=True, kw_only=True):
    """A `Suspect`."""

    resource: WireResource
    score: float
    why: str


class WireImpact(msgspec.Struct, frozen=True, kw_only=True):
    """An `Impact`."""

    dependants: int = 0
    names: tuple[str, ...] = ()
    suffering: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    users: int | None = None


class WireIncident(msgspec.Struct, frozen=True, kw_only=True):
    """An `Incident`. Fields with a default are not in events of the first minor version."""

    ack_by: str | None = None
    ack_by_ms: int | None = None
    acked: str | None = None
    acked_ms: int | None = None
    assignee: str = ""
    breach: str | None = None
    breach_ms: int | None = None
    closed: str | None = None
    closed_ms: int | None = None
    confidence: float
    flapping: bool = False
    hint: str
    id: str
    impact: WireImpact = WireImpact()
    inhibited_by: str = ""
    member_count: int
    members: tuple[WireMember, ...]
    merged: tuple[str, ...] = ()
    merged_into: str = ""
    onset: str
    onset_ms: int
    opened: str
    opened_ms: int
    pattern: str = ""
    reasons: tuple[str, ...]
    resolve_by: str | None = None
    resolve_by_ms: int | None = None
    resolved: str | None
    resolved_ms: int | None
    revision: int
    scope: dict[str, str]
    severity: SeverityName
    silenced_by: tuple[str, ...] = ()
    state: State
    suspects: tuple[WireSuspect, ...] = ()
    title: str
    updated: str
    updated_ms: int
    verdict: Literal["", "false_positive", "real"] = ""


class WireEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A `Transition`; `id` and `revision` are the incident's."""

    actor: str
    event: Event
    id: str
    incident: WireIncident
    reason: str
    request: str = ""
    revision: int
    schema: Literal["foreshock.incident/1"] = SCHEMA
    ts: str
    ts_ms: int
