"""Hold alert edges back until every key group has closed their tick, then put them in order."""

import msgspec

from schema import Anomaly, Closed

FAR_MS = 253_402_300_800_000  # the year 10000: an `until_ms` from here on is infinity, not a time


class Ready(msgspec.Struct, frozen=True):
    """What can be judged now: nothing before `frontier_ms` is still to come."""

    frontier_ms: int
    edges: tuple[Anomaly, ...]  # by (tick, resource key, kind, edge), all before the frontier


class Barrier(msgspec.Struct):
    """How far each key group has come, and the edges that wait for the others.

    Memory: the edges between the slowest and the fastest group, which the sources' `max_skew_s`
    bounds.
    """

    until_ms: list[int | None]  # a group; None: not heard of yet
    final: list[bool]  # a group
    frontier_ms: int | None = None  # event time before which all is judged; None: nothing yet
    waiting: dict[int, list[Anomaly]] = {}  # by tick

    @classmethod
    def of(cls, groups: int) -> "Barrier":
        """Return a barrier that has heard of none of its `groups`."""
        return cls([None] * groups, [False] * groups)

    def admit(self, closed: Closed) -> Ready | None:
        """Take a group's word; return what has become ready, None where the frontier stands.

        Order: the frontier is the least of the groups that are not final, and the greatest of all
        once every one is. Edges keep their group's order where the sort leaves a tie, and one
        resource has one group, so that the order of arrival of the groups decides nothing.
        Raises: ValueError for a group that is not one of ours and for an edge behind the frontier:
        its group had promised that there would be none.
        """
        if not 0 <= closed.group < len(self.until_ms):
            raise ValueError(f"group must be in [0, {len(self.until_ms)}), got {closed.group!r}")
        for edge in closed.anomalies:
            if self.frontier_ms is not None and edge.tick_ms < self.frontier_ms:
                raise ValueError(
                    f"edges of group {closed.group} must be at or after {self.frontier_ms} ms, "
                    f"got {edge.tick_ms!r}"
                )
            self.waiting.setdefault(edge.tick_ms, []).append(edge)
        known = self.until_ms[closed.group]
        if closed.until_ms < FAR_MS and (known is None or closed.until_ms > known):
            self.until_ms[closed.group] = closed.until_ms
        self.final[closed.group] = self.final[closed.group] or closed.final
        frontier_ms = self._frontier()
        if frontier_ms is None or (
            self.frontier_ms is not None and frontier_ms <= self.frontier_ms
        ):
            return None
        self.frontier_ms = frontier_ms
        ticks = sorted(tick for tick in self.waiting if tick < frontier_ms)
        return Ready(
            frontier_ms, tuple(edge for tick in ticks for edge in _sorted(self.waiting.pop(tick)))
        )

    def _frontier(self) -> int | None:
        known = [until for until in self.until_ms if until is not None]
        if all(self.final):
            return max([*known, *(tick + 1 for tick in self.waiting)], default=None)
        lowest: int | None = None
        for until, final in zip(self.until_ms, self.final, strict=True):
            if final:
                continue
            if until is None:
                return None
            lowest = until if lowest is None else min(lowest, until)
        return lowest


def _sorted(edges: list[Anomaly]) -> list[Anomaly]:
    return sorted(edges, key=lambda edge: (edge.resource.key, edge.kind, edge.edge))
