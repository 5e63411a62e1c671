"""Which alerts of one tick belong together, and with which incidents, as the topology has it."""

from collections.abc import Sequence

import msgspec

from operators.ledger import Joined, Ledger
from operators.neighbours import Neighbours
from operators.partition import Groups
from operators.scope import Place, place_of
from operators.topology import Topology
from schema import Anomaly


class Opening(msgspec.Struct, frozen=True):
    """An alert that opens, with what is asked of it time and again."""

    edge: Anomaly
    key: str  # its resource's
    node: str
    place: Place

    @classmethod
    def of(cls, edge: Anomaly, topology: Topology) -> "Opening":
        """Look everything up."""
        resource = edge.resource
        return cls(edge, resource.key, topology.node(resource), place_of(resource))


class Grouping:
    """Puts a tick's alerts into groups: keys of their resources, and ids of open incidents."""

    def __init__(self, ledger: Ledger, near: Neighbours) -> None:
        self._ledger, self._near = ledger, near
        self._nodes: dict[str, str] = {}  # of this tick -> resource key

    def group(
        self, openings: Sequence[Opening], now_ms: int, *, everybody: bool
    ) -> tuple[Groups, dict[str, str]]:
        """Return the groups; and what is lost by most that need it, with a thing of its group.

        `everybody`: look at all recent alerts again, since the topology has changed.
        """
        groups, near = Groups(), self._near
        self._nodes = {}
        for one in openings:
            own = self._ledger.open(self._ledger.by_resource.get(one.key, ""))
            groups.root(one.key) if own is None else groups.join(own.id, one.key)
            self._nodes[one.node] = one.key
            near.add(one.node, Joined("", now_ms))
        shared: dict[str, str] = {}
        for node in list(self._ledger.recent) if everybody else self._nodes:
            mine = self._thing(node)
            if mine is None:
                continue
            groups.join_all(mine, map(self._thing, near.in_line(node)))
            for needed in near.needs(node):
                self._join_sharing(groups, shared, needed, mine)
        return groups, shared

    def _join_sharing(self, groups: Groups, shared: dict[str, str], needed: str, mine: str) -> None:
        if needed in shared:
            groups.join(shared[needed], mine)
            return
        lost = self._ledger.common.get(needed)
        known = None if lost is None else self._ledger.open(lost.incident)
        if self._near.most(needed):
            groups.join_all(mine, map(self._thing, self._near.sharing(needed)))
        elif known is None:
            return
        shared[needed] = mine
        if known is not None:
            groups.join(known.id, mine)

    def _thing(self, node: str) -> str | None:
        """Return what stands for a recent node: its resource of this tick, or its open incident."""
        key = self._nodes.get(node)
        if key is not None:
            return key
        case = self._ledger.open(self._ledger.recent[node].incident)
        return None if case is None else case.id
