"""Which edges of the topology were seen in the data, and where."""

from collections import Counter
from collections.abc import Iterable, Set

from schema import Edge, Seen

MAX_OWNERS = 200_000  # beyond, what was seen first is forgotten
MAX_LASTING = 200_000  # the same for edges that add up


class Sightings:
    """Edges by the resource that shows them: what it showed last counts. Others add up.

    Memory: the edges of `MAX_OWNERS` resources, a few each, and `MAX_LASTING` others.
    """

    def __init__(self, seen: Iterable[Seen] = ()) -> None:
        self._of: dict[int, tuple[Edge, ...]] = {}  # by owner; first seen first
        self._lasting: dict[Edge, None] = {}  # first seen first
        self._count = Counter[Edge]()
        self.take(seen)

    def __contains__(self, edge: Edge) -> bool:
        return edge in self._count

    def edges(self) -> Set[Edge]:
        """Return every edge that is seen now."""
        return self._count.keys()

    def state(self) -> list[Seen]:
        """Return what `Sightings` makes the same of again."""
        seen = [Seen(owner, edges) for owner, edges in self._of.items()]
        return seen + [Seen(0, (edge,)) for edge in self._lasting]

    def take(self, shown: Iterable[Seen]) -> list[Edge]:
        """Take in what is shown, in its order; return the edges that came or went on the way."""
        changed: list[Edge] = []
        for seen in shown:
            if seen.owner == 0:
                fresh = [edge for edge in seen.edges if edge not in self._lasting]
                self._lasting.update(dict.fromkeys(fresh))
                changed += self._counted(fresh, ())
            elif self._of.get(seen.owner, ()) != seen.edges:
                changed += self._replace(seen)
        while len(self._lasting) > MAX_LASTING:
            edge = next(iter(self._lasting))
            del self._lasting[edge]
            changed += self._counted((), (edge,))
        while len(self._of) > MAX_OWNERS:
            changed += self._replace(Seen(next(iter(self._of)), ()))
        return changed

    def _replace(self, seen: Seen) -> list[Edge]:
        former = self._of.pop(seen.owner, ())
        if seen.edges:
            self._of[seen.owner] = seen.edges
        return self._counted(seen.edges, former)

    def _counted(self, gained: Iterable[Edge], lost: Iterable[Edge]) -> list[Edge]:
        changed: list[Edge] = []
        for edge in gained:
            self._count[edge] += 1
            changed += [edge] if self._count[edge] == 1 else []
        for edge in lost:
            self._count[edge] -= 1
            if self._count[edge] == 0:
                del self._count[edge]
                changed.append(edge)
        return changed
