"""What API, page and terminal show: the one read side, in the words of an incident's wire form.

Times are ms since 1970 UTC: event time, but for what people did and what was sent (wall clock).
What is measured and not known is None, never NaN, so that JSON can hold all of it.
"""

from typing import Literal

import msgspec

from schema.incidents import Event, State
from schema.plots import Plot

SeverityName = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]
Role = Literal["viewer", "responder", "admin"]
RequestStatus = Literal["requested", "applied", "refused"]
SilenceState = Literal["requested", "active", "pending", "expired", "refused"]


class ResourceView(msgspec.Struct, frozen=True, kw_only=True):
    """A cloud resource; `key` is its identity everywhere."""

    key: str
    name: str
    cloud: str
    service: str
    account: str = ""
    region: str = ""
    uid: str = ""
    attributes: dict[str, str] = {}


class EvidenceView(msgspec.Struct, frozen=True, kw_only=True):
    """One metric's part in a verdict."""

    metric: str
    unit: str
    labels: dict[str, str] = {}
    value: float | None
    expected: float | None
    lower: float | None  # expected band
    upper: float | None
    share: float  # of the resource's score, [0, 1]
    onset_ms: int
    limit: float | None = None
    limit_at_ms: int | None = None


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    """A resource's part in an incident."""

    resource: ResourceView
    kind: str
    opened_ms: int
    onset_ms: int
    closed_ms: int | None
    confidence: float
    score: float
    evidence: tuple[EvidenceView, ...] = ()
    detectors: tuple[str, ...] = ()


class SuspectView(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that an incident may have started at, the most suspect first."""

    resource: ResourceView
    score: float
    why: str


class ImpactView(msgspec.Struct, frozen=True, kw_only=True):
    """Who is hit beside the members."""

    dependants: int = 0
    names: tuple[str, ...] = ()
    suffering: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    users: int | None = None


class IncidentRow(msgspec.Struct, frozen=True, kw_only=True):
    """An incident in a list, as its newest event says it."""

    id: str
    revision: int
    state: State
    severity: SeverityName
    title: str
    hint: str
    scope: dict[str, str]  # what its members share: cloud, account, region, service
    opened_ms: int
    onset_ms: int
    updated_ms: int
    resolved_ms: int | None
    closed_ms: int | None = None
    acked_ms: int | None = None
    ack_by_ms: int | None = None  # deadlines; None: none
    resolve_by_ms: int | None = None
    breach_ms: int | None = None  # when a deadline will be missed, as it looks
    confidence: float
    member_count: int
    assignee: str = ""
    pattern: str = ""
    verdict: Literal["", "false_positive", "real"] = ""
    flapping: bool = False
    silenced_by: tuple[str, ...] = ()
    inhibited_by: str = ""
    merged_into: str = ""
    impact: ImpactView = ImpactView()


class IncidentFull(IncidentRow, frozen=True, kw_only=True):
    """All that an incident's newest event says."""

    reasons: tuple[str, ...] = ()  # of the severity
    members: tuple[MemberView, ...] = ()  # strongest claim to be the cause first; bounded
    suspects: tuple[SuspectView, ...] = ()
    merged: tuple[str, ...] = ()


class IncidentPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of incidents; `next` is the cursor of the next one, None at the end."""

    incidents: tuple[IncidentRow, ...]
    next: str | None
    now_ms: int  # to judge deadlines by: the clock, or, of an old store, its newest event


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A step in an incident's life: what, when, who, why, and as what it stood then."""

    revision: int
    event: Event
    ts_ms: int
    actor: str
    reason: str
    request: str = ""
    state: State
    severity: SeverityName
    silenced_by: tuple[str, ...] = ()  # what kept it from people
    inhibited_by: str = ""
    merged_into: str = ""


class RequestView(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody told a flow to do, and what has come of it."""

    id: str
    kind: str  # act, feedback, silence, expire, deploy, topology
    incident: str = ""
    action: str = ""  # of an act, or the verdict of feedback
    what: str  # in words
    actor: str
    reason: str = ""
    requested_ms: int | None = None  # wall clock; None: not known
    effective_ms: int  # from when it counts, event time
    status: RequestStatus
    answer: str = ""
    answered_ms: int | None = None


class RequestPage(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow was told, the newest first."""

    requests: tuple[RequestView, ...]


class ToldView(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel was told of an incident, or why it was not."""

    incident: str  # "": of several, a digest
    channel: str
    kind: str  # trigger, update, acknowledge, resolve, digest
    cause: str
    at_ms: int  # wall clock: when it was sent, or else when it was decided
    status: Literal["due", "sent", "held", "dropped", "failed"]
    attempts: int = 0
    why: str = ""


class TriedSilence(msgspec.Struct, frozen=True, kw_only=True):
    """A silence in force, and whether it is about the incident."""

    id: str
    purpose: Literal["silence", "maintenance"]
    matches: bool
    matchers: tuple[str, ...]
    unlike: str
    until_ms: int
    actor: str
    reason: str


class IncidentDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One incident with all that is known of it."""

    incident: IncidentFull
    now_ms: int
    points: int | None = None  # in the queue; None: it is not there
    points_why: tuple[str, ...] = ()
    due_ms: int | None = None
    actions: tuple[str, ...] = ()  # that are legal now
    audit: tuple[AuditEntry, ...]
    requests: tuple[RequestView, ...] = ()  # newest last
    told: tuple[ToldView, ...] = ()
    silences: tuple[TriedSilence, ...] = ()  # in force now, those first that match
    plots: tuple[Plot, ...] = ()  # of its main members, the most suspect first
    topology: "TopologyView | None" = None  # around its suspects; None: nothing is known


class TaskView(msgspec.Struct, frozen=True, kw_only=True):
    """An incident's place in the queue, and why."""

    place: int
    points: int
    why: tuple[str, ...]
    due_ms: int | None
    incident: IncidentRow


class QueuePage(msgspec.Struct, frozen=True, kw_only=True):
    """What to do next, the most urgent first."""

    tasks: tuple[TaskView, ...]
    total: int  # that go on, shown or not
    by_severity: dict[SeverityName, int]
    unacknowledged: int
    now_ms: int


class SilenceView(msgspec.Struct, frozen=True, kw_only=True):
    """A silence or maintenance window, and where in its life it is."""

    id: str
    purpose: Literal["silence", "maintenance"]
    state: SilenceState
    matchers: tuple[str, ...]
    starts_ms: int
    ends_ms: int
    change_ms: int  # when its state will be another
    recurs: str = ""
    actor: str
    reason: str
    origin: Literal["log", "settings"]
    ended_by: str = ""
    wrong: str = ""  # why the flow does not obey it


class SilencePage(msgspec.Struct, frozen=True, kw_only=True):
    """Silences: in force, to come, and those that ended within a day."""

    silences: tuple[SilenceView, ...]
    now_ms: int


class NodeView(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the topology."""

    name: str
    type: str = ""
    zone: str = ""
    dependants: int = 0  # however far away
    hops: int = 0  # from what was asked for
    role: Literal["", "suspect", "member", "neighbour"] = ""  # in an incident


class EdgeView(msgspec.Struct, frozen=True, kw_only=True):
    """`source` needs `target`."""

    source: str
    target: str
    type: str


class TopologyView(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the topology; `more`: nodes that were left out."""

    around: tuple[str, ...]
    nodes: tuple[NodeView, ...]
    edges: tuple[EdgeView, ...]
    more: int = 0


class DetectorView(msgspec.Struct, frozen=True, kw_only=True):
    """What one detector has come to in a service."""

    name: str
    rows: int
    mean_surprise: float
    anomaly_rate: float | None
    precision: float | None
    real: int
    false_positive: int


class DriftView(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a service stands where it stood."""

    state: Literal["steady", "suspected", "drifting", "accepted"]
    since_ms: int | None
    share: float
    drifts: int
    until_ms: int


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a service's model."""

    version: str
    state: Literal["candidate", "active", "retired"]
    effective_from_ms: int | None
    data_from_ms: int | None = None
    data_to_ms: int | None = None
    figures: dict[str, float] = {}
    refused: str = ""  # why it cannot be read


class ServiceModels(msgspec.Struct, frozen=True, kw_only=True):
    """How detection stands in a service: versions, quality, drift."""

    service: str
    until_ms: int
    in_use: tuple[str, ...] = ()  # versions; none: fitted as data comes
    resources: int = 0
    warming: int = 0
    scored: int = 0
    anomalous: int = 0
    anomaly_rate: float | None = None
    precision: float | None = None
    real: int = 0
    false_positive: int = 0
    scores: tuple[tuple[str, int], ...] = ()  # upper bound of the fused score, rows up to it
    detectors: tuple[DetectorView, ...] = ()
    drift: DriftView | None = None
    versions: tuple[VersionView, ...] = ()  # newest last; none without a registry


class ModelsPage(msgspec.Struct, frozen=True, kw_only=True):
    """All services."""

    services: tuple[ServiceModels, ...]
    registry: bool  # whether there is one, so that promoting can be asked for


class Promoted(msgspec.Struct, frozen=True, kw_only=True):
    """A version that was made active."""

    service: str
    version: str
    effective_ms: int
    reason: str
    told: bool  # to flows that run, by a control log


class NotificationPage(msgspec.Struct, frozen=True, kw_only=True):
    """Who was told what, the newest first."""

    notifications: tuple[ToldView, ...]
    next: str | None
    counts: dict[str, dict[str, int]]  # channel -> status -> how many


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A step in an incident's life as the event stream tells it."""

    sequence: int
    event: Event
    ts_ms: int
    actor: str
    reason: str
    request: str = ""
    incident: IncidentRow


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What has come since a sequence."""

    sequence: int  # of the newest; go on from here
    changes: tuple[Change, ...]


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asking, and what they may do."""

    name: str
    role: Role
    auth: Literal["off", "token", "proxy"]
    can_act: bool  # whether a control log is known by which a flow is told
    version: str = ""
