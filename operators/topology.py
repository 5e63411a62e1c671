"""Who needs whom: the map that was read, what people changed of it, what was seen in the data.

An edge goes from what needs to what is needed: it calls it, runs on it, or lies in it. Maps are
partial as a rule: a name that is on none has no neighbours, which is no error. Cycles are legal.
"""

from collections.abc import Callable, Iterable, Set
from typing import Literal

import msgspec

from operators.sightings import Sightings
from operators.walks import Found, Walks, nearest
from schema import Edge, Resource, Seen, TopologyChange, TopologyMap, stable_id

EdgeType = Literal["calls", "runs_on", "in_zone"]
ZONE = "in_zone"
NO_MAP = TopologyMap()
_MAX_KEPT = 50_000  # answers kept until the next change
_TYPES: tuple[EdgeType, ...] = ("calls", "runs_on", "in_zone")
_NONE: frozenset[str] = frozenset()


class TopologyState(msgspec.Struct):
    """What is not on the map that was read: all that a snapshot must hold."""

    added: list[Edge] = []  # sorted
    removed: list[Edge] = []  # sorted
    node_types: dict[str, str] = {}  # "": takes the map's away
    seen: list[Seen] = []  # in the data; first seen first
    revision: int = 0
    map_id: int = 0  # digest of the map that was read


class Topology:
    """A directed graph with typed edges; answers are sorted, so that order of input decides none.

    A pair of nodes has the edges that the map or a change gives it; those seen in the data count
    where it has none, and come back to light when it loses them.
    Memory: the edges, and `_MAX_KEPT` answers of each kind; see `Sightings` and `Walks` too.
    """

    def __init__(self, known: TopologyMap = NO_MAP, state: TopologyState | None = None) -> None:
        state = TopologyState() if state is None else state
        self._map = frozenset(known.edges)
        self._map_types = dict(known.node_types)
        self._added, self._removed = set(state.added), set(state.removed)
        self._types = dict(state.node_types)
        self._sightings = Sightings(state.seen)
        alone = (edge.source for edge in known.edges if edge.source == edge.target)
        self._named = {*known.nodes, *alone}
        self._in_force: set[Edge] = set()
        self._out: dict[tuple[str, str], set[str]] = {}  # by node and type
        self._in: dict[tuple[str, str], set[str]] = {}
        self._targets: dict[str, set[str]] = {}  # by node
        self._sources: dict[str, set[str]] = {}
        self._down, self._up = Walks(self._targets), Walks(self._sources)
        self._answers: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._around: dict[tuple[str, int, bool], dict[str, int]] = {}
        self._zone_names: frozenset[str] | None = None
        self._map_id = stable_id(msgspec.json.encode(known).decode())
        # An answer holds as long as it stands still, over restarts too.
        self.revision = state.revision + (self._map_id != state.map_id)
        put = (self._map | self._added) - self._removed
        pairs = {(edge.source, edge.target) for edge in put}
        seen = (edge for edge in self._sightings.edges() if (edge.source, edge.target) not in pairs)
        for edge in put.union(edge for edge in seen if edge not in self._removed):
            if edge.source != edge.target:
                self._link(edge)

    @classmethod
    def load(
        cls,
        nodes: Iterable[str] = (),
        node_types: Iterable[tuple[str, str]] | dict[str, str] = (),
        edges: Iterable[Edge] = (),
    ) -> "Topology":
        """Return the topology of a map; the order of nothing matters."""
        types = tuple(sorted(dict(node_types).items()))
        return cls(TopologyMap(tuple(sorted(set(nodes))), types, tuple(sorted(set(edges)))))

    @classmethod
    def of(cls, state: TopologyState, known: TopologyMap = NO_MAP) -> "Topology":
        """Return the map that was read, with what a snapshot says has changed since."""
        return cls(known, state)

    def state(self) -> TopologyState:
        """Return what differs from the map that was read."""
        types = dict(sorted(self._types.items()))
        seen = self._sightings.state()
        added, removed = sorted(self._added), sorted(self._removed)
        return TopologyState(added, removed, types, seen, self.revision, self._map_id)

    # ------------------------------------------------------------------ asking

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is known to need anything."""
        return not self._in_force

    def node(self, resource: Resource) -> str:
        """Return the node that a resource is: by key, uid or name, else its name."""
        names = (resource.key, resource.uid)
        return next((name for name in names if name and self.knows(name)), resource.name)

    def knows(self, name: str) -> bool:
        """Tell whether the name is on the map."""
        ends = self._targets.get(name) or self._sources.get(name)
        return bool(ends or name in self._named or self.type_of(name))

    def nodes(self) -> tuple[str, ...]:
        """Return every node."""
        names = {*self._named, *self._targets, *self._sources, *self._types, *self._map_types}
        return self._kept(("nodes",), lambda: set(filter(self.knows, names)))

    def edges(self) -> tuple[Edge, ...]:
        """Return every edge that counts."""
        return tuple(sorted(self._in_force))

    def type_of(self, name: str) -> str:
        """Return the node's type, "" where none is known."""
        return self._types.get(name, self._map_types.get(name, ""))

    def telling(self) -> Set[str]:
        """Return the nodes of which `told` knows anything."""
        return self._sightings.telling()

    def told(self, name: str, attribute: str) -> set[str]:
        """Return what the resources that the node is say of themselves: `tier`, `users`."""
        return self._sightings.told(name, attribute)

    def callees(self, name: str) -> tuple[str, ...]:
        """Return what the node calls."""
        return self._ends("calls", name, self._out)

    def callers(self, name: str) -> tuple[str, ...]:
        """Return what calls the node."""
        return self._ends("calls", name, self._in)

    def hosts(self, name: str) -> tuple[str, ...]:
        """Return what the node runs on."""
        return self._ends("runs_on", name, self._out)

    def hosted(self, name: str) -> tuple[str, ...]:
        """Return what runs on the node."""
        return self._ends("runs_on", name, self._in)

    def zone(self, name: str) -> str:
        """Return the zone that the node lies in, else that of what it runs on, else ""."""
        found = self._kept(("zone", name), lambda: self._zones(name))
        return found[0] if found else ""

    def is_zone(self, name: str) -> bool:
        """Tell whether something lies in the node."""
        return bool(self._in.get((name, ZONE)))

    def types(self, source: str, target: str) -> tuple[EdgeType, ...]:
        """Return the types of the edges from one node to another."""
        pair = (Edge(source, target, type_) for type_ in _TYPES)
        return tuple(edge.type for edge in pair if edge in self._in_force)

    def needs(self, name: str) -> tuple[str, ...]:
        """Return what the node needs: the ends of all its edges."""
        return self._kept(("needs", name), lambda: self._targets.get(name, _NONE))

    def needed_by(self, name: str) -> tuple[str, ...]:
        """Return what needs the node."""
        return self._kept(("needed_by", name), lambda: self._sources.get(name, _NONE))

    def within(self, name: str, hops: int, through_zones: bool = False) -> dict[str, int]:
        """Return how far all others are that `hops` edges of any type and direction reach.

        Two that lie in one zone are no neighbours by that, unless `through_zones`; the zone itself
        is one of either. The answer is kept, and must not be changed.
        """
        asked = (name, hops, through_zones)
        found = self._around.get(asked)
        if found is None:
            if len(self._around) >= _MAX_KEPT:
                self._around.clear()
            found = self._around[asked] = self._reached(name, hops, through_zones)
        return found

    def dependants(self, name: str, limit: int | None = None) -> list[str]:
        """Return what needs the node, by whatever way; nearest first, then by name."""
        return self.dependants_of((name,), limit)

    def dependants_of(self, names: Iterable[str], limit: int | None = None) -> list[str]:
        """Return what needs one of the nodes and is none of them, see `walks.nearest`."""
        if limit is None:
            return list(nearest(names, self._sources, None))
        return list(self._up.nearest(tuple(names), limit))

    def needed_of(self, names: Iterable[str], limit: int, through_zones: bool = True) -> Found:
        """Return what one of the nodes needs, by whatever way, see `walks.nearest`.

        The answer is kept, and must not be changed.
        """
        if self._zone_names is None:
            self._zone_names = frozenset(
                name for (name, type_), held in self._in.items() if type_ == ZONE and held
            )
        return self._down.nearest(tuple(names), limit, _NONE if through_zones else self._zone_names)

    def part(self, name: str) -> set[str]:
        """Return all nodes that any way leads to or from, but through a zone; the node itself."""
        layer: Set[str] = {name}
        reached = {name}
        while layer:
            ends = (
                held.get((each, type_), _NONE)
                for each in layer
                for type_ in _TYPES
                if type_ != ZONE
                for held in (self._out, self._in)
            )
            layer = set[str]().union(*ends) - reached
            reached |= layer
        return reached

    # ------------------------------------------------------------------ changing

    def change(self, change: TopologyChange) -> bool:
        """Do what was asked for, additions first; return whether anything came of it."""
        before = self.revision
        for edge in change.add:
            self._removed.discard(edge)
            self._refresh(edge)
            if edge not in self._in_force:
                self._added.add(edge)
                self._refresh(edge)
        for edge in change.remove:
            self._added.discard(edge)
            self._refresh(edge)
            if edge in self._in_force:
                self._removed.add(edge)
                self._refresh(edge)
        for name, type_ in change.node_types:
            if self.type_of(name) != type_:
                self._types[name] = type_
                self._forget_answers()
            if self._map_types.get(name, "") == type_:
                self._types.pop(name, None)
        return self.revision != before

    def see(self, shown: Iterable[Seen]) -> bool:
        """Take in what the data show at one tick; return whether that was news."""
        before, told = self.revision, self._sightings.revision
        for edge in self._sightings.take(sorted(shown)):
            if edge not in self._sightings and edge not in self._map:
                self._removed.discard(edge)
            self._refresh(edge)
        if self._sightings.revision != told:
            self._forget_answers()
        return self.revision != before

    # ------------------------------------------------------------------ the graph in force

    def _refresh(self, changed: Edge) -> None:
        """Bring the pair of an edge up to date."""
        source, target = changed.source, changed.target
        if source == target:
            return
        pair = [Edge(source, target, type_) for type_ in _TYPES]
        put = [edge for edge in pair if edge in self._map or edge in self._added]
        put = [edge for edge in put if edge not in self._removed]
        seen = [edge for edge in pair if edge in self._sightings and edge not in self._removed]
        now = set(put or seen)
        before = self._in_force.intersection(pair)
        if now == before:
            return
        for edge in before - now:
            self._in_force.discard(edge)
            self._out[source, edge.type].discard(target)
            self._in[target, edge.type].discard(source)
        self._targets.get(source, set()).discard(target)
        self._sources.get(target, set()).discard(source)
        for edge in now:
            self._link(edge)
        self._forget_answers()

    def _link(self, edge: Edge) -> None:
        source, target = edge.source, edge.target
        self._in_force.add(edge)
        self._out.setdefault((source, edge.type), set()).add(target)
        self._in.setdefault((target, edge.type), set()).add(source)
        self._targets.setdefault(source, set()).add(target)
        self._sources.setdefault(target, set()).add(source)

    def _forget_answers(self) -> None:
        self._answers.clear()
        self._around.clear()
        self._down.clear()
        self._up.clear()
        self._zone_names = None
        self.revision += 1

    def _ends(
        self, type_: str, name: str, ends: dict[tuple[str, str], set[str]]
    ) -> tuple[str, ...]:
        direction = "out" if ends is self._out else "in"
        return self._kept((direction, type_, name), lambda: ends.get((name, type_), _NONE))

    def _kept(self, asked: tuple[str, ...], answer: Callable[[], Set[str]]) -> tuple[str, ...]:
        found = self._answers.get(asked)
        if found is None:
            if len(self._answers) >= _MAX_KEPT:
                self._answers.clear()
            found = self._answers[asked] = tuple(sorted(answer()))
        return found

    def _zones(self, name: str) -> Set[str]:
        layer: Set[str] = {name}
        reached = set(layer)
        while layer:
            zones = {zone for each in layer for zone in self._out.get((each, ZONE), _NONE)}
            if zones:
                return zones
            hosts = (self._out.get((each, "runs_on"), _NONE) for each in layer)
            layer = set[str]().union(*hosts) - reached
            reached |= layer
        return _NONE

    def _reached(self, name: str, hops: int, through_zones: bool) -> dict[str, int]:
        both = (self._targets, self._sources)
        found = {name: 0}
        layer: Set[str] = {name}
        for far in range(1, hops + 1):
            if far > 1 and not through_zones:
                layer = {each for each in layer if not self.is_zone(each)}
            ends = (end.get(each, _NONE) for each in layer for end in both)
            layer = set[str]().union(*ends) - found.keys()
            found.update((each, far) for each in sorted(layer))
        del found[name]
        return found
