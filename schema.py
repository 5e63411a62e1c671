"""Records that cross folders. Knows nothing of ours, does no I/O, reads no clock."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
F64 = npt.NDArray[np.float64]

Labels = tuple[tuple[str, str], ...]  # sorted by name
NO_VALUE = frozenset(("stale", "no_observation"))  # reasons of points without value or error


def stable_id(text: str) -> int:
    """Return 64 bits that name `text` on every machine and in every process (BLAKE2b)."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


class Severity(IntEnum):
    """How bad; a higher number is worse."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class Resource(msgspec.Struct, frozen=True):
    """A cloud resource. `name` is exactly what came in; `key` is its identity everywhere."""

    cloud: str  # "aws", "azure", "gcp", or "" where unknown
    service: str  # "aws.ec2"
    account: str
    region: str
    name: str
    attributes: tuple[tuple[str, str], ...] = ()  # sorted; team, tier, zone ...; not identity
    uid: str = ""  # tells resources apart whose names do not: an Azure resource id, a pod's path

    @property
    def key(self) -> str:
        """Identity: cloud, account, region, service and uid (else name), joined by "|"."""
        place = (self.cloud, self.account, self.region, self.service)
        return "|".join((*place, self.uid or self.name))


class Counter(msgspec.Struct, frozen=True):
    """How readings become values: result * scale + offset, as a difference loses an offset."""

    # "rate": increase a second, with resets; "mean": increase of a sum over that of its count;
    kind: Literal["rate", "mean", "ratio"]  # "ratio": sums of a tick over counts of a tick
    scale: float = 1.0
    offset: float = 0.0


class Series(msgspec.Struct, frozen=True):
    """One metric of one resource under one set of labels."""

    resource: Resource
    metric: str  # canonical name of the catalogue, else the vendor's
    unit: str = ""
    labels: Labels = ()
    parts: Labels = ()  # labels that tell its streams apart, which one tick makes one value of
    counter: Counter | None = None

    @property
    def metric_key(self) -> str:
        """Identity of the series within its resource."""
        return self.metric + "".join(f"|{k}={v}" for k, v in self.labels)

    @property
    def stream_key(self) -> str:
        """Identity of what is sampled: that of the series, unless several streams make it up."""
        parts = "".join(f"||{k}={v}" for k, v in self.parts)
        return self.metric_key + parts + (f"#{self.counter.kind}" if self.counter else "")


class MetricSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the catalogue knows of one metric of one service."""

    metric: str  # canonical name
    unit: str = ""  # canonical unit, after conversion
    scale: float = 1.0  # canonical value = vendor value * scale + offset
    offset: float = 0.0
    statistic: str = "mean"  # mean, sum, min, max, count, or a percentile such as "p99"
    bad: Literal["up", "down", "both", "none"] = "both"  # direction that hurts; none: context only
    weight: float = 1.0  # share in a resource's verdict, [0, 10]
    load: bool = False  # the traffic that drives the resource's other metrics: request.rate ...
    lower: float | None = None  # natural limits of the canonical value
    upper: float | None = None
    min_change: float = 0.0  # smallest change worth a page, in the canonical unit
    least_effect: float | None = None  # the same in usual spreads; None: `alerts.least_effect`
    harmless: tuple[float, float] | None = None  # values from here to there are never a reason
    labels: Labels = ()  # given to its series: direction=in tells NetworkIn from NetworkOut
    across: tuple[str, ...] = ()  # labels that do not make a series: cpu=0, cpu=1 are one

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 10:
            raise ValueError(f"weight must be in [0, 10], got {self.weight!r}")
        if not (math.isfinite(self.scale) and self.scale != 0):
            raise ValueError(f"scale must be finite and not 0, got {self.scale!r}")
        if self.lower is not None and self.upper is not None and not self.lower < self.upper:
            raise ValueError(f"lower must be below upper, got {self.lower!r} and {self.upper!r}")
        if self.harmless is not None and not self.harmless[0] <= self.harmless[1]:
            raise ValueError(f"harmless must be [least, most], got {list(self.harmless)!r}")


class Catalogue(Protocol):
    """What vendors' metrics mean; `config.catalogue` loads the one that is shipped."""

    def service(self, cloud: str, vendor_service: str) -> str:
        """Return our name ("aws.ec2") of a vendor's ("AWS/EC2"), made up by rule if unknown."""

    def lookup(self, service: str, vendor_metric: str) -> MetricSpec:
        """Return the entry of a vendor's or canonical metric name; a default one if unknown."""


@dataclass(slots=True)
class Chunk:
    """What a reader got in one poll: payloads of one partition, in order."""

    payloads: list[bytes]
    positions: Sequence[int]  # of each payload: Kafka offset, line number from 0, row
    next_position: int  # where to go on after this chunk
    stamps_ms: I64 | None = None  # the records' own time stamps, where the source has them


class SeriesTable:
    """Series that one partition's decoder has met, in that order, each with its attributes."""

    def __init__(self) -> None:
        self.series: list[Series] = []
        self.source_metric: list[str] = []  # the vendor's name, by position
        self._index: dict[Series, int] = {}

    def index(self, series: Series, source_metric: str = "") -> int:
        """Return the position of `series` in the table, adding it if new."""
        found = self._index.setdefault(series, len(self.series))
        if found == len(self.series):
            self.series.append(series)
            self.source_metric.append(source_metric)
        return found


@dataclass(slots=True)
class SampleBatch:
    """Decoded samples of one chunk, as columns of equal length, in the order of the payloads."""

    series: I32  # position in the partition's SeriesTable
    ts_ms: I64  # event time, UTC
    value: F64  # finite
    payload: I32  # which payload of the chunk the sample came from
    start_ms: I64 | None = None  # since when counters count; 0: not said; None: there are none
    count: F64 | None = None  # observations behind `value`, for "mean" and "ratio"; else 0


class Reject(msgspec.Struct, frozen=True):
    """Bad input, kept with the reason: what one payload had to be refused for one reason."""

    reason: str  # a short constant: "truncated", "not_finite", "count_zero", "too_far_ahead" ...
    detail: str
    source: str
    partition: str
    position: int
    raw: bytes
    points: int = 1  # how many were refused for it; 1 where the payload could not be read


@dataclass(slots=True)
class Decoded:
    """What a decoder made of a chunk."""

    batch: SampleBatch
    rejects: list[tuple[int, str, str]]  # payload's index, in their order; reason, detail


class Decoder(Protocol):
    """Pure: the same payloads give the same result. One instance serves one partition."""

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """Decode every good point and reject every bad one; never raise on input."""


class NamedDecoder(Decoder, Protocol):
    """A decoder that says what it decodes."""

    @property
    def format(self) -> str:
        """Return the format's name; "" as long as it has not been found out."""


class Tally(msgspec.Struct, frozen=True):
    """Counts of one chunk: points are samples, late, absorbed (here) or rejected, nothing else."""

    source: str
    partition: str
    payloads: int = 0
    samples: int = 0
    late: int = 0
    rejected: int = 0
    absorbed: int = 0


class LateSample(msgspec.Struct, frozen=True):
    """A sample that came after its tick had ended by its own partition's watermark."""

    series: Series
    ts_ms: int
    value: float
    source: str
    partition: str
    position: int


@dataclass(slots=True)
class FeatureBatch:
    """Feature rows of one service, each one resource at one tick, against its own past."""

    service: str
    names: tuple[str, ...]  # of the columns: "cpu.utilization:z", "cpu.utilization:z_short" ...
    rows: npt.NDArray[np.float32]  # (n, len(names)); 0 where the metric is missing: as expected
    tick_ms: I64  # (n,) start of each row's tick
    from_ms: int  # event times that the rows were taken from, half-open
    until_ms: int
    drawn_from: int  # how many rows there were; `rows` is a uniform sample of them


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """A key group's rows since the drift that asks for a new model; it may have none."""

    request: str  # `Drift.id`
    group: int
    batch: FeatureBatch


class Drift(msgspec.Struct, frozen=True, tag_field="kind", tag="drift"):
    """The resources of a service have come to another level together, and stay there."""

    id: str  # digest of service and `found_ms`
    service: str
    since_ms: int
    found_ms: int  # tick at which it was decided
    effective_ms: int  # from this tick on the new level is the normal one
    retrain_by_ms: int  # event time at which the answer, a `Promotion`, must be there
    resources: int  # that it hit
    share: float  # of the service's, [0, 1]


class Promotion(msgspec.Struct, frozen=True, tag_field="kind", tag="promotion"):
    """A model comes into force; or none does, which answers a request just as well."""

    service: str
    version: str  # "": declined or timed out, nothing changes
    effective_ms: int
    request: str = ""  # `Drift.id` that it answers
    reason: str = ""


class Feedback(msgspec.Struct, frozen=True, tag_field="kind", tag="feedback"):
    """Somebody says what an incident was."""

    incident: str  # its id
    verdict: Literal["false_positive", "real"]
    targets: tuple[tuple[str, str, Labels, float, float], ...]  # `operators.feedback.Target`
    effective_ms: int
    actor: str


Command = Drift | Promotion | Feedback


class Evidence(msgspec.Struct, frozen=True):
    """One metric's part in a verdict."""

    metric: str
    labels: Labels
    unit: str
    value: float
    expected: float
    lower: float  # expected band
    upper: float
    share: float  # of the resource's score, [0, 1]; shares of a verdict sum to 1
    onset_ms: int  # first tick at which this metric left its band


class Anomaly(msgspec.Struct, frozen=True):
    """One edge of one resource's alert: it opened, it changed while open, it closed."""

    edge: Literal["open", "update", "close"]
    kind: str  # "metrics", "rule:<name>" or "silent"
    resource: Resource
    tick_ms: int  # start of the tick at which the edge was decided
    onset_ms: int  # first tick of the deviation
    confidence: float  # [0, 1]
    score: float  # fused, >= 0; higher is more anomalous
    evidence: tuple[Evidence, ...] = ()  # most first; on close the last of the open alert
    detectors: tuple[tuple[str, float], ...] = ()  # name and its calibrated score, most first
    floor: Severity | None = None  # a rule's least severity

    @property
    def id(self) -> str:
        """The alert's identity: an open and its close share it."""
        return f"{self.kind}@{self.resource.key}"


class Pulse(msgspec.Struct, frozen=True, array_like=True):
    """How a key group's resources of a service looked to the forests in one window of time."""

    service: str
    start_ms: int
    scored: int  # resources
    high: int  # of these, those that the batch forest found odd, mostly
    both: int  # of these, those that the half-space trees found odd too


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """How a key group's judges of one service have done since its state began."""

    service: str
    version: str  # of the registry's model in use; "": none
    resources: int
    warming: int  # of these, those that have no full score yet
    warm_ms: int  # about when the last of them will; 0: all have
    scored: int  # rows
    anomalous: int  # of these, those at or above the threshold
    scores: tuple[tuple[str, int], ...]  # upper bound of the fused score, or "more"; rows
    detectors: tuple[tuple[str, int, float], ...]  # name, rows, sum of surprises


class Closed(msgspec.Struct, frozen=True):
    """A key group's word that it has closed every tick before `until_ms`, and what it found."""

    group: int
    until_ms: int
    final: bool  # no input will ever follow: the end of a bounded replay
    anomalies: tuple[Anomaly, ...] = ()
    resources: int = 0  # that the group holds
    scored: int = 0  # rows since its last word: a resource at a tick
    absorbed: int = 0  # samples since then that gave no value: a counter's first, an empty mean
    late: int = 0  # samples since then of a partition that joined after their ticks had closed
    pulses: tuple[Pulse, ...] = ()  # windows that ended since then
    standings: tuple[Standing, ...] = ()  # now and then


class Member(msgspec.Struct, frozen=True):
    """A resource's part in an incident."""

    resource: Resource
    kind: str
    opened_ms: int
    onset_ms: int
    closed_ms: int | None
    confidence: float
    score: float
    evidence: tuple[Evidence, ...]


class Incident(msgspec.Struct, frozen=True):
    """What people are told: a snapshot, complete in itself, at one revision."""

    id: str
    revision: int  # from 1, by 1
    state: Literal["open", "resolved"]
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
    members: tuple[Member, ...]  # most suspect first; bounded


class Transition(msgspec.Struct, frozen=True):
    """One step in an incident's life, with the incident as it then was."""

    event: Literal["opened", "updated", "resolved", "reopened"]
    ts_ms: int  # event time
    actor: str  # "foreshock", or who asked
    reason: str
    incident: Incident

    @property
    def id(self) -> str:
        """Unique and the same at every replay: sinks upsert on it."""
        return f"{self.incident.id}.{self.incident.revision}"
