"""How well incidents agree with what is known to have been wrong.

`flows.label_forms` reads the files that say so.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import msgspec

AFTERMATH_MS = 30 * 60 * 1000  # an incident may come this long after its fault has ended


class Fault(msgspec.Struct, frozen=True):
    """A fault of the truth, half-open in time. Other fields of the file are not needed here."""

    id: str
    start_ms: int
    end_ms: int
    resources: frozenset[str]  # names of all that it hit
    kind: str = ""
    service: str = ""  # "": not known
    severity: str = msgspec.field(default="", name="severity_hint")  # "": not known

    def __post_init__(self) -> None:
        if not self.start_ms <= self.end_ms:
            raise ValueError(
                f"start_ms must not be after end_ms, got {(self.start_ms, self.end_ms)!r}"
            )


class KnownDrift(msgspec.Struct, frozen=True):
    """A drift of the truth, which stays. Other fields of the file are not needed here."""

    id: str
    start_ms: int
    service: str
    resources: frozenset[str]  # names


class Labels(msgspec.Struct, frozen=True):
    """What is known to have happened."""

    faults: tuple[Fault, ...]
    drifts: tuple[KnownDrift, ...] = ()
    no_faults: tuple[Fault, ...] = ()  # what people said was none
    complete: bool = True  # what they do not name was no fault; else it is not known
    form: str = "truth"  # of the file
    windows: dict[str, tuple[tuple[int, int], ...]] | None = None  # file: first and last row's ms


def within(labels: Labels, from_ms: int, until_ms: int) -> Labels:
    """Return the labels of what was there to be seen in [from_ms, until_ms)."""
    return msgspec.structs.replace(
        labels,
        faults=tuple(f for f in labels.faults if f.end_ms > from_ms and f.start_ms < until_ms),
        drifts=tuple(d for d in labels.drifts if from_ms <= d.start_ms < until_ms),
    )


class Told(msgspec.Struct, frozen=True):
    """An incident, as far as it is judged here."""

    id: str
    resources: frozenset[str]
    opened_ms: int
    resolved_ms: int | None = None  # none: still open

    def matches(self, fault: Fault) -> bool:
        """Whether it overlaps the fault or its aftermath, and names a resource that it hit."""
        ends = self.resolved_ms is None or self.resolved_ms >= fault.start_ms
        in_time = ends and self.opened_ms < fault.end_ms + AFTERMATH_MS
        return in_time and not self.resources.isdisjoint(fault.resources)


class Alert(msgspec.Struct, frozen=True, array_like=True):
    """How long one resource's alert was open, half-open in time."""

    resource: str  # its name
    opened_ms: int
    closed_ms: int


class Agreement(msgspec.Struct, frozen=True):
    """The figures. A share of nothing is None."""

    faults: int
    caught: int
    precision: float | None  # share of incidents that match a fault: several of one all do
    recall: float | None  # share of faults that an incident matches
    median_detection_delay_s: float | None  # of caught faults, to their first incident's opening
    missed_faults: tuple[str, ...]  # "F003 memory_leak", in the order of the truth
    false_incidents: tuple[str, ...]  # ids, in the order given


def read_labels(content: bytes) -> Labels:
    """Return what a truth file says.

    Raises: ValueError if it is not one.
    """
    try:
        return msgspec.json.decode(content, type=Labels)
    except msgspec.DecodeError as ex:
        raise ValueError(f"must be a truth file with faults: {ex}") from ex


def agreement(faults: Sequence[Fault], incidents: Iterable[Mapping[str, object]]) -> Agreement:
    """Judge incidents (id, resources, opened_ms, resolved_ms ...) by the faults.

    Who opens early is not early: a delay is at least 0.
    """
    told = [msgspec.convert(incident, Told) for incident in incidents]
    found = [[incident for incident in told if incident.matches(fault)] for fault in faults]
    right = {incident.id for matching in found for incident in matching}
    delays_ms = [
        max(0, min(incident.opened_ms for incident in matching) - fault.start_ms)
        for fault, matching in zip(faults, found, strict=True)
        if matching
    ]
    return Agreement(
        faults=len(faults),
        caught=len(delays_ms),
        precision=_share(sum(incident.id in right for incident in told), len(told)),
        recall=_share(len(delays_ms), len(faults)),
        median_detection_delay_s=median(delays_ms) / 1000 if delays_ms else None,
        missed_faults=tuple(
            f"{fault.id} {fault.kind}".rstrip()
            for fault, matching in zip(faults, found, strict=True)
            if not matching
        ),
        false_incidents=tuple(incident.id for incident in told if incident.id not in right),
    )


def false_positive_rate(
    faults: Sequence[Fault], alerts: Iterable[Alert], scored: int, tick_ms: int
) -> float | None:
    """Return the share of scored rows at which an alert was open and no fault had hit its resource.

    A fault's aftermath counts as the fault. A row is a resource at a tick; where samples come
    less often than ticks, the share is too high by as much.
    """
    hit: dict[str, list[Fault]] = {}
    for fault in sorted(faults, key=lambda fault: fault.start_ms):
        for resource in fault.resources:
            hit.setdefault(resource, []).append(fault)
    outside_ms = sum(_outside_ms(alert, hit.get(alert.resource, [])) for alert in alerts)
    return outside_ms / tick_ms / scored if scored else None


def _outside_ms(alert: Alert, faults: Sequence[Fault]) -> int:
    """Return how much of an alert lies outside of the faults, which come by their start."""
    outside, at = 0, alert.opened_ms
    for fault in faults:
        outside += max(0, min(fault.start_ms, alert.closed_ms) - at)
        at = max(at, min(fault.end_ms + AFTERMATH_MS, alert.closed_ms))
    return outside + alert.closed_ms - at


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
