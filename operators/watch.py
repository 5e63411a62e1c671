"""Which young incidents may look different for what is off at a tick, so that no other is judged.

An effect concerns an incident if its resource alerts in it, lies in one part of the map with one
that does, or, where that one is on no map, shares its scope or a link. That is all that suspects
are ever looked for among, and follows from the incidents and the map as they are: it is the same
after a restart.
"""

from collections.abc import Iterable

from operators.case import Case
from operators.scope import place_of
from operators.topology import Topology
from schema import Effect, Resource


class Watch:
    """An index of incidents by where an effect would concern them.

    Memory: a few names for each part, scope and resource shown of an incident that is watched.
    """

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._revision = topology.revision
        self._parts: dict[str, str] = {}  # by node of the map, zones apart: one of its part
        self._spots: dict[str, frozenset[str]] = {}  # by incident
        self._by_spot: dict[str, dict[str, None]] = {}  # -> incidents

    def ids(self) -> list[str]:
        """Return which incidents are watched."""
        return list(self._spots)

    def put(self, case: Case) -> None:
        """Watch an incident, or go on with it as it is now."""
        spots = frozenset(
            spot for name in case.suspects for spot in self._member(case.members[name].resource)
        )
        held = self._spots.get(case.id, frozenset())
        self._leave(case.id, held - spots)
        self._spots[case.id] = spots
        for spot in spots - held:
            self._by_spot.setdefault(spot, {})[case.id] = None

    def drop(self, incident: str) -> None:
        """Watch an incident no more."""
        self._leave(incident, self._spots.pop(incident, frozenset()))

    @property
    def is_outdated(self) -> bool:
        """Tell whether the map has changed, so that all must be put again."""
        return self._revision != self._topology.revision

    def renew(self, cases: Iterable[Case]) -> None:
        """Put all again, by the map as it is now."""
        self._revision = self._topology.revision
        self._parts.clear()
        for case in cases:
            self.put(case)

    def concerned(self, effects: Iterable[Effect]) -> set[str]:
        """Return the incidents that effects may concern."""
        resources = {effect.resource.key: effect.resource for effect in effects}
        spots = {spot for each in resources.values() for spot in self._effect(each)}
        return {name for spot in spots for name in self._by_spot.get(spot, ())}

    def _leave(self, incident: str, spots: Iterable[str]) -> None:
        for spot in spots:
            held = self._by_spot[spot]
            del held[incident]
            if not held:
                del self._by_spot[spot]

    def _member(self, resource: Resource) -> tuple[str, ...]:
        node = self._topology.node(resource)
        if self._topology.knows(node):
            return resource.key, self._part(node)
        place = place_of(resource)
        return resource.key, place.scope, *place.links

    def _effect(self, resource: Resource) -> tuple[str, ...]:
        place = place_of(resource)
        names = (name for name in (resource.name, resource.uid) if self._topology.knows(name))
        return resource.key, place.scope, *place.links, *map(self._part, names)

    def _part(self, node: str) -> str:
        found = self._parts.get(node)
        if found is None:
            found = f"part|{node}"
            self._parts.update(dict.fromkeys(self._topology.part(node), found))
        return found
