"""What a catalogue file may hold: one layer, checked, not yet merged."""

import re
from typing import Any, Literal

import msgspec

from schema import MetricSpec

_STATISTIC = re.compile(
    r"mean|sum|min|max|count|IQM|(?:p|tm|wm|tc|ts)\d{1,2}(?:\.\d+)?|(?:TM|WM|PR|TC|TS)\([^()]*\)"
)

Unset = msgspec.UnsetType
UNSET = msgspec.UNSET


def _check_statistic(name: str) -> None:
    if not _STATISTIC.fullmatch(name):
        raise ValueError(
            "statistic must be mean, sum, min, max, count or a percentile such as p99, "
            f"got {name!r}"
        )


class Meaning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a canonical metric means; what is absent comes from the layer below."""

    unit: str | Unset = UNSET
    statistic: str | Unset = UNSET  # how vendors' readings of it are taken unless they say
    bad: Literal["up", "down", "both", "none"] | Unset = UNSET
    weight: float | Unset = UNSET
    load: bool | Unset = UNSET
    felt: Literal["", "delay", "failure"] | Unset = UNSET
    lower: float | Unset | None = UNSET
    upper: float | Unset | None = UNSET
    min_change: float | Unset = UNSET
    least_effect: float | Unset | None = UNSET
    harmless: tuple[float, float] | Unset | None = UNSET

    def __post_init__(self) -> None:
        MetricSpec("", **self.present())
        if self.statistic is not UNSET:
            _check_statistic(self.statistic)
        if self.min_change is not UNSET and not self.min_change >= 0:
            raise ValueError(f"min_change must be 0 or more, got {self.min_change!r}")
        if isinstance(self.least_effect, float) and not 0 <= self.least_effect <= 100:
            raise ValueError(f"least_effect must be in [0, 100], got {self.least_effect!r}")

    def present(self) -> dict[str, Any]:
        """Return the fields that are given."""
        return {k: v for k, v in msgspec.structs.asdict(self).items() if v is not UNSET}

    def over(self, below: "Meaning") -> "Meaning":
        """Return `below` with what is given here on top."""
        return msgspec.structs.replace(below, **self.present())


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to read a vendor's metric: canonical value = value * scale + offset."""

    metric: str
    statistic: str | None = None  # None: the canonical metric's
    scale: float = 1.0
    offset: float = 0.0
    labels: dict[str, str] = {}
    across: tuple[str, ...] = ()  # labels that do not make a series: cpu=0, cpu=1 are one
    instead_of: str | None = None  # never sent together with this one, and means the same

    def __post_init__(self) -> None:
        MetricSpec(self.metric, scale=self.scale)
        if not abs(self.offset) < float("inf"):
            raise ValueError(f"offset must be finite, got {self.offset!r}")
        if len(set(self.across)) < len(self.across) or "" in self.across:
            raise ValueError(f"across must be different label names, got {self.across!r}")
        if self.statistic is not None:
            _check_statistic(self.statistic)

    @property
    def target(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The series within a resource that it becomes."""
        return self.metric, tuple(sorted(self.labels.items()))

    @property
    def converts(self) -> bool:
        """Whether the value or the series' labels differ from what was sent."""
        return (self.scale, self.offset) != (1.0, 0.0) or bool(self.labels)


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A vendor's service: its names on the wire and its metrics."""

    names: tuple[str, ...] = ()  # CloudWatch namespace, Azure provider type, GCP resource type
    family: str | None = None  # whose entries serve it too; None: "app" of "app.nginx"
    metrics: dict[str, Reading] = {}


class Overrides(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What differs in a cloud or service."""

    tier: int | None = None  # how much it matters, 1 most
    metrics: dict[str, Meaning] = {}

    def __post_init__(self) -> None:
        if self.tier is not None and not 1 <= self.tier <= 5:
            raise ValueError(f"tier must be in [1, 5], got {self.tier!r}")


class Cloud(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Overrides of a cloud and of its services."""

    defaults: Overrides = Overrides()
    services: dict[str, Overrides] = {}


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file."""

    canonical: dict[str, Meaning] = {}
    endings: dict[str, Meaning] = {}  # of names that nobody knows: "_total"
    beginnings: dict[str, Meaning] = {}  # of the same, over their endings: "go_"
    services: dict[str, Service] = {}
    clouds: dict[str, Cloud] = {}
