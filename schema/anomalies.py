"""What key groups say: alert edges, how far they have come, how their judges do."""

from typing import Literal

import msgspec

from schema.commands import Drift, TriageCommand
from schema.metrics import Felt, Resource
from schema.names import Labels, Severity
from schema.plots import Plot
from schema.topology import Seen


class Evidence(msgspec.Struct, frozen=True, gc=False):
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
    limit: float | None = None  # natural limit that it climbs to; None: it does not
    limit_at_ms: int | None = None  # when it will be there, at the pace that its climb has had


class Anomaly(msgspec.Struct, frozen=True, gc=False):
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


class Effect(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How bad one metric of one resource was at one tick, whether or not it made an alert."""

    tick_ms: int
    resource: Resource
    metric: str
    labels: Labels
    unit: str
    felt: Felt
    load: bool  # the traffic itself, which may be bad either way
    value: float
    expected: float
    lower: float  # expected band
    upper: float
    strength: float  # distance from what was expected in half bands, > 0
    onset_ms: int  # first tick at which it left its band, or this one
    requests: float | None  # that the resource had in this step; None: not known


class Pulse(msgspec.Struct, frozen=True, array_like=True):
    """How a key group's resources of a service looked to the forests in one window of time."""

    service: str
    start_ms: int
    scored: int  # resources
    high: int  # of these, those that the batch forest found odd, mostly
    both: int  # of these, those that the half-space trees found odd too


class DetectorStanding(msgspec.Struct, frozen=True, array_like=True):
    """How one detector has done in a `Standing`."""

    name: str
    rows: int  # that it judged
    surprise: float  # sum over them of -log10 of the tail probability
    anomalous: int = 0  # of these, those that it alone would have found odd enough for an alert
    scores: tuple[tuple[str, int], ...] = ()  # upper bound of its surprise, or "more"; rows


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
    detectors: tuple[DetectorStanding, ...]


class DriftStanding(msgspec.Struct, frozen=True):
    """Whether a service stands where it stood, all its key groups together."""

    service: str
    until_ms: int  # event time up to which it was judged
    state: Literal["steady", "suspected", "drifting", "accepted"]
    since_ms: int | None  # most resources odd ("suspected", "drifting"), the new level normal
    window: int  # counts in ADWIN's window, each of a pulse
    share: float  # of its resources that were odd to the batch forest, mean over the window, [0, 1]
    changed_ms: int | None  # when that share last rose for good, and has not fallen since
    drifts: int  # told so far
    last: Drift | None  # of these


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
    commands: tuple[tuple[int, TriageCommand], ...] = ()  # tick, command; from group 0 alone
    seen: tuple[tuple[int, Seen], ...] = ()  # tick, what the data showed of the topology
    effects: tuple[Effect, ...] = ()  # by tick; bounded, the strongest of each
    over: int = 0  # samples since then of what was refused a place, see `operators.admission`
    refused: tuple[tuple[str, str, int], ...] = ()  # account, limit, names refused for it
    forgotten: int = 0  # resources since then, to make room
    plots: tuple[Plot, ...] = ()  # of what has alerted; bounded, see `operators.recorder`
