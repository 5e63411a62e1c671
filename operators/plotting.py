"""A plot of an alert that is followed, as people see it."""

import math
from typing import NamedTuple

from operators.cohort import Member, within_limits
from operators.evidence import Followed, Point, Track
from operators.rules import Rule
from schema import Plot, Resource

_DIGITS = 6  # significant ones


class Scene(NamedTuple):
    """Whose series it is."""

    resource: Resource
    member: Member
    rule: Rule | None  # that raised the alert
    step: float  # ticks between samples


def plot_of(
    alert: Followed, track: Track, scene: Scene, tick: int, closed: int | None, tick_ms: int
) -> Plot:
    """Return the plot of a series as it stands at `tick`."""
    resource, (spec, series) = scene.resource, (scene.member.spec, scene.member.series)
    bands = [
        within_limits(spec, p.expected - p.band, p.expected, p.expected + p.band)
        for p in track.points
    ]
    lower, expected, upper = ([_known(band[at]) for band in bands] for at in range(3))
    if scene.rule is not None:
        lower = [scene.rule.below] * len(bands)
        upper = [scene.rule.above] * len(bands)
    return Plot(
        resource.key,
        resource.name,
        resource.service,
        series.metric,
        series.labels,
        series.unit or spec.unit,
        alert.kind,
        alert.opened * tick_ms,
        track.onset * tick_ms,
        None if closed is None else closed * tick_ms,
        tick * tick_ms,
        round(scene.step * tick_ms),
        tuple(point.tick * tick_ms for point in track.points),
        tuple(_rounded(point.value) for point in track.points),
        tuple(expected),
        tuple(lower),
        tuple(upper),
        tuple(
            at
            for at, point in enumerate(track.points)
            if point.tick >= track.onset and _is_out(point, lower[at], upper[at])
        ),
        track.share,
        alert.detectors,
        track.recalled,
    )


def _is_out(point: Point, lower: float | None, upper: float | None) -> bool:
    return (lower is not None and point.value < lower) or (
        upper is not None and point.value > upper
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else _rounded(value)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
