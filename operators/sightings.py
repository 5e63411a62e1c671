"""Which edges of the topology were seen in the data, and where."""

from collections import Counter
from collections.abc import Iterable, Set

from schema import Edge, Labels, Seen

MAX_OWNERS = 200_000  # beyond, what was seen first is forgotten
MAX_LASTING = 200_000  # the same for edges that add up


class Sightings:
    """Edges by the resource that shows them: what it showed last counts. Others add up.

    Memory: a few edges and attributes of `MAX_OWNERS` resources, and `MAX_LASTING` other edges.
    """

    def __init__(self, seen: Iterable[Seen] = ()) -> None:
        self._of: dict[int, Seen] = {}  # by owner; first seen first
        self._told: dict[str, dict[int, Labels]] = {}  # by name and owner
        self.revision = 0  # of what is told; changes with every change
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
        return [*self._of.values(), *(Seen(0, (edge,)) for edge in self._lasting)]

    def telling(self) -> Set[str]:
        """Return the names of the resources that say something of themselves."""
        return self._told.keys()

    def told(self, name: str, attribute: str) -> set[str]:
        """Return what the resources of a name say of themselves."""
        said = (dict(told).get(attribute, "") for told in self._told.get(name, {}).values())
        return {value for value in said if value}

    def take(self, shown: Iterable[Seen]) -> list[Edge]:
        """Take in what is shown, in its order; return the edges that came or went on the way."""
        changed: list[Edge] = []
        for seen in shown:
            if seen.owner == 0:
                fresh = [edge for edge in seen.edges if edge not in self._lasting]
                self._lasting.update(dict.fromkeys(fresh))
                changed += self._counted(fresh, ())
            elif self._of.get(seen.owner, Seen(seen.owner, ())) != seen:
                changed += self._replace(seen)
        while len(self._lasting) > MAX_LASTING:
            edge = next(iter(self._lasting))
            del self._lasting[edge]
            changed += self._counted((), (edge,))
        while len(self._of) > MAX_OWNERS:
            changed += self._replace(Seen(next(iter(self._of)), ()))
        return changed

    def _replace(self, seen: Seen) -> list[Edge]:
        former = self._of.pop(seen.owner, Seen(seen.owner, ()))
        if seen.edges or seen.told:
            self._of[seen.owner] = seen
        if (former.names, former.told) != (seen.names, seen.told):
            for name in former.names:
                del self._told[name][seen.owner]
                if not self._told[name]:
                    del self._told[name]
            for name in seen.names:
                self._told.setdefault(name, {})[seen.owner] = seen.told
            self.revision += 1
        return self._counted(seen.edges, former.edges)

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
