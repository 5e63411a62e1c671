"""Which resources that alerted of late stand together in the topology.

A fault goes from what is needed to what needs it. So two alerts may be one fault if one of the
resources needs the other, maybe through others that do not alert; or if most of those that need
a third one alert, be it a callee, a host or a zone, whether that one alerts or not. That two
resources are needed by one caller, or need something that hundreds need, means nothing.
"""

from collections import Counter
from collections.abc import Collection, Iterator

from operators.ledger import Joined
from operators.topology import Topology

LEAST = 3  # of those that need a callee or a host must alert, and most of them
MANY = 10  # who is needed by more is in line with some of them only if a fifth alerts
LEAST_OF_ZONE = 10


class Neighbours:
    """An index of the recent alerts by what their resources need.

    Memory: what each resource that alerted within the window needs, `hops` deep.
    """

    def __init__(
        self, topology: Topology, hops: int, share: float, recent: dict[str, Joined]
    ) -> None:
        self._topology, self._hops, self._share = topology, hops, share
        self._recent = recent  # by node, the oldest first; the caller's
        self._build()

    def _build(self) -> None:
        self._revision = self._topology.revision
        self._above: dict[str, dict[str, None]] = {}  # node -> recent ones that need it somehow
        self._direct: dict[str, dict[str, None]] = {}  # the same, next to it or in the zone
        self._placed: dict[str, bool] = {}  # by node that was asked for
        self._sizes: dict[str, int] = {}  # node -> how many need it, or lie in it
        self._zones: dict[str, int] | None = None  # zone -> nodes that are known to lie in it
        self._needed: dict[str, tuple[list[str], list[str]]] = {}  # by recent node: below, next
        self._parts: dict[str, str] = {}  # by node of the map, zones apart: one of its part
        for node in self._recent:
            self._enter(node)

    def refresh(self) -> bool:
        """Take up what the topology has become; return whether it has changed."""
        if self._revision == self._topology.revision:
            return False
        self._build()
        return True

    def expire(self, before_ms: int) -> None:
        """Forget the alerts before a time."""
        for node in list(self._old(before_ms)):
            del self._recent[node]
            for index, needed in (
                (self._above, self._below(node)),
                (self._direct, self.needs(node)),
            ):
                for each in needed:
                    held = index[each]
                    del held[node]
                    if not held:
                        del index[each]

    def _old(self, before_ms: int) -> Iterator[str]:
        for node, joined in self._recent.items():
            if joined.at_ms >= before_ms:
                return
            yield node

    def add(self, node: str, joined: Joined) -> None:
        """Note an alert that opens."""
        if self._recent.pop(node, None) is None:
            self._enter(node)
        self._recent[node] = joined

    def _enter(self, node: str) -> None:
        known = self._topology.knows(node)
        below, direct = (self._below(node), self._next(node)) if known else ([], [])
        self._needed[node] = below, direct
        for each in below:
            self._above.setdefault(each, {})[node] = None
        for each in direct:
            self._direct.setdefault(each, {})[node] = None

    def is_placed(self, node: str) -> bool:
        """Tell whether the map says who calls the node, whom it calls, or what runs on it."""
        placed = self._placed.get(node)
        if placed is None:
            known = self._topology
            placed = bool(known.callees(node) or known.callers(node) or known.hosted(node))
            self._placed[node] = placed
        return placed

    def connects(self, a: str, b: str) -> bool:
        """Tell whether any way leads from one node to the other, but through a zone."""
        if a not in self._parts:
            self._parts.update(dict.fromkeys(self._topology.part(a), a))
        return self._parts[a] == self._parts.get(b)

    def in_line(self, node: str) -> Iterator[str]:
        """Return the recent ones that the node needs, and those that need it, `hops` deep."""
        for needed in self._needed[node][0]:
            if needed in self._recent and self._tells(needed):
                yield needed
        if self._tells(node):
            yield from self._above.get(node, ())

    def _tells(self, needed: str) -> bool:
        """Tell whether it means anything that one of those that need the node alerts too."""
        size = self.size(needed)
        return size <= MANY or 5 * len(self._direct.get(needed, ())) >= size

    def most(self, needed: str) -> bool:
        """Tell whether most of those that need the node alert."""
        alerting = len(self._direct.get(needed, ()))
        least = LEAST_OF_ZONE if self._topology.is_zone(needed) else LEAST
        return alerting >= least and alerting >= self._share * self.size(needed)

    def sharing(self, needed: str) -> Collection[str]:
        """Return the recent ones next to the node, or in the zone."""
        return self._direct.get(needed, ())

    def size(self, needed: str) -> int:
        """Return how many are known to need the node, or to lie in the zone."""
        size = self._sizes.get(needed)
        if size is None:
            known = self._topology
            if known.is_zone(needed):
                size = self._in_zones().get(needed, 0)
            else:
                size = len(known.callers(needed)) + len(known.hosted(needed))
            self._sizes[needed] = size
        return size

    def _in_zones(self) -> dict[str, int]:
        if self._zones is None:
            self._zones = Counter(filter(None, map(self._topology.zone, self._topology.nodes())))
        return self._zones

    def needs(self, node: str) -> list[str]:
        """Return what a recent node calls, what it runs on, and its zone."""
        return self._needed[node][1]

    def _next(self, node: str) -> list[str]:
        zone = self._topology.zone(node)
        needed = [*self._topology.callees(node), *self._topology.hosts(node)]
        return [*needed, zone] if zone else needed

    def _below(self, node: str) -> list[str]:
        """Return what the node needs, `hops` deep, zones apart; nearest first."""
        found: dict[str, None] = {}
        layer = [node]
        for _ in range(self._hops):
            reached: dict[str, None] = {}
            for each in layer:
                reached.update(dict.fromkeys(self._topology.callees(each)))
                reached.update(dict.fromkeys(self._topology.hosts(each)))
            layer = [each for each in reached if each not in found and each != node]
            found.update(dict.fromkeys(layer))
        return list(found)
