"""Sensible silence in YAML: what the settings say of single metrics, over the catalogue."""

import math
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from schema import MetricSpec, Series

_ALL_VALUES = (-math.inf, math.inf)
_OVER = ("bad", "weight", "min_change", "least_effect", "harmless")  # keys that go over a spec's


class MetricSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What differs for the series that it matches; in names "*" and "?" match.

    What is left out stays as it was. Of several that match, a later one goes over an earlier one.
    """

    metric: str = "*"  # canonical name
    service: str = "*"
    resource: str = "*"  # name or key
    labels: dict[str, str] = {}  # the series must have them all
    suppress: bool = False  # no reason for an alert, whatever it does; rules still hold
    bad: Literal["up", "down", "both", "none"] | None = None
    weight: float | None = None
    min_change: float | None = None
    least_effect: float | None = None
    harmless: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if all(each in {"", "*"} for each in (self.metric, self.service, self.resource)):
            raise ValueError("metric, service or resource must say which are meant, got none")
        if not self.suppress and not self._given:
            raise ValueError(f"must set suppress, or one of {', '.join(_OVER)}, got none of them")
        if self.min_change is not None and not 0 <= self.min_change < math.inf:
            raise ValueError(f"min_change must be 0 or more, got {self.min_change!r}")
        if self.least_effect is not None and not 0 <= self.least_effect <= 100:
            raise ValueError(f"least_effect must be in [0, 100], got {self.least_effect!r}")
        MetricSpec("", **self._given)

    @property
    def _given(self) -> dict[str, Any]:
        return {name: value for name in _OVER if (value := getattr(self, name)) is not None}

    def matches(self, series: Series) -> bool:
        """Tell whether the series is meant."""
        held = dict(series.labels)
        resource = series.resource
        return (
            fnmatchcase(series.metric, self.metric)
            and fnmatchcase(resource.service, self.service)
            and any(fnmatchcase(name, self.resource) for name in (resource.name, resource.key))
            and all(fnmatchcase(held.get(k, ""), v) for k, v in self.labels.items())
        )

    def over(self, spec: MetricSpec) -> MetricSpec:
        """Return the spec with what is said here on top."""
        if self.suppress:
            return msgspec.structs.replace(spec, bad="none", weight=0.0, harmless=_ALL_VALUES)
        return msgspec.structs.replace(spec, **self._given)


def spec_in_force(
    settings: tuple[MetricSettings, ...], series: Series, spec: MetricSpec
) -> MetricSpec:
    """Return what counts of a series' metric: the catalogue's `spec`, and the settings over it."""
    if spec.felt == "delay" and not series.unit:  # of no known scale: no change is too small
        spec = msgspec.structs.replace(spec, unit="", min_change=0.0)
    for each in settings:
        if each.matches(series):
            spec = each.over(spec)
    return spec
