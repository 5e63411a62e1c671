"""Which alerts are one incident.

The alerts that open at one tick are put into groups together, so that their order decides nothing.
What the topology says comes first; where it says nothing of a resource, what the resource says of
itself decides.
"""

import hashlib
from collections.abc import Sequence

from operators.case import Case
from operators.common_cause import Common, begins_late, foremost
from operators.fitting import Fitting, first_application
from operators.flapping import came_back
from operators.grouping import Grouping, Opening
from operators.ledger import Joined, Ledger
from operators.life import TriageSettings
from operators.merging import age, merge
from operators.neighbours import Neighbours
from operators.partition import Groups
from operators.scope import scope_of
from operators.topology import Topology
from schema import Anomaly, Resource, Transition

GROWING = 3  # alerts from which on an incident draws those in of which nothing is known


class Correlation:
    """Find the incident of alerts that open; merge those that turn out to be one."""

    def __init__(self, settings: TriageSettings, ledger: Ledger, topology: Topology) -> None:
        self._settings, self._ledger, self._topology = settings, ledger, topology
        self._near = Neighbours(topology, settings.hops, settings.common_share, ledger.recent)
        self._grouping = Grouping(ledger, self._near)
        self._fitting = Fitting(ledger)
        self._revision = topology.revision  # that incidents were last put together by

    def note_anew(self) -> None:
        """Let all incidents be found by what they are now, after people merged or split some."""
        self._fitting = Fitting(self._ledger)

    def forget(self, case: Case, now_ms: int) -> None:
        """Let the incident be found no more."""
        self._expire(now_ms)
        self._fitting.forget(case)
        self._ledger.forget(case)

    def place(self, edges: Sequence[Anomaly], now_ms: int) -> tuple[set[str], list[Transition]]:
        """Take in the alerts that open at a tick; return whom that touched, and what was merged."""
        changed, self._revision = self._revision != self._topology.revision, self._topology.revision
        if not edges and not changed:
            return set(), []
        self._expire(now_ms)
        openings = [Opening.of(edge, self._topology) for edge in edges]
        groups, shared = self._grouping.group(openings, now_ms, everybody=changed)
        said: list[Transition] = []
        touched: set[str] = set()
        alone: list[Opening] = []
        lost: dict[str, list[str]] = {}  # by group
        for needed, thing in shared.items():
            lost.setdefault(groups.root(thing), []).append(needed)
        collected = self._collected(groups, openings)
        for root in sorted(collected, key=lambda root: root not in lost):
            ids, opened = collected[root]
            own = self._still_open(ids)
            if any(self._near.is_placed(one.node) for one in opened):
                cases = own + self._begun_alike(own, opened, now_ms) or self._known(opened, now_ms)
                cases = self._with_unmapped(cases, opened, now_ms)
                cases = self._with_unknown(cases, opened, now_ms)
            elif own:
                cases = own
            else:
                alone += opened
                continue
            home = self._home(cases, opened)
            said += self._merge(home, cases, now_ms)
            touched.add(home.id)
            for one in opened:
                self._enter(home, one)
            if root in lost:
                self._lose(lost[root], home, now_ms)
        for one in alone:
            home = self._home_of_unmapped(one, now_ms)
            touched.add(home.id)
            self._enter(home, one)
        return touched, said

    def _lose(self, nodes: Sequence[str], case: Case, now_ms: int) -> None:
        """Note what most of those that need it have lost, and whose trouble that is."""
        near, known = self._near, self._topology
        onsets_ms = {
            known.node(record.resource): record.onset_ms
            for record in case.members.values()
            if record.opened_ms >= case.episode_ms
        }
        for node in nodes:
            self._ledger.common[node] = Joined(case.id, now_ms)
            hit, alerts = len(near.sharing(node)), node in self._ledger.recent
            held = case.common.get(node)
            if near.most(node) and (held is None or hit > held.hit or alerts > held.alerts):
                zone, type_ = known.is_zone(node), known.type_of(node)
                theirs = (onsets_ms[each] for each in near.sharing(node) if each in onsets_ms)
                late = not zone and begins_late(onsets_ms.values(), theirs)
                case.common[node] = Common(node, zone, alerts, hit, near.size(node), type_, late)
        case.lost = foremost(case.common, case.tally, known)

    def _expire(self, now_ms: int) -> None:
        before_ms = now_ms - round(self._settings.window_s * 1000)
        self._near.refresh()
        self._near.expire(before_ms)
        common = self._ledger.common
        for needed in [name for name, joined in common.items() if joined.at_ms < before_ms]:
            del common[needed]

    def _enter(self, case: Case, one: Opening) -> None:
        """Let an alert join an incident."""
        came_back(case, one.edge.tick_ms)
        case.open(one.edge)
        if not case.node and self._near.is_placed(one.node):
            case.node = one.node
        self._ledger.by_resource[one.key] = case.id
        self._ledger.recent[one.node].incident = case.id
        self._fitting.note(case, one.place, one.edge.tick_ms)

    def _merge(self, home: Case, cases: Sequence[Case], now_ms: int) -> list[Transition]:
        others = [case.id for case in cases if case is not home and case.id not in home.apart]
        if not others:
            return []
        said = merge(self._ledger, home.id, others, now_ms, "the same trouble")
        self._fitting.renamed(home)
        return said

    def _collected(
        self, groups: Groups, openings: Sequence[Opening]
    ) -> dict[str, tuple[list[str], list[Opening]]]:
        """Return each group's open incidents and its alerts, in the order of the alerts."""
        found: dict[str, tuple[list[str], list[Opening]]] = {}
        for one in openings:
            found.setdefault(groups.root(one.key), ([], []))[1].append(one)
        for name in groups.names():
            if name in self._ledger.cases:
                found.setdefault(groups.root(name), ([], []))[0].append(name)
        return found

    def _still_open(self, ids: Sequence[str]) -> list[Case]:
        """Return incidents, or those that they have become part of at this tick."""
        cases = (self._ledger.open(name) for name in ids)
        return list({case.id: case for case in cases if case is not None}.values())

    # ---------------------------------------------------------------- of those on the map

    def _known(self, opened: Sequence[Opening], now_ms: int) -> list[Case]:
        """Return the open incident of a group that is near none: in one part of the map at least.

        That is one of the same application; else that of a zone's loss, for resources of which no
        zone is known.
        """
        tagged = [case for one in _by_place(opened) for case in self._tagged(one, now_ms)]
        if tagged:
            return [min(tagged, key=age)]
        lost = (self._of_lost_zone(one) for one in opened)
        return [case for case in (next(filter(None, lost), None),) if case is not None]

    def _begun_alike(
        self, own: Sequence[Case], opened: Sequence[Opening], now_ms: int
    ) -> list[Case]:
        """Return other open incidents that began in the application of an alert, as the group did.

        They are parts of one that the map, or a missing alert, has cut.
        """
        begun = {first_application(case) for case in own} - {""}
        if not own or len(begun) > 1:
            return []
        return [
            case
            for one in _by_place(opened)
            if begun <= {one.place.application_link}
            for case in self._tagged(one, now_ms)
            if first_application(case) == one.place.application_link and case not in own
        ]

    def _tagged(self, one: Opening, now_ms: int) -> list[Case]:
        """Return open incidents that grow in the alert's application, in its part of the map."""
        link = one.place.application_link
        if not link:
            return []
        found = self._fitting.all([(link, self._settings.storm_s)], one.place, now_ms)
        return [case for case in found if case.node and self._near.connects(one.node, case.node)]

    def _with_unmapped(
        self, cases: list[Case], opened: Sequence[Opening], now_ms: int
    ) -> list[Case]:
        """Add open incidents of resources on no map alone, of the same scope or application."""
        found = {case.id: case for case in cases}
        window_s = self._settings.window_s
        for place in (one.place for one in _by_place(opened)):
            names = [(place.scope, window_s), (place.application_link, self._settings.storm_s)]
            for case in self._fitting.unplaced(names, place, now_ms):
                found[case.id] = case
        return list(found.values())

    def _with_unknown(
        self, cases: list[Case], opened: Sequence[Opening], now_ms: int
    ) -> list[Case]:
        """Add those that `_growing` would have drawn into the incident, had they come later."""
        if sum(len(case.members) for case in cases) + len(opened) < GROWING:
            return cases
        found = {case.id: case for case in cases}
        for place in (one.place for one in _by_place(opened)):
            names = [(place.region, self._settings.storm_s)]
            for case in self._fitting.unplaced(names, place, now_ms):
                if len(case.members) < GROWING and not first_application(case):
                    found[case.id] = case
        return list(found.values())

    def _home(self, cases: Sequence[Case], opened: Sequence[Opening]) -> Case:
        """Return the oldest incident; else the resolved one of one of the resources; else a new."""
        if cases:
            return min(cases, key=age)
        again = (self._reopened(one) for one in opened)
        return next(filter(None, again), None) or self._new(opened[0])

    # ---------------------------------------------------------------- of those on no map

    def _home_of_unmapped(self, one: Opening, now_ms: int) -> Case:
        """Return the incident of an alert of which the topology says nothing.

        In this order: the open one that its resource is in; an open one of its scope; that of a
        zone's loss; the resolved one that it was in, opened again; one that a link leads to; one of
        the map's that grows right now in its account and region; a new one.
        """
        own = self._ledger.open(self._ledger.by_resource.get(one.key, ""))
        if own is not None:
            return own
        place, settings = one.place, self._settings
        links = [(link, settings.storm_s) for link in place.links]
        return (
            self._fitting.best([(place.scope, settings.window_s)], place, now_ms)
            or self._of_lost_zone(one)
            or self._reopened(one)
            or self._fitting.best(links, place, now_ms)
            or self._growing(one, now_ms)
            or self._new(one)
        )

    def _of_lost_zone(self, one: Opening) -> Case | None:
        """Return the incident of a zone's loss, if the resource may lie in that zone."""
        if self._topology.zone(one.node) or one.place.zone:
            return None
        for needed, joined in self._ledger.common.items():
            case = self._ledger.open(joined.incident)
            if case is None or not self._topology.is_zone(needed):
                continue
            if one.place.region in case.names:
                return case
        return None

    def _growing(self, one: Opening, now_ms: int) -> Case | None:
        names = [(one.place.region, self._settings.storm_s)]
        found = self._fitting.all(names, one.place, now_ms)
        found = [case for case in found if case.node and len(case.members) >= GROWING]
        return min(found, key=age, default=None)

    # ---------------------------------------------------------------- of both

    def _reopened(self, one: Opening) -> Case | None:
        own = self._ledger.find(self._ledger.by_resource.get(one.key, ""))
        settings, now_ms = self._settings, one.edge.tick_ms
        if own is None or not own.may_reopen(now_ms, settings.reopen_s, settings.max_open_s):
            return None
        own.reopen(now_ms)
        return own

    def _new(self, one: Opening) -> Case:
        case = Case.of(incident_id(one.edge.resource, one.edge.tick_ms), one.edge)
        self._ledger.cases[case.id] = case
        return case


def _by_place(opened: Sequence[Opening]) -> list[Opening]:
    """Return one alert of each place."""
    return list({one.place: one for one in opened}.values())


def incident_id(first: Resource, opened_ms: int) -> str:
    """Return the id of the incident that an alert of `first` opened: the same at every replay.

    Never used twice: a resource's alert at a tick opens an incident only if it is in none.
    """
    text = f"{scope_of(first)}@{opened_ms}@{first.key}"
    return "inc-" + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
