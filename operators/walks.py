"""Walks through a graph, nearest first, with an end however dense it is."""

import sys
from collections.abc import Iterable, Mapping, Set

_MAX_KEPT = 500_000  # nodes in all answers together
_NONE: frozenset[str] = frozenset()

Ends = Mapping[str, Set[str]]  # by node: where its edges lead
Found = dict[str, None]  # ordered, and quick to ask


def nearest(names: Iterable[str], ends: Ends, limit: int | None, apart: Set[str] = _NONE) -> Found:
    """Return at most `limit` of what the edges lead to from any of the names, none of them.

    Nearest first, then by name; of what is as far as the last one some may be passed over. What is
    `apart` is neither found nor walked through. Cost: in proportion to `limit`, and to the edges of
    as many nodes.
    """
    most = sys.maxsize if limit is None else limit
    layer = sorted(set(names))
    reached = {*layer, *apart}
    found: Found = {}
    while layer and len(found) < most:
        room = most - len(found)
        near: set[str] = set()
        for name in layer:
            near.update(ends.get(name, _NONE))
            if len(near) >= room:
                near -= reached
                if len(near) >= room:
                    break
        layer = sorted(near - reached)[:room]
        reached |= set(layer)
        found.update(dict.fromkeys(layer))
    return found


class Walks:
    """Walks along the edges of one direction; each is walked once until `clear`.

    Memory: `_MAX_KEPT` nodes.
    """

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self._found: dict[tuple[tuple[str, ...], int, bool], Found] = {}
        self._kept = 0

    def clear(self) -> None:
        """Forget all answers, since the graph has changed."""
        self._found.clear()
        self._kept = 0

    def nearest(self, names: tuple[str, ...], limit: int, apart: Set[str] = _NONE) -> Found:
        """Return what `nearest` does; `apart` is the same at every call that has any.

        The answer is kept, and must not be changed.
        """
        asked = (names, limit, bool(apart))
        found = self._found.get(asked)
        if found is None:
            found = nearest(names, self._ends, limit, apart)
            if self._kept > _MAX_KEPT:
                self.clear()
            self._found[asked] = found
            self._kept += len(found) + len(names)
        return found
