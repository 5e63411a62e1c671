"""Which alerts are one incident.

The alerts that open at one tick are put into groups together, so that their order decides nothing.
What the topology says comes first; where it says nothing of a resource, scope, application and
zone do.
"""

import hashlib
from collections.abc import Sequence

from operators.case import Case
from operators.flapping import came_back
from operators.ledger import Joined, Ledger
from operators.life import TriageSettings
from operators.merging import age, merge
from operators.neighbours import Neighbours
from operators.scope import Place, place_of, scope_of
from operators.topology import Topology
from schema import Anomaly, Resource, Transition


class Groups:
    """Things that belong together, found pair by pair."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def root(self, name: str) -> str:
        """Return what stands for all that the thing belongs to."""
        parent = self._parent
        while (above := parent.setdefault(name, name)) != name:
            parent[name] = name = parent[above]
        return name

    def names(self) -> list[str]:
        """Return all things, in the order in which they were first named."""
        return list(self._parent)

    def join(self, a: str, b: str) -> None:
        """Say that two things belong together."""
        self._parent[self.root(b)] = self.root(a)


class Correlation:
    """Find the incident of alerts that open; merge those that turn out to be one."""

    def __init__(self, settings: TriageSettings, ledger: Ledger, topology: Topology) -> None:
        self._settings, self._ledger, self._topology = settings, ledger, topology
        self._near = Neighbours(topology, settings.hops, settings.common_share, ledger.recent)
        self._revision = topology.revision  # that incidents were last put together by
        self._named: dict[str, dict[str, None]] = {}  # scope or link -> ids of incidents
        for case in ledger.cases.values():
            self.note(case)

    def note(self, case: Case) -> None:
        """Let the incident be found by its scopes and links."""
        for name in case.names:
            self._named.setdefault(name, {})[case.id] = None

    def note_anew(self, case: Case) -> None:
        """Let the incident, and those that it was split into, be found by what they are now."""
        gone = {case.id, *case.merged}
        for name, held in list(self._named.items()):
            if not gone.isdisjoint(held):
                self._named[name] = {other: None for other in held if other not in gone}
                if not self._named[name]:
                    del self._named[name]
        for name in (case.id, *case.apart):
            own = self._ledger.cases.get(name)
            if own is not None:
                self.note(own)

    def forget(self, case: Case, now_ms: int) -> None:
        """Let the incident be found no more."""
        self._expire(now_ms)
        for name in case.names:
            for held in (case.id, *case.merged):
                self._named[name].pop(held, None)
            if not self._named[name]:
                del self._named[name]
        self._ledger.forget(case)

    def place(self, edges: Sequence[Anomaly], now_ms: int) -> tuple[set[str], list[Transition]]:
        """Take in the alerts that open at a tick; return whom that touched, and what was merged."""
        changed, self._revision = self._revision != self._topology.revision, self._topology.revision
        if not edges and not changed:
            return set(), []
        self._expire(now_ms)
        groups, shared = self._grouped(edges, now_ms, everybody=changed)
        said: list[Transition] = []
        touched: set[str] = set()
        alone: list[Anomaly] = []
        for own, opened in self._collected(groups, edges):
            if any(self._is_placed(edge) for edge in opened):
                cases = self._gathered(own, opened, now_ms)
            elif own:
                cases = own
            else:
                alone += opened
                continue
            home = self._home(cases, opened, now_ms)
            said += self._merge(home, cases, now_ms)
            touched.add(home.id)
            for edge in opened:
                self._enter(home, edge)
        for needed, key in shared.items():
            home_id = self._ledger.by_resource[key]
            self._ledger.common[needed] = Joined(home_id, now_ms)
        for edge in alone:
            home = self._fitting(edge, now_ms)
            touched.add(home.id)
            self._enter(home, edge)
        return touched, said

    def _expire(self, now_ms: int) -> None:
        before_ms = now_ms - _ms(self._settings.window_s)
        self._near.refresh()
        self._near.expire(before_ms)
        common = self._ledger.common
        for needed in [name for name, joined in common.items() if joined.at_ms < before_ms]:
            del common[needed]

    def _enter(self, case: Case, edge: Anomaly) -> None:
        """Let an alert join an incident."""
        resource, ledger = edge.resource, self._ledger
        came_back(case, edge.tick_ms)
        case.open(edge)
        case.mapped = case.mapped or self._is_placed(edge)
        ledger.by_resource[resource.key] = case.id
        ledger.recent[self._topology.node(resource)].incident = case.id
        place = place_of(resource)
        for name in (place.scope, *place.links):
            if name not in case.names:
                self._named.setdefault(name, {})[case.id] = None
            case.names[name] = edge.tick_ms

    def _merge(self, home: Case, cases: Sequence[Case], now_ms: int) -> list[Transition]:
        others = [case.id for case in cases if case is not home and case.id not in home.apart]
        if not others:
            return []
        return merge(self._ledger, home.id, others, now_ms, "the same trouble")

    def _is_placed(self, edge: Anomaly) -> bool:
        return self._near.is_placed(self._topology.node(edge.resource))

    def _open(self, name: str) -> Case | None:
        case = self._ledger.find(name)
        return None if case is None or case.resolved_ms is not None else case

    # ---------------------------------------------------------------- by the topology

    def _grouped(
        self, edges: Sequence[Anomaly], now_ms: int, *, everybody: bool
    ) -> tuple[Groups, dict[str, str]]:
        """Return what belongs together, and one resource for each thing that is lost by most.

        `everybody`: look at all recent alerts again, since the topology has changed.
        """
        groups = Groups()
        nodes: dict[str, str] = {}  # of this tick -> resource key
        for edge in edges:
            key = edge.resource.key
            own = self._open(self._ledger.by_resource.get(key, ""))
            if own is not None:
                groups.join(own.id, key)
            node = self._topology.node(edge.resource)
            nodes[node] = key
            self._near.add(node, Joined("", now_ms))
        shared: dict[str, str] = {}
        for node in list(self._ledger.recent) if everybody else nodes:
            mine = self._thing(node, nodes)
            if mine is None:
                continue
            for other in self._near.in_line(node):
                theirs = self._thing(other, nodes)
                if theirs is not None:
                    groups.join(mine, theirs)
            for needed in self._near.needs(node):
                held = self._ledger.common.get(needed)
                known = None if held is None else self._open(held.incident)
                if known is not None:
                    groups.join(known.id, mine)
                if needed in shared:
                    groups.join(shared[needed], mine)
                elif self._near.most(needed):
                    shared[needed] = mine
                    for other in self._near.sharing(needed):
                        theirs = self._thing(other, nodes)
                        if theirs is not None:
                            groups.join(mine, theirs)
        return groups, shared

    def _thing(self, node: str, nodes: dict[str, str]) -> str | None:
        """Return what stands for a recent node: its resource of this tick, or its open incident."""
        key = nodes.get(node)
        if key is not None:
            return key
        case = self._open(self._ledger.recent[node].incident)
        return None if case is None else case.id

    def _collected(
        self, groups: Groups, edges: Sequence[Anomaly]
    ) -> list[tuple[list[Case], list[Anomaly]]]:
        """Return each group's open incidents and its alerts, in the order of the alerts."""
        found: dict[str, tuple[list[Case], list[Anomaly]]] = {}
        for edge in edges:
            found.setdefault(groups.root(edge.resource.key), ([], []))[1].append(edge)
        for name in groups.names():
            case = self._ledger.cases.get(name)
            if case is not None:
                found.setdefault(groups.root(name), ([], []))[0].append(case)
        return list(found.values())

    # ---------------------------------------------------------------- by what else is known

    def _gathered(self, cases: list[Case], opened: Sequence[Anomaly], now_ms: int) -> list[Case]:
        """Return the incidents of a group that is on the map, and those that it has besides.

        Those are open, and of resources on no map, with an alert of the same scope; else, for a
        group that has none, one of the same application, if the topology connects the two at all.
        """
        found = {case.id: case for case in cases}
        places = dict.fromkeys(place_of(edge.resource) for edge in opened)
        for place in places:
            for case in self._named_so([(place.scope, self._settings.window_s)], place, now_ms):
                if not case.mapped:
                    found[case.id] = case
        if not found:
            tagged = (self._of_application(edge, now_ms) for edge in opened)
            return [case for case in (next(filter(None, tagged), None),) if case is not None]
        return list(found.values())

    def _of_application(self, edge: Anomaly, now_ms: int) -> Case | None:
        link = place_of(edge.resource).application_link
        wanted = self._named_so([(link, self._settings.window_s)], place_of(edge.resource), now_ms)
        if not link or not wanted:
            return None
        near = self._topology.within(self._topology.node(edge.resource), 2 * self._settings.hops)
        for node in sorted(near.keys() & self._ledger.recent.keys()):
            case = self._open(self._ledger.recent[node].incident)
            if case in wanted:
                return case
        return None

    def _home(self, cases: Sequence[Case], opened: Sequence[Anomaly], now_ms: int) -> Case:
        """Return the incident of a group.

        The oldest of its own; else the resolved one that one of its resources was in, opened
        again; else a new one.
        """
        if cases:
            return min(cases, key=age)
        again = (self._reopened(edge.resource, now_ms) for edge in opened)
        return next(filter(None, again), None) or self._new(opened[0])

    def _fitting(self, edge: Anomaly, now_ms: int) -> Case:
        """Return the incident of an alert of which the topology says nothing.

        In this order: the open one that its resource is in; an open one of its scope; the resolved
        one that it was in, opened again; one that a link leads to; one of the map's that grows
        right now in its account and region; a new one.
        """
        own = self._open(self._ledger.by_resource.get(edge.resource.key, ""))
        if own is not None:
            return own
        place, settings = place_of(edge.resource), self._settings
        scoped = self._named_so([(place.scope, settings.window_s)], place, now_ms)
        links = [(link, settings.storm_s) for link in place.links]
        return (
            min(scoped, key=lambda case: _fit(case, place), default=None)
            or self._reopened(edge.resource, now_ms)
            or min(
                self._named_so(links, place, now_ms),
                key=lambda case: _fit(case, place),
                default=None,
            )
            or self._new(edge)
        )

    def _named_so(
        self, names: Sequence[tuple[str, float]], place: Place, now_ms: int
    ) -> list[Case]:
        """Return the open incidents that an alert of such a name joined within so many seconds."""
        found: dict[str, Case] = {}
        for name, within_s in names:
            for held in self._named.get(name, ()):
                case = self._open(held)
                if case is None or now_ms - case.names[name] > _ms(within_s):
                    continue
                if not _at_odds(case, place):
                    found[case.id] = case
        return list(found.values())

    def _reopened(self, resource: Resource, now_ms: int) -> Case | None:
        own = self._ledger.find(self._ledger.by_resource.get(resource.key, ""))
        settings = self._settings
        if own is None or not own.may_reopen(now_ms, settings.reopen_s, settings.max_open_s):
            return None
        own.reopen(now_ms)
        return own

    def _new(self, edge: Anomaly) -> Case:
        case = Case.of(incident_id(edge.resource, edge.tick_ms), edge)
        self._ledger.cases[case.id] = case
        return case


def _at_odds(case: Case, place: Place) -> bool:
    """Tell whether all that is known of the incident's application speaks against the place."""
    if not place.application or place.application_link in case.names:
        return False
    return any(name.startswith("application|") for name in case.names)


def _fit(case: Case, place: Place) -> tuple[int, int, tuple[bool, int, str]]:
    """Return how well an incident fits; the least fits best."""
    alike = sum(link in case.names for link in place.links)
    near = sum(
        count.open
        for (service, zone, *_), count in case.tally.counts.items()
        if service == place.service and zone == place.zone
    )
    return -alike, -near, age(case)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def incident_id(first: Resource, opened_ms: int) -> str:
    """Return the id of the incident that an alert of `first` opened: the same at every replay.

    Never used twice: a resource's alert at a tick opens an incident only if it is in none.
    """
    text = f"{scope_of(first)}@{opened_ms}@{first.key}"
    return "inc-" + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
