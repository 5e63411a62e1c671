"""How well drift events agree with the drifts that are known, and who was paged for them."""

from collections.abc import Sequence
from statistics import median

import msgspec

from flows.labels import AFTERMATH_MS, Alert, Fault, KnownDrift, Labels, Told
from schema import Drift, Transition

ADJUSTING_MS = 60 * 60 * 1000  # a page for a drift is no false one so soon after its start
DURING_MS = 24 * 60 * 60 * 1000  # faults that start so soon after it count as during the drift


class Recall(msgspec.Struct, frozen=True):
    """Faults of the resources that drift, and how many of them made an alert open.

    An incident that the drift itself opened goes on for a while, and would match them all.
    """

    faults: int
    caught: int


class DriftAgreement(msgspec.Struct, frozen=True):
    """The figures. Pages are incidents that opened or were opened again, and match no fault."""

    drifts: int
    found: int  # that have an event
    events: int
    false_events: int  # of a service that does not drift, or a second one of a drift
    median_delay_s: float | None  # from a drift's start to the decision
    pages_in_first_hour: int
    late_pages: tuple[str, ...]  # incidents, of the rest of the first day
    before: Recall  # faults that start before the drift
    during: Recall  # in its first day
    after: Recall


def is_due_to_drift(incident: Told, drifts: Sequence[KnownDrift]) -> bool:
    """Whether an incident opened in the first hour of a drift, at a resource that drifts."""
    return any(
        0 <= incident.opened_ms - drift.start_ms < ADJUSTING_MS
        and not incident.resources.isdisjoint(drift.resources)
        for drift in drifts
    )


def drift_agreement(
    labels: Labels,
    events: Sequence[Drift],
    transitions: Sequence[Transition],
    alerts: Sequence[Alert],
) -> DriftAgreement | None:
    """Judge drift events and pages by what is known; None where nothing is, and nothing was said.

    Events and transitions may repeat, as they do after a crash.
    """
    distinct = {event.id: event for event in events}
    if not labels.drifts and not distinct:
        return None
    delays_ms: dict[str, int] = {}
    for event in sorted(distinct.values(), key=lambda event: event.found_ms):
        for drift in labels.drifts:
            if event.service == drift.service and event.found_ms >= drift.start_ms:
                delays_ms.setdefault(drift.id, event.found_ms - drift.start_ms)
    pages = [page for drift in labels.drifts for page in _pages(drift, labels.faults, transitions)]
    return DriftAgreement(
        drifts=len(labels.drifts),
        found=len(delays_ms),
        events=len(distinct),
        false_events=len(distinct) - len(delays_ms),
        median_delay_s=median(delays_ms.values()) / 1000 if delays_ms else None,
        pages_in_first_hour=sum(after_ms < ADJUSTING_MS for _, after_ms in pages),
        late_pages=tuple(dict.fromkeys(name for name, ms in pages if ms >= ADJUSTING_MS)),
        before=_recall("before", labels, alerts),
        during=_recall("during", labels, alerts),
        after=_recall("after", labels, alerts),
    )


def _recall(phase: str, labels: Labels, alerts: Sequence[Alert]) -> Recall:
    faults = [
        fault
        for drift in labels.drifts
        for fault in labels.faults
        if not fault.resources.isdisjoint(drift.resources) and _phase(fault, drift) == phase
    ]
    return Recall(len(faults), sum(any(_is_of(a, fault) for a in alerts) for fault in faults))


def _is_of(alert: Alert, fault: Fault) -> bool:
    in_time = fault.start_ms <= alert.opened_ms < fault.end_ms + AFTERMATH_MS
    return in_time and alert.resource in fault.resources


def _phase(fault: Fault, drift: KnownDrift) -> str:
    if fault.start_ms < drift.start_ms:
        return "before"
    return "during" if fault.start_ms < drift.start_ms + DURING_MS else "after"


def _pages(
    drift: KnownDrift, faults: Sequence[Fault], transitions: Sequence[Transition]
) -> list[tuple[str, int]]:
    """Return who was paged for no fault in the drift's first day, and how long after its start."""
    found = set()
    for transition in transitions:
        after_ms = transition.ts_ms - drift.start_ms
        if transition.event not in {"opened", "reopened"} or not 0 <= after_ms < DURING_MS:
            continue
        incident = transition.incident
        names = frozenset(member.resource.name for member in incident.members)
        told = Told(incident.id, names, transition.ts_ms, transition.ts_ms)
        if not names.isdisjoint(drift.resources) and not any(map(told.matches, faults)):
            found.add((incident.id, after_ms))
    return sorted(found)
