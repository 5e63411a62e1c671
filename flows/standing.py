"""How detection stands in each service: counts of all key groups, and what people said of it."""

from collections.abc import Iterable, Sequence

import msgspec

from connectors.feedback_store import FeedbackStore, Word
from connectors.incident_store import IncidentStore
from connectors.standing_store import StandingRow, StandingStore
from schema import Incident


class DetectorFigures(msgspec.Struct, frozen=True):
    """What one detector has come to."""

    name: str
    rows: int
    mean_surprise: float  # -log10 of the tail probability


class Statistics(msgspec.Struct, frozen=True):
    """A service, all its key groups together."""

    service: str
    until_ms: int  # event time of the newest word; 0: there is none
    versions: tuple[str, ...]  # of the registry's models in use; none: fitted as data comes
    resources: int
    warming: int  # of these, those that have no full score yet
    warm_ms: int  # about when the last of them will; 0: all have
    scored: int  # rows: a resource at a tick
    anomalous: int  # of these, those at or above the threshold
    scores: tuple[tuple[str, int], ...]  # upper bound of the fused score, rows up to it
    detectors: tuple[DetectorFigures, ...]
    real: int = 0  # incidents that people said were so
    false_positive: int = 0

    @property
    def anomaly_rate(self) -> float | None:
        """Share of the rows that were anomalous."""
        return self.anomalous / self.scored if self.scored else None

    @property
    def precision(self) -> float | None:
        """Share of real ones among the incidents that people said something of."""
        said = self.real + self.false_positive
        return self.real / said if said else None


def statistics_of(store: str, service: str | None = None) -> list[Statistics]:
    """Return how the services stand that an incident store knows of, by name.

    Raises: ValueError if there is no store.
    """
    standings = StandingStore(store)
    kept = FeedbackStore(store)
    incidents = IncidentStore(store)
    try:
        rows = standings.newest(service)
        said = _said(kept.words(), incidents)
    finally:
        for each in (standings, kept, incidents):
            each.close()
    names = {row.standing.service for row in rows} | {n for n in said if service in (None, n)}
    return [
        _summed(name, [row for row in rows if row.standing.service == name], said.get(name, []))
        for name in sorted(names)
    ]


def _said(words: Iterable[Word], incidents: IncidentStore) -> dict[str, list[str]]:
    """Return the verdicts by service; one on several services counts for each."""
    found: dict[str, list[str]] = {}
    for word in words:
        incident = incidents.get_incident(word.incident_id)
        for service in sorted(_services(incident)):
            found.setdefault(service, []).append(word.verdict)
    return found


def _services(incident: Incident | None) -> set[str]:
    return set() if incident is None else {m.resource.service for m in incident.members}


def _summed(service: str, rows: Sequence[StandingRow], verdicts: Sequence[str]) -> Statistics:
    held = [row.standing for row in rows]
    scores: dict[str, int] = {}
    detectors: dict[str, tuple[int, float]] = {}
    for each in held:
        for bound, count in each.scores:
            scores[bound] = scores.get(bound, 0) + count
        for name, count, total in each.detectors:
            before = detectors.get(name, (0, 0.0))
            detectors[name] = (before[0] + count, before[1] + total)
    return Statistics(
        service,
        max((row.until_ms for row in rows), default=0),
        tuple(sorted({each.version for each in held} - {""})),
        sum(each.resources for each in held),
        sum(each.warming for each in held),
        max((each.warm_ms for each in held), default=0),
        sum(each.scored for each in held),
        sum(each.anomalous for each in held),
        tuple(scores.items()),
        tuple(
            DetectorFigures(name, count, round(total / count, 4))
            for name, (count, total) in detectors.items()
        ),
        verdicts.count("real"),
        verdicts.count("false_positive"),
    )
