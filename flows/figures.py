"""How good a run was by its labels: overall, by severity, service, detector and threshold."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, TypeVar

import msgspec

from flows.judged import UNKNOWN, Judged, Measures, measured
from flows.labels import Fault, Labels
from flows.nab import NabScore
from schema import Severity

T = TypeVar("T")
MAX_POINTS = 50  # of a curve


class CurvePoint(msgspec.Struct, frozen=True):
    """What a threshold of the fused score gives."""

    threshold: float
    precision: float | None
    recall: float | None
    f1: float | None
    false_alarms: int


class Curve(msgspec.Struct, frozen=True):
    """Precision and recall over the threshold, thresholds rising.

    By incidents, a point is what would be left of those that were told, if only those with so high
    a score had been: what a lower threshold than `in_use` would have added is not known. By
    scores, a point is of alarms of single resources: runs of scores that high, before hysteresis
    and triage, down to any threshold.
    """

    basis: Literal["incidents", "scores"]
    in_use: float
    points: tuple[CurvePoint, ...]


class Figures(msgspec.Struct, frozen=True):
    """All figures. Of a group, incidents are its own, faults those that the labels put there.

    A fault is caught by whichever incident. It has no detector: the recall of one is the share of
    all faults that its own incidents caught.
    """

    labels: str  # their form
    complete: bool  # false: incidents that the labels do not know are left out
    days: float  # with data
    overall: Measures
    by_severity: dict[str, Measures]
    by_service: dict[str, Measures]
    by_detector: dict[str, Measures]
    curve: Curve
    nab: tuple[NabScore, ...] = ()  # by profile


def figures_of(
    labels: Labels,
    judged: Sequence[Judged],
    days: float,
    curve: Curve,
    nab: Sequence[NabScore] = (),
) -> Figures:
    """Return the figures of incidents that were judged by the labels."""
    everyone = range(len(labels.faults))
    by_detector = {
        detector: measured(labels, mine, everyone, days)
        for detector, mine in _grouped(judged, lambda each: each.detector).items()
    }

    def by(of: Callable[[Judged], str], meant: Callable[[Fault], str]) -> dict[str, Measures]:
        told = _grouped(judged, lambda each: of(each) or UNKNOWN)
        known = _grouped(everyone, lambda i: meant(labels.faults[i]) or UNKNOWN)
        return {
            name: measured(labels, told.get(name, ()), known.get(name, ()), days, judged)
            for name in sorted({*told, *known}, key=_place)
        }

    return Figures(
        labels=labels.form,
        complete=labels.complete,
        days=days,
        overall=measured(labels, judged, everyone, days),
        by_severity=by(lambda each: each.severity, lambda fault: fault.severity),
        by_service=by(lambda each: each.service, lambda fault: fault.service),
        by_detector=by_detector,
        curve=curve,
        nab=tuple(nab),
    )


def curve_of_incidents(labels: Labels, judged: Sequence[Judged], in_use: float) -> Curve:
    """Return what is left of the incidents by the highest score that each had."""
    scores = sorted({each.score for each in judged if in_use < each.score < math.inf})
    stride = max(1, math.ceil(len(scores) / (MAX_POINTS - 1)))
    points = []
    for threshold in [in_use, *scores[::stride]]:
        # those that opened for another reason than a score stay
        left = [each for each in judged if each.score >= threshold or threshold == in_use]
        found = measured(labels, left, range(len(labels.faults)), 0.0)
        points.append(
            CurvePoint(
                threshold, found.precision, found.recall, found.f1, found.incidents - found.right
            )
        )
    return Curve("incidents", in_use, tuple(points))


def _grouped(items: Iterable[T], name: Callable[[T], str]) -> dict[str, list[T]]:
    """Return the items by name, names in order."""
    groups: dict[str, list[T]] = {}
    for item in items:
        groups.setdefault(name(item), []).append(item)
    return dict(sorted(groups.items(), key=lambda group: _place(group[0])))


def _place(name: str) -> tuple[int, str]:
    """Return where a name stands: the worst severity first, all others by the alphabet."""
    return (-Severity[name] if name in Severity.__members__ else 0), name
