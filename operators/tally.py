"""An incident's alerts summed up, edge by edge, so that nobody passes over thousands of members."""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

import msgspec

from operators.members import RULE, AlertRecord
from operators.scope import place_of
from operators.severity import Facts
from schema import Impact, Resource, Severity

Facets = tuple[str, str, str, str, int]  # service, zone, tier, kind; floor, -1 for none
Facet = Literal["service", "zone", "tier", "kind"]
_PLACES: dict[Facet, int] = {"service": 0, "zone": 1, "tier": 2, "kind": 3}


class Count(msgspec.Struct, array_like=True, gc=False):
    """Of the alerts that are alike."""

    seen: int = 0  # that opened in this episode
    open: int = 0


class Tally(msgspec.Struct):
    """What `Tally.of` makes of an incident's members, kept up at the cost of an edge.

    Whoever changes a record takes it out before (`drop`), and puts it in again after (`put`).
    Memory: a number for each resource, and a count for each service, zone, tier and kind.
    """

    open_alerts: dict[str, int] = {}  # resource key -> of it; 0: all of this episode have closed
    open_resources: int = 0
    counts: dict[Facets, Count] = {}
    confidence: float = 0.0  # the highest of the open alerts
    far: float = 0.0  # the same
    stale: bool = False  # one that was highest has gone

    @classmethod
    def of(cls, members: Mapping[str, AlertRecord], episode_ms: int) -> "Tally":
        """Sum up the alerts that opened in the episode."""
        tally = cls()
        for record in members.values():
            if record.opened_ms >= episode_ms:
                tally.put(record, record.resource.key)
        return tally

    def put(self, record: AlertRecord, key: str) -> None:
        """Count an alert of this episode; `key` is its resource's."""
        is_open = record.closed_ms is None
        alerts = self.open_alerts.get(key, 0)
        self.open_alerts[key] = alerts + is_open
        facets = _facets(record.resource, record.kind, record.floor)
        count = self.counts.get(facets)
        if count is None:
            count = self.counts[facets] = Count()
        count.seen += 1
        if is_open:
            count.open += 1
            self.open_resources += alerts == 0
            self.confidence = max(self.confidence, record.confidence)
            self.far = max(self.far, record.far)

    def drop(self, record: AlertRecord, key: str) -> None:
        """Count an alert no more, because it is about to change."""
        facets = _facets(record.resource, record.kind, record.floor)
        count = self.counts[facets]
        count.seen -= 1
        if record.closed_ms is None:
            count.open -= 1
            self.open_alerts[key] -= 1
            self.open_resources -= self.open_alerts[key] == 0
            if record.confidence >= self.confidence or record.far >= self.far:
                self.stale = True
        if count.seen == 0:
            del self.counts[facets]

    def facts(
        self,
        members: Mapping[str, AlertRecord],
        duration_s: float,
        impact: Impact,
        needing: tuple[str, ...],
    ) -> Facts:
        """Return what severity is judged by; a pass over members only where a maximum has gone."""
        if self.stale:
            held = [record for record in members.values() if record.closed_ms is None]
            self.confidence = max((record.confidence for record in held), default=0.0)
            self.far = max((record.far for record in held), default=0.0)
            self.stale = False
        now = [facets for facets, count in self.counts.items() if count.open > 0]
        floors = {
            (Severity(floor), kind.removeprefix(RULE)) for *_, kind, floor in now if floor >= 0
        }
        return Facts(
            self.confidence,
            self.far,
            any(kind == "silent" for *_, kind, _ in now),
            self.open_resources,
            len({service for service, *_ in now}),
            len({zone for _, zone, *_ in now} - {""}),
            tuple(sorted({tier for *_, tier, _, _ in now} - {""})),
            tuple(sorted(floors, key=lambda floor: (-floor[0], floor[1]))),
            duration_s,
            impact,
            needing,
        )

    def by(self, facet: Facet) -> Counter[str]:
        """Return how many alerts opened in this episode, by one of their facets."""
        place = _PLACES[facet]
        found: Counter[str] = Counter()
        for facets, count in self.counts.items():
            found[str(facets[place])] += count.seen
        return found


def _facets(resource: Resource, kind: str, floor: Severity | None) -> Facets:
    place = place_of(resource)
    return resource.service, place.zone, place.tier, kind, -1 if floor is None else int(floor)
