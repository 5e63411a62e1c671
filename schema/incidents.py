"""Incidents, and the steps in their lives."""

from typing import Literal

import msgspec

from schema.anomalies import Evidence
from schema.metrics import Resource
from schema.names import Severity


class Member(msgspec.Struct, frozen=True, gc=False):
    """A resource's part in an incident."""

    resource: Resource
    kind: str
    opened_ms: int
    onset_ms: int
    closed_ms: int | None
    confidence: float
    score: float
    evidence: tuple[Evidence, ...]
    detectors: tuple[str, ...] = ()  # that found it, the surest first; "rules", "silence"


class Suspect(msgspec.Struct, frozen=True, gc=False):
    """A resource that an incident may have started at."""

    resource: Resource
    score: float  # share of all suspicion, (0, 1]
    why: str  # in words, with evidence


class Impact(msgspec.Struct, frozen=True, gc=False):
    """Who is hit beside the members: the blast radius."""

    dependants: int = 0  # resources that need a member, by the topology
    names: tuple[str, ...] = ()  # of the first of them, nearest first; bounded
    tiers: tuple[str, ...] = ()  # of members and dependants, sorted
    users: int | None = None  # the most that one of them says to have
    suffering: tuple[str, ...] = ()  # dependants that are seen to be off as well; bounded


State = Literal["open", "acknowledged", "resolved", "closed", "merged"]
Event = Literal[
    "opened",
    "updated",
    "acknowledged",
    "unacknowledged",
    "assigned",
    "noted",
    "judged",  # false positive, or real
    "silenced",  # or heard again
    "breach_predicted",
    "breached",
    "resolved",
    "reopened",
    "closed",
    "merged",
    "split",
    "refused",  # what somebody asked for was not legal
]


class Incident(msgspec.Struct, frozen=True, gc=False):
    """What people are told: a snapshot, complete in itself, at one revision."""

    id: str
    revision: int  # from 1, by 1
    state: State
    severity: Severity
    reasons: tuple[str, ...]  # of the severity
    title: str
    hint: str
    scope: tuple[tuple[str, str], ...]  # what its members share: cloud, account, region, service
    opened_ms: int  # tick of its first alert
    onset_ms: int  # first deviation among its members
    updated_ms: int
    resolved_ms: int | None
    confidence: float
    member_count: int
    members: tuple[Member, ...]  # strongest claim to be the cause first; bounded
    suspects: tuple[Suspect, ...] = ()  # most suspect first; bounded
    pattern: str = ""  # what it looks like: "saturation", "zone_outage" ...; "": nothing known
    impact: Impact = Impact()
    assignee: str = ""
    acked_ms: int | None = None
    closed_ms: int | None = None
    ack_by_ms: int | None = None  # deadlines; None: none
    resolve_by_ms: int | None = None
    breach_ms: int | None = None  # when a deadline will be missed, as it looks
    verdict: Literal["", "false_positive", "real"] = ""  # what people said
    flapping: bool = False
    silenced_by: tuple[str, ...] = ()  # ids of silences in force
    inhibited_by: str = ""  # id of the incident, or name of the rule
    merged_into: str = ""  # id of the incident that it is part of
    merged: tuple[str, ...] = ()  # ids of those that are part of it


class Transition(msgspec.Struct, frozen=True, gc=False):
    """One step in an incident's life, with the incident as it then was."""

    event: Event
    ts_ms: int  # event time
    actor: str  # "foreshock", or who asked
    reason: str
    incident: Incident
    request: str = ""  # `Act.id` that it answers

    @property
    def id(self) -> str:
        """Unique and the same at every replay: sinks upsert on it."""
        return f"{self.incident.id}.{self.incident.revision}"
