"""Each incident of a run against the labels: right, wrong or not known, and who found it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import quantiles

import msgspec

from flows.drift_labels import is_due_to_drift
from flows.labels import Labels, Told
from schema import Anomaly, Incident, Member, Transition

DAY_MS = 86_400_000
UNKNOWN = "unknown"  # in place of a detector
_GAP_MS = 3_600_000  # between samples that belong to one stretch of data


class Raised(msgspec.Struct, frozen=True, array_like=True):
    """An alert that opened, and what made it open."""

    key: str  # of its resource
    kind: str
    tick_ms: int
    detector: str  # with the highest score; "rules" or "silence"

    @classmethod
    def of(cls, edge: Anomaly) -> "Raised":
        """Return what an edge says that opens an alert."""
        if edge.kind.startswith("rule:"):
            detector = "rules"
        elif edge.kind == "silent":
            detector = "silence"
        else:
            detector = edge.detectors[0][0] if edge.detectors else UNKNOWN
        return cls(edge.resource.key, edge.kind, edge.tick_ms, detector)


class Judged(msgspec.Struct, frozen=True):
    """An incident as it stood at the end, and what the labels say of it."""

    id: str
    opened_ms: int
    severity: str
    service: str  # of its first member
    detector: str  # of its first alert that is known
    score: float  # the highest of its alerts; infinite: not by a score
    faults: tuple[int, ...]  # that it matches, by their place among the labels
    wrong: bool  # it matches none, and is known to be none; neither: not known


class Measures(msgspec.Struct, frozen=True):
    """How good some incidents are. A share or delay of nothing is None."""

    incidents: int  # that are right or wrong
    right: int
    faults: int
    caught: int
    precision: float | None
    recall: float | None
    f1: float | None
    false_alarms_per_day: float | None
    delay_median_s: float | None  # of caught faults, to their first incident's opening
    delay_p90_s: float | None


def judge(
    labels: Labels, transitions: Iterable[Transition], raised: Iterable[Raised]
) -> tuple[Judged, ...]:
    """Judge the incidents by opening, then id; those of a drift's first hour are left out."""
    newest: dict[str, Incident] = {}
    peaks: dict[str, float] = {}
    for transition in transitions:
        incident = transition.incident
        held = newest.get(incident.id)
        if held is None or held.revision < incident.revision:
            newest[incident.id] = incident
        scores = [m.score if m.kind == "metrics" else math.inf for m in incident.members]
        peaks[incident.id] = max([peaks.get(incident.id, 0.0), *scores])
    detectors = {(each.key, each.kind, each.tick_ms): each.detector for each in raised}
    found = [
        _judged(labels, incident, peaks[incident.id], detectors) for incident in newest.values()
    ]
    return tuple(
        sorted((j for j in found if j is not None), key=lambda each: (each.opened_ms, each.id))
    )


def told_of(incident: Incident) -> Told:
    """Return an incident as labels match it: with those who suffer with its members."""
    names = {member.resource.name for member in incident.members}
    resources = frozenset(names | {*incident.impact.suffering})
    return Told(incident.id, resources, incident.opened_ms, incident.resolved_ms)


def _judged(
    labels: Labels,
    incident: Incident,
    peak: float,
    detectors: Mapping[tuple[str, str, int], str],
) -> Judged | None:
    told = told_of(incident)
    faults = tuple(i for i, fault in enumerate(labels.faults) if told.matches(fault))
    if not faults and is_due_to_drift(told, labels.drifts):
        return None
    wrong = not faults and (labels.complete or any(map(told.matches, labels.no_faults)))
    members = sorted(incident.members, key=lambda member: (member.opened_ms, -member.score))
    return Judged(
        incident.id,
        incident.opened_ms,
        incident.severity.name,
        incident.members[0].resource.service if incident.members else "",
        next(filter(None, (detectors.get(_alert(member)) for member in members)), UNKNOWN),
        peak,
        faults,
        wrong,
    )


def _alert(member: Member) -> tuple[str, str, int]:
    return member.resource.key, member.kind, member.opened_ms


def delays_ms(labels: Labels, judged: Iterable[Judged]) -> dict[int, int]:
    """Return how long after its start each fault that was caught was told of, at least 0."""
    first: dict[int, int] = {}
    for incident in judged:
        for fault in incident.faults:
            first[fault] = min(first.get(fault, incident.opened_ms), incident.opened_ms)
    return {i: max(0, ms - labels.faults[i].start_ms) for i, ms in sorted(first.items())}


def measured(
    labels: Labels,
    judged: Sequence[Judged],
    faults: Sequence[int],
    days: float,
    found_by: Sequence[Judged] | None = None,
) -> Measures:
    """Return the figures of some incidents, and of some faults, found by these or by others."""
    delays = delays_ms(labels, judged if found_by is None else found_by)
    caught = [delays[i] / 1000 for i in faults if i in delays]
    right = sum(bool(each.faults) for each in judged)
    wrong = sum(each.wrong for each in judged)
    precision, recall = share(right, right + wrong), share(len(caught), len(faults))
    return Measures(
        incidents=right + wrong,
        right=right,
        faults=len(faults),
        caught=len(caught),
        precision=precision,
        recall=recall,
        f1=f1_of(precision, recall),
        false_alarms_per_day=wrong / days if days > 0 else None,
        delay_median_s=_at(caught, 50),
        delay_p90_s=_at(caught, 90),
    )


def f1_of(precision: float | None, recall: float | None) -> float | None:
    """Return the harmonic mean; where there is no incident but a fault it is 0, as recall is."""
    if recall is None or (precision is None and recall > 0):
        return None
    if not precision or not recall:
        return 0.0
    return 2 * precision * recall / (precision + recall)


def share(part: float, whole: float) -> float | None:
    """Return a share; of nothing there is none."""
    return part / whole if whole else None


def _at(sample: list[float], percent: int) -> float | None:
    """Return a percentile, between two values where it falls between them."""
    if len(sample) < 2:
        return sample[0] if sample else None
    return quantiles(sample, n=100, method="inclusive")[percent - 1]


def covered_days(spans: Iterable[tuple[int, int]]) -> float:
    """Return how many days the stretches of data cover together, in ms from first to last sample.

    >>> covered_days([(0, 43_200_000), (43_260_000, 86_400_000), (900_000_000, 900_000_000)])
    1.0
    """
    total = 0
    until: int | None = None
    for first, last in sorted(spans):
        if until is None or first > until + _GAP_MS:
            total, until = total + last - first, last
        elif last > until:
            total, until = total + last - until, last
    return total / DAY_MS
