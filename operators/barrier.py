"""Hold back what key groups say until every one has closed its tick, then put it in order."""

import msgspec

from schema import Anomaly, Closed, Effect, Plot, Seen, TriageCommand

FAR_MS = 253_402_300_800_000  # the year 10000: an `until_ms` from here on is infinity, not a time


class Tick(msgspec.Struct):
    """What is known of one tick."""

    edges: list[Anomaly] = []
    commands: list[TriageCommand] = []  # in the order in which they are to be obeyed
    seen: list[Seen] = []  # of the topology, in the data
    effects: list[Effect] = []  # by resource and metric
    plots: list[Plot] = []  # by resource, kind and metric


class Ready(msgspec.Struct, frozen=True):
    """What can be judged now: nothing before `frontier_ms` is still to come."""

    frontier_ms: int
    ticks: tuple[tuple[int, Tick], ...]  # by time, all before the frontier; edges in one order


class Barrier(msgspec.Struct):
    """How far each key group has come, and what waits for the others.

    Memory: what was said between the slowest and the fastest group, which the sources' `max_skew_s`
    bounds.
    """

    until_ms: list[int | None]  # a group; None: not heard of yet
    final: list[bool]  # a group
    frontier_ms: int | None = None  # event time before which all is judged; None: nothing yet
    waiting: dict[int, Tick] = {}  # by time

    @classmethod
    def of(cls, groups: int) -> "Barrier":
        """Return a barrier that has heard of none of its `groups`."""
        return cls([None] * groups, [False] * groups)

    def admit(self, closed: Closed) -> Ready | None:
        """Take a group's word; return what has become ready, None where the frontier stands.

        Order: the frontier is the least of the groups that are not final, and the greatest of all
        once every one is. Edges are sorted by (resource key, kind, edge), and keep their group's
        order where that leaves a tie; one resource has one group, and one group tells all commands,
        so that the order of arrival of the groups decides nothing.
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
            self._tick(edge.tick_ms).edges.append(edge)
        for tick_ms, command in closed.commands:
            self._tick(tick_ms).commands.append(command)
        for tick_ms, seen in closed.seen:  # of a partition that joined late, it is news now
            now_ms = tick_ms if self.frontier_ms is None else max(tick_ms, self.frontier_ms)
            self._tick(now_ms).seen.append(seen)
        for effect in closed.effects:
            if self.frontier_ms is None or effect.tick_ms >= self.frontier_ms:
                self._tick(effect.tick_ms).effects.append(effect)
        for plot in closed.plots:
            if self.frontier_ms is None or plot.until_ms >= self.frontier_ms:
                self._tick(plot.until_ms).plots.append(plot)
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
        times = sorted(time_ms for time_ms in self.waiting if time_ms < frontier_ms)
        ticks = tuple((time_ms, self.waiting.pop(time_ms)) for time_ms in times)
        for _, tick in ticks:
            tick.edges.sort(key=_place)
            tick.effects.sort(key=lambda each: (each.resource.key, each.metric, each.labels))
            tick.plots.sort(key=lambda each: (each.resource, each.kind, each.metric, each.labels))
        return Ready(frontier_ms, ticks)

    def _tick(self, time_ms: int) -> Tick:
        return self.waiting.setdefault(time_ms, Tick())

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


def _place(edge: Anomaly) -> tuple[str, str, str]:
    return edge.resource.key, edge.kind, edge.edge
