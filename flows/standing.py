"""How detection stands in each service: counts of all key groups, and what people said of it."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from connectors.feedback_store import FeedbackStore, Word
from connectors.incident_store import IncidentStore
from connectors.standing_store import StandingRow, StandingStore
from schema import DriftStanding, Incident

Words = Counter[tuple[str, str, str]]  # service, detector or "", verdict -> words


class DetectorFigures(msgspec.Struct, frozen=True):
    """What one detector has come to; rules and silence have no rows, and no surprises."""

    name: str
    rows: int = 0
    mean_surprise: float = 0.0  # -log10 of the tail probability
    anomalous: int = 0  # rows that it alone would have found odd enough for an alert
    scores: tuple[tuple[str, int], ...] = ()  # upper bound of the surprise, rows up to it
    real: int = 0  # incidents with an alert that it carried, that people said were so
    false_positive: int = 0

    @property
    def counted(self) -> int:
        """Rows of its distribution; fewer than all where a state is older than that is."""
        return sum(rows for _, rows in self.scores)

    @property
    def anomaly_rate(self) -> float | None:
        """Share of the rows that it found odd enough."""
        return self.anomalous / self.counted if self.counted else None

    @property
    def precision(self) -> float | None:
        """Share of real ones among the incidents that it found and people said something of."""
        return _precision(self.real, self.false_positive)


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
    drift: DriftStanding | None = None  # None: nothing was said of it

    @property
    def anomaly_rate(self) -> float | None:
        """Share of the rows that were anomalous."""
        return self.anomalous / self.scored if self.scored else None

    @property
    def precision(self) -> float | None:
        """Share of real ones among the incidents that people said something of."""
        return _precision(self.real, self.false_positive)


def statistics_of(store: str, service: str | None = None) -> list[Statistics]:
    """Return how the services stand that an incident store knows of, by name.

    Raises: ValueError if there is no store.
    """
    standings = StandingStore(store)
    kept = FeedbackStore(store)
    incidents = IncidentStore(store)
    try:
        rows = standings.newest(service)
        drifts = {each.service: each for each in standings.drifts(service)}
        said = _said(kept.words(), incidents)
    finally:
        for each in (standings, kept, incidents):
            each.close()
    names = {row.standing.service for row in rows} | {*drifts}
    names |= {name for name, _, _ in said if service in (None, name)}
    return [
        msgspec.structs.replace(
            _summed(name, [row for row in rows if row.standing.service == name], said),
            drift=drifts.get(name),
        )
        for name in sorted(names)
    ]


def _said(words: Iterable[Word], incidents: IncidentStore) -> Words:
    """Return how many words there are; one counts for each service and detector of its incident."""
    found: Words = Counter()
    for word in words:
        credited = _credited(incidents.get_incident(word.incident_id))
        found.update((service, detector, word.verdict) for service, detector in credited)
    return found


def _credited(incident: Incident | None) -> set[tuple[str, str]]:
    """Return services, and with each detector that found something there."""
    members = () if incident is None else incident.members
    return {(m.resource.service, name) for m in members for name in ("", *m.detectors)}


def _precision(real: int, false_positive: int) -> float | None:
    said = real + false_positive
    return real / said if said else None


def _summed(service: str, rows: Sequence[StandingRow], said: Words) -> Statistics:
    held = [row.standing for row in rows]
    return Statistics(
        service,
        max((row.until_ms for row in rows), default=0),
        tuple(sorted({each.version for each in held} - {""})),
        sum(each.resources for each in held),
        sum(each.warming for each in held),
        max((each.warm_ms for each in held), default=0),
        sum(each.scored for each in held),
        sum(each.anomalous for each in held),
        _added(each.scores for each in held),
        _detectors(service, rows, said),
        said[service, "", "real"],
        said[service, "", "false_positive"],
    )


def _detectors(
    service: str, rows: Sequence[StandingRow], said: Words
) -> tuple[DetectorFigures, ...]:
    """Return what each has come to, in the flow's order; then rules and silence, if judged."""
    parts = [each for row in rows for each in row.standing.detectors]
    judged = sorted(detector for name, detector, _ in said if name == service and detector)
    found = []
    for name in dict.fromkeys([*(each.name for each in parts), *judged]):
        mine = [each for each in parts if each.name == name]
        count = sum(each.rows for each in mine)
        total = sum(each.surprise for each in mine)
        found.append(
            DetectorFigures(
                name,
                count,
                round(total / count, 4) if count else 0.0,
                sum(each.anomalous for each in mine),
                _added(each.scores for each in mine),
                said[service, name, "real"],
                said[service, name, "false_positive"],
            )
        )
    return tuple(found)


def _added(counts: Iterable[Sequence[tuple[str, int]]]) -> tuple[tuple[str, int], ...]:
    total: dict[str, int] = {}
    for each in counts:
        for bound, rows in each:
            total[bound] = total.get(bound, 0) + rows
    return tuple(total.items())
