"""Anomalies among the incidents themselves: what is told of them, and the steps in their lives."""

from typing import Literal, NamedTuple

import msgspec

from schema.life import Refusal
from schema.names import Severity

UNKNOWN = "Unknown"  # a service or team that nobody names
AnomalyType = Literal["STATISTICAL", "PATTERN", "TEMPORAL"]
RecordState = Literal["DETECTED", "INVESTIGATING", "CONFIRMED", "FALSE_POSITIVE", "RESOLVED"]
IncidentStep = Literal["opened", "acknowledged", "resolved", "reopened", "false_positive"]

STEPS_OF_RECORD: dict[RecordState, tuple[RecordState, ...]] = {
    "DETECTED": ("INVESTIGATING",),
    "INVESTIGATING": ("CONFIRMED", "FALSE_POSITIVE"),
    "CONFIRMED": ("RESOLVED",),
    "FALSE_POSITIVE": ("RESOLVED",),
    "RESOLVED": (),
}
UNRESOLVED: tuple[RecordState, ...] = ("DETECTED", "INVESTIGATING", "CONFIRMED")


class IncidentEvent(msgspec.Struct, frozen=True, gc=False):
    """A step in an incident's life, whatever tool wrote it down."""

    incident: str  # its id
    step: IncidentStep
    ts_ms: int
    since_ms: int  # when it opened; of "opened" the onset, where it is known
    service: str = UNKNOWN
    team: str = UNKNOWN
    severity: int = 0  # 1 LOW .. 4 CRITICAL, 5 EMERGENCY, 0 unknown
    category: str = ""
    subcategory: str = ""
    users: float | None = None  # affected
    downtime_h: float | None = None  # estimated
    resources: tuple[str, ...] = ()  # bounded
    services: tuple[str, ...] = ()  # all that are hit
    cause: str = ""  # what the same cause again has in common
    rules: tuple[str, ...] = ()  # that raised it

    @property
    def order(self) -> tuple[int, str, str]:
        """Place among all: by time, then by names, so that any reader has one order."""
        return (self.ts_ms, self.incident, self.step)


class ReviewBatch(msgspec.Struct, frozen=True):
    """Some events, and how far time has come in all of the input: what ends by then is over."""

    events: tuple[IncidentEvent, ...]
    watermark_ms: int


class LateEvent(msgspec.Struct, frozen=True):
    """An event that came when its window was over: counted, not reviewed."""

    event: IncidentEvent
    closed_ms: int  # how far time had come


class RecordMetadata(msgspec.Struct, frozen=True):
    """What an anomaly was made of."""

    incident_id: str  # the first of `incidents`; "": none (too few of them is an anomaly too)
    detection_algorithm: str
    time_window_hours: int
    incidents: tuple[str, ...] = ()  # all that made it, as they opened; bounded


class AnomalyRecord(msgspec.Struct, frozen=True):
    """Something strange among the incidents of one service and team, in one span of time."""

    id: str  # digest of model, service, team and first window: the same at every replay
    revision: int  # from 1; one more each time it grows
    model: str
    version: int
    type: AnomalyType
    severity: Severity
    confidence: float  # that it is one, [0, 1], calibrated
    score: float  # -log10 of the calibrated tail probability
    threshold: float  # that `score` had to reach
    raw_score: float  # the detector's own
    raw_confidence: float  # a tenth of it, in [0, 1]: what the first system called confidence
    window_start_ms: int  # half-open
    window_end_ms: int
    service: str
    team: str
    description: str
    affected_services: tuple[str, ...]
    affected_metrics: tuple[str, ...]  # most first
    metadata: RecordMetadata
    state: RecordState = "DETECTED"


class ModelRecord(msgspec.Struct, frozen=True):
    """A model of the review as its registry keeps it; other parameters are another version."""

    name: str
    version: int
    algorithm: str
    parameters: dict[str, float | int | bool | str]
    active: bool = True

    @property
    def id(self) -> str:
        """Name and version: what `review run --model` takes."""
        return f"{self.name}-{self.version}"


class ModelFailure(msgspec.Struct, frozen=True):
    """A model could not judge; the others did."""

    model: str  # its id
    service: str
    team: str
    window_end_ms: int
    error: str


class RecordAct(msgspec.Struct, frozen=True):
    """A line of a record's audit."""

    record: str
    number: int  # from 1
    before: RecordState
    after: RecordState
    actor: str
    note: str
    at_ms: int  # wall clock


class Counted(NamedTuple):
    """One record, as a summary counts it."""

    severity: Severity
    state: RecordState
    confidence: float
    judged: Literal["", "CONFIRMED", "FALSE_POSITIVE"]  # what people found, also once resolved


class ReviewSummary(msgspec.Struct, frozen=True):
    """The records of a span of time in eight numbers."""

    total_anomalies: int
    critical: int
    high: int
    medium: int
    low: int
    unresolved: int  # detected, investigating or confirmed
    false_positive_rate: float  # of those that people judged; 0 where they judged none
    average_confidence: float


class ServiceSummary(msgspec.Struct, frozen=True):
    """One service's, beside the span before."""

    now: ReviewSummary
    before: ReviewSummary


class Summaries(msgspec.Struct, frozen=True):
    """A span's summary, and beside it the span before it."""

    from_ms: int
    to_ms: int
    now: ReviewSummary
    before: ReviewSummary
    services: dict[str, ServiceSummary]


def record_step(record: str, state: RecordState, wanted: RecordState) -> Refusal | None:
    """Return why a record cannot take a step; None: it can.

    >>> record_step("anom-1", "DETECTED", "INVESTIGATING")
    >>> record_step("anom-1", "DETECTED", "RESOLVED").reason
    'anom-1 is DETECTED: next it can only be INVESTIGATING'
    """
    can = STEPS_OF_RECORD[state]
    if wanted in can:
        return None
    if not can:
        return Refusal(f"{record} is {state}: that is the end of it")
    return Refusal(f"{record} is {state}: next it can only be {' or '.join(can)}")


def summarised(records: list[Counted]) -> ReviewSummary:
    """Return the summary of some records."""
    judged = [each.judged for each in records if each.judged]
    return ReviewSummary(
        total_anomalies=len(records),
        critical=sum(each.severity is Severity.CRITICAL for each in records),
        high=sum(each.severity is Severity.HIGH for each in records),
        medium=sum(each.severity is Severity.MEDIUM for each in records),
        low=sum(each.severity is Severity.LOW for each in records),
        unresolved=sum(each.state in UNRESOLVED for each in records),
        false_positive_rate=judged.count("FALSE_POSITIVE") / len(judged) if judged else 0.0,
        average_confidence=(
            sum(each.confidence for each in records) / len(records) if records else 0.0
        ),
    )
