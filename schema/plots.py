"""What screens draw: evidence of an incident, the state of the estate now, and its last days."""

from typing import Literal

import msgspec

from schema.commands import Edge
from schema.names import Labels

Health = Literal["ok", "off", "silent"]


class Plot(msgspec.Struct, frozen=True, gc=False, tag="plot"):
    """One metric of a resource around the onset of its alert; a point a sample, or fewer.

    Columns are of equal length and ordered by time. Where the alert lasts, neighbouring points are
    thinned out; of each pair the one that is farther off stays. The first `recalled` points are
    older than the alert: their band is what the model expects at such times as it stood then.
    """

    resource: str  # key
    name: str
    service: str
    metric: str
    labels: Labels
    unit: str
    kind: str  # of the alert: "metrics", "rule:<name>" or "silent"
    opened_ms: int  # of the alert
    onset_ms: int  # when this metric left its band
    closed_ms: int | None  # of the alert; None: it was open at `until_ms`
    until_ms: int  # event time at which it was drawn
    step_ms: int  # between samples
    ts_ms: tuple[int, ...]
    value: tuple[float, ...]
    expected: tuple[float | None, ...]  # None: not known
    lower: tuple[float | None, ...]  # of the expected band; None: it has no such side
    upper: tuple[float | None, ...]
    marks: tuple[int, ...] = ()  # positions of the points that are anomalous
    share: float = 1.0  # of the resource's score that is this metric's, [0, 1]
    detectors: tuple[tuple[str, float], ...] = ()  # and their share in the alert, most first
    recalled: int = 0


class NearNode(msgspec.Struct, frozen=True, gc=False):
    """A node of the topology near an incident."""

    name: str
    type: str  # "aws.rds", "zone" ...; "": not known
    role: Literal["suspect", "member", "neighbour"]
    hops: int  # from the nearest suspect or member; 0 of those


class Surroundings(msgspec.Struct, frozen=True, gc=False, tag="around"):
    """The topology around an incident's suspects and members, as it was at `until_ms`."""

    until_ms: int  # event time
    nodes: tuple[NearNode, ...]  # most suspect first, then members, then the nearest; bounded
    edges: tuple[Edge, ...]  # among `nodes`; bounded
    more: int = 0  # nodes that were left out


class LivePart(msgspec.Struct, frozen=True):
    """A cloud or a service as it stands now; rates are of the last while, in event time."""

    cloud: str  # "": not known
    service: str  # "": all services of the cloud
    health: Health  # "ok", unless one of its resources is not
    resources: int
    off: int  # of these, those with an open alert
    silent: int
    samples_per_s: float
    anomaly_rate: float  # share of the judged rows that were anomalous, [0, 1]
    watermark_ms: int  # event time up to which all is judged


class LiveResource(msgspec.Struct, frozen=True):
    """A resource that is off or silent."""

    resource: str  # key
    name: str
    cloud: str
    service: str
    health: Health
    since_ms: int  # the deviation's onset, or the last sample
    oddness: float  # its score now, in thresholds: from 1 on it can raise an alert


class LiveState(msgspec.Struct, frozen=True):
    """How the estate stands, as the flow last said."""

    watermark_ms: int | None = None  # event time up to which all is judged; None: nothing heard
    said_ms: int | None = None  # wall clock of the last word
    lag_ms: int | None = None  # of the watermark behind the wall clock then
    samples_per_s: float = 0.0
    anomaly_rate: float = 0.0
    clouds: tuple[LivePart, ...] = ()  # by name
    services: tuple[LivePart, ...] = ()  # by cloud and name
    resources: tuple[LiveResource, ...] = ()  # oddest first; bounded
    more: int = 0  # resources that are off or silent and were left out


class HeatCell(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How odd a resource was at the most, in one bucket of time."""

    resource: str  # key
    start_ms: int  # of the bucket
    oddness: float  # highest score, in thresholds: from 1 on it can raise an alert


class HeatMap(msgspec.Struct, frozen=True):
    """How odd resources were over a stretch of time; where there is no cell, all was well."""

    from_ms: int  # start of the first bucket
    to_ms: int  # end of the last one
    bucket_ms: int
    cells: tuple[HeatCell, ...] = ()  # of the oddest resource first, each by time; bounded
    more: int = 0  # resources that were left out


class LiveCount(msgspec.Struct, frozen=True, array_like=True):
    """How a key group's resources of one cloud and service stand."""

    cloud: str
    service: str
    resources: int
    off: int
    silent: int
    samples: int  # since the word before
    scored: int  # rows since then
    anomalous: int  # of these


class LiveWord(msgspec.Struct, frozen=True):
    """What a key group says now and then of how it stands."""

    group: int
    groups: int  # that there are
    since_ms: int  # event time of the word before: what is counted is from there on
    until_ms: int  # event time
    bucket_ms: int  # of `heat`
    counts: tuple[LiveCount, ...] = ()
    resources: tuple[LiveResource, ...] = ()  # that are off or silent, oddest first; bounded
    more: int = 0  # those that were left out
    heat: tuple[HeatCell, ...] = ()  # that rose since the word before; bounded


class Shown(msgspec.Struct, frozen=True):
    """Evidence that an incident is to be kept with: a plot, or the topology around it."""

    incident: str  # its id
    what: Plot | Surroundings
