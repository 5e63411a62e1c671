"""Resources, their series, and what is known of a metric."""

import math
from typing import Literal, Protocol

import msgspec

from schema.names import Labels

Felt = Literal["", "delay", "failure"]
"""How those feel it who call a resource: each request takes longer, or requests fail."""


class Resource(msgspec.Struct, frozen=True, gc=False):
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
    felt: Felt = ""
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
