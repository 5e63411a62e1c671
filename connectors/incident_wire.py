"""Incident events to and from their wire form: canonical, versioned JSON.

Canonical: keys sorted (maps of labels, attributes and scope keep the record's own order), no white
space, shortest floats that read back the same, no sign of zero. So equal events have equal bytes.
"""

import hashlib
import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

from connectors.incident_form import (
    SCHEMA,
    SeverityName,
    WireEvent,
    WireEvidence,
    WireImpact,
    WireIncident,
    WireMember,
    WireResource,
    WireSuspect,
)
from schema import (
    Evidence,
    Impact,
    Incident,
    Labels,
    Member,
    Resource,
    Severity,
    Suspect,
    Transition,
)

CACHED = 16_384  # times, resources and evidence come again with each revision
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEVERITY_NAMES: dict[Severity, SeverityName] = {
    Severity.LOW: "LOW",
    Severity.MEDIUM: "MEDIUM",
    Severity.HIGH: "HIGH",
    Severity.CRITICAL: "CRITICAL",
}


def encode_transition(transition: Transition) -> bytes:
    """Return the event as one line of canonical JSON, without a line break.

    Raises: ValueError if a confidence, score or share is not finite, or a time has no calendar.
    """
    return msgspec.json.encode(_to_wire(transition))


def decode_transition(data: bytes | str) -> Transition:
    """Return the event; fields of later minor versions are ignored.

    Raises: ValueError if it is not an event of this version.
    """
    try:
        event = msgspec.json.decode(data, type=WireEvent)
    except msgspec.DecodeError as ex:
        raise ValueError(f"an incident event must be {SCHEMA}: {ex}") from ex
    incident = _incident(event.incident)
    if (event.id, event.revision) != (incident.id, incident.revision):
        said = f"{event.id}.{event.revision}"
        raise ValueError(f"an event must be of its incident's revision, got {said!r}")
    return Transition(event.event, event.ts_ms, event.actor, event.reason, incident, event.request)


def outcome_digest(transitions: Iterable[Transition]) -> str:
    """Return the sha256, in hex, of what happened, however often and in what order it was told.

    It is taken over the events as lines, each once, by event time, incident id and revision.
    Raises: ValueError if two different events carry the same incident id and revision.
    """
    lines: dict[tuple[int, str, int], bytes] = {}
    seen: dict[str, bytes] = {}
    for transition in transitions:
        line = encode_transition(transition)
        if seen.setdefault(transition.id, line) != line:
            raise ValueError(f"events with one id must be equal, got two of {transition.id!r}")
        incident = transition.incident
        lines[transition.ts_ms, incident.id, incident.revision] = line
    digest = hashlib.sha256()
    for key in sorted(lines):
        digest.update(lines[key] + b"\n")
    return digest.hexdigest()


@lru_cache(maxsize=CACHED)
def rfc3339(ts_ms: int) -> str:
    """Return a time in ms as "2026-03-01T10:00:00.000Z".

    Raises: ValueError outside the years 1 to 9999.
    """
    try:
        moment = _EPOCH + timedelta(milliseconds=ts_ms)
    except OverflowError as ex:
        raise ValueError(f"a time must be in the years 1 to 9999, got {ts_ms!r} ms") from ex
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _finite(name: str, number: float) -> float:
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {number!r}")
    return float(number) + 0.0  # -0.0 is 0.0


def _known(number: float) -> float | None:
    return float(number) + 0.0 if math.isfinite(number) else None


def _to_wire(transition: Transition) -> WireEvent:
    incident = transition.incident
    return WireEvent(
        actor=transition.actor,
        event=transition.event,
        id=incident.id,
        incident=_wire_incident(incident),
        reason=transition.reason,
        request=transition.request,
        revision=incident.revision,
        ts=rfc3339(transition.ts_ms),
        ts_ms=transition.ts_ms,
    )


def _wire_incident(incident: Incident) -> WireIncident:
    return WireIncident(
        ack_by=_clock(incident.ack_by_ms),
        ack_by_ms=incident.ack_by_ms,
        acked=_clock(incident.acked_ms),
        acked_ms=incident.acked_ms,
        assignee=incident.assignee,
        breach=_clock(incident.breach_ms),
        breach_ms=incident.breach_ms,
        closed=_clock(incident.closed_ms),
        closed_ms=incident.closed_ms,
        confidence=_finite("confidence", incident.confidence),
        flapping=incident.flapping,
        hint=incident.hint,
        id=incident.id,
        impact=WireImpact(
            dependants=incident.impact.dependants,
            names=incident.impact.names,
            suffering=incident.impact.suffering,
            tiers=incident.impact.tiers,
            users=incident.impact.users,
        ),
        inhibited_by=incident.inhibited_by,
        member_count=incident.member_count,
        members=tuple(_wire_member(member) for member in incident.members),
        merged=incident.merged,
        merged_into=incident.merged_into,
        onset=rfc3339(incident.onset_ms),
        onset_ms=incident.onset_ms,
        opened=rfc3339(incident.opened_ms),
        opened_ms=incident.opened_ms,
        pattern=incident.pattern,
        reasons=incident.reasons,
        resolve_by=_clock(incident.resolve_by_ms),
        resolve_by_ms=incident.resolve_by_ms,
        resolved=_clock(incident.resolved_ms),
        resolved_ms=incident.resolved_ms,
        revision=incident.revision,
        scope=dict(incident.scope),
        severity=_SEVERITY_NAMES[incident.severity],
        silenced_by=incident.silenced_by,
        state=incident.state,
        suspects=tuple(
            WireSuspect(
                resource=_wire_resource(suspect.resource),
                score=_finite("score", suspect.score),
                why=suspect.why,
            )
            for suspect in incident.suspects
        ),
        title=incident.title,
        updated=rfc3339(incident.updated_ms),
        updated_ms=incident.updated_ms,
        verdict=incident.verdict,
    )


def _clock(ts_ms: int | None) -> str | None:
    return None if ts_ms is None else rfc3339(ts_ms)


def _wire_member(member: Member) -> WireMember:
    return WireMember(
        closed=_clock(member.closed_ms),
        closed_ms=member.closed_ms,
        confidence=_finite("confidence", member.confidence),
        detectors=member.detectors,
        evidence=tuple(_wire_evidence(part) for part in member.evidence),
        kind=member.kind,
        onset=rfc3339(member.onset_ms),
        onset_ms=member.onset_ms,
        opened=rfc3339(member.opened_ms),
        opened_ms=member.opened_ms,
        resource=_wire_resource(member.resource),
        score=_finite("score", member.score),
    )


@lru_cache(maxsize=CACHED)
def _wire_resource(resource: Resource) -> WireResource:
    return WireResource(
        account=resource.account,
        attributes=dict(resource.attributes),
        cloud=resource.cloud,
        key=resource.key,
        name=resource.name,
        region=resource.region,
        service=resource.service,
        uid=resource.uid,
    )


@lru_cache(maxsize=CACHED)
def _wire_evidence(part: Evidence) -> WireEvidence:
    return WireEvidence(
        expected=_known(part.expected),
        labels=dict(part.labels),
        limit=part.limit,
        limit_at=_clock(part.limit_at_ms),
        limit_at_ms=part.limit_at_ms,
        lower=_known(part.lower),
        metric=part.metric,
        onset=rfc3339(part.onset_ms),
        onset_ms=part.onset_ms,
        share=_finite("share", part.share),
        unit=part.unit,
        upper=_known(part.upper),
        value=_known(part.value),
    )


def _incident(wire: WireIncident) -> Incident:
    return Incident(
        wire.id,
        wire.revision,
        wire.state,
        Severity[wire.severity],
        wire.reasons,
        wire.title,
        wire.hint,
        _pairs(wire.scope),
        wire.opened_ms,
        wire.onset_ms,
        wire.updated_ms,
        wire.resolved_ms,
        wire.confidence,
        wire.member_count,
        tuple(_member(member) for member in wire.members),
        suspects=tuple(
            Suspect(_resource(suspect.resource), suspect.score, suspect.why)
            for suspect in wire.suspects
        ),
        pattern=wire.pattern,
        impact=Impact(
            wire.impact.dependants,
            wire.impact.names,
            wire.impact.tiers,
            wire.impact.users,
            wire.impact.suffering,
        ),
        assignee=wire.assignee,
        acked_ms=wire.acked_ms,
        closed_ms=wire.closed_ms,
        ack_by_ms=wire.ack_by_ms,
        resolve_by_ms=wire.resolve_by_ms,
        breach_ms=wire.breach_ms,
        verdict=wire.verdict,
        flapping=wire.flapping,
        silenced_by=wire.silenced_by,
        inhibited_by=wire.inhibited_by,
        merged_into=wire.merged_into,
        merged=wire.merged,
    )


def _resource(wire: WireResource) -> Resource:
    return Resource(
        wire.cloud,
        wire.service,
        wire.account,
        wire.region,
        wire.name,
        _pairs(wire.attributes),
        wire.uid,
    )


def _member(wire: WireMember) -> Member:
    return Member(
        _resource(wire.resource),
        wire.kind,
        wire.opened_ms,
        wire.onset_ms,
        wire.closed_ms,
        wire.confidence,
        wire.score,
        tuple(_evidence(part) for part in wire.evidence),
        wire.detectors,
    )


def _evidence(wire: WireEvidence) -> Evidence:
    return Evidence(
        wire.metric,
        _pairs(wire.labels),
        wire.unit,
        math.nan if wire.value is None else wire.value,
        math.nan if wire.expected is None else wire.expected,
        -math.inf if wire.lower is None else wire.lower,
        math.inf if wire.upper is None else wire.upper,
        wire.share,
        wire.onset_ms,
        wire.limit,
        wire.limit_at_ms,
    )


def _pairs(mapping: dict[str, str]) -> Labels:
    return tuple(mapping.items())
