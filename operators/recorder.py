"""Follows what has alerted in a key group, and says plots of it: evidence that people can believe.

An alert is followed from its opening to its end, by the metrics that carry most of it. What the
series did before comes from the memory of the detectors (see `models.recall`), so that nothing is
kept of resources that are well.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from models.baseline import STEP
from models.recall import RECALLED, recall
from operators.cohort import CohortTable, Member
from operators.evidence import EvidenceSettings, Followed, Point, Track, shares
from operators.layout import LEAD, Found, Knobs
from operators.plotting import Scene, plot_of
from operators.rules import RuleTable
from schema import F64, Anomaly, Plot, stable_id

_HOUR_MS = 3_600_000
_LEAST_SHARE = 0.005  # what has less in an alert is left out, but for the load: it is the context
_SLOWER = 8  # what has been open for long is said again at every eighth of its age


class Recorder:
    """The alerts that a key group follows.

    Memory: `followed` alerts a service.
    """

    def __init__(
        self, settings: EvidenceSettings | None, knobs: Knobs, rules: RuleTable, tick_ms: int
    ) -> None:
        self._limits = settings or EvidenceSettings(enabled=False)
        self._every = max(1, round(self._limits.every_s * 1000 / tick_ms))
        self._knobs = knobs
        self._rules = {f"rule:{rule.name}": rule for rule in rules.rules}
        self._tick_ms = tick_ms
        self._followed: dict[str, list[Followed]] = {}  # by service
        self._said: list[Plot] = []  # since the last word

    def resume(
        self, followed: Iterable[tuple[str, Sequence[Followed]]], tables: Iterable[CohortTable]
    ) -> None:
        """Go on following what a snapshot says was followed."""
        if not self._limits.enabled:
            return
        self._followed = {service: list(each) for service, each in followed}
        for table in tables:
            if table.service in self._followed:
                self._mark(table)

    def state(self) -> tuple[tuple[str, tuple[Followed, ...]], ...]:
        """Return what is followed, for a snapshot."""
        return tuple((service, tuple(each)) for service, each in self._followed.items() if each)

    def take(self, found: Found, table: CohortTable, edges: Sequence[Anomaly]) -> None:
        """Take what a pass wrote down, which ended with the tick of the first alert that opened."""
        if not self._limits.enabled:
            return
        n = int(found.used[5])
        found.used[5] = 0
        followed = self._followed.setdefault(table.service, [])
        if followed:
            ended = {
                (stable_id(e.resource.key), e.kind): e.tick_ms // self._tick_ms
                for e in edges
                if e.edge == "close"
            }
            points = _points(found.curve[:n], table)
            for each in tuple(followed):
                closed = ended.get((each.resource_id, each.kind))
                self._go_on(each, points, closed, table)
                if closed is not None or not table.has(each.resource_id):
                    followed.remove(each)
        for edge in sorted(edges, key=lambda e: (-e.score, e.resource.key, e.kind)):
            if edge.edge == "open":
                self._follow(edge, followed, table)
        self._mark(table)

    def say_all(self, tables: Iterable[CohortTable], until_ms: int) -> None:
        """Say all that is followed, since nothing will come any more."""
        for table in tables:
            for each in self._followed.get(table.service, ()):
                self._say(each, table, until_ms // self._tick_ms - 1, None)

    def said(self) -> tuple[Plot, ...]:
        """Return, once, what was said."""
        said, self._said = self._said, []
        return tuple(said)

    # ------------------------------------------------------------------ following

    def _mark(self, table: CohortTable) -> None:
        """Let the pass write down the series that are followed, and no others."""
        marks = table.arrays.followed
        marks[:] = 0
        for each in self._followed[table.service]:
            uids = {track.uid for track in each.tracks}
            marks[[r for r in table.rows_of(each.resource_id) if table.members[r].uid in uids]] = 1

    def _follow(self, edge: Anomaly, followed: list[Followed], table: CohortTable) -> None:
        tick = edge.tick_ms // self._tick_ms
        if len(followed) >= self._limits.followed:
            oldest = min(followed, key=lambda each: (each.opened, each.resource_id, each.kind))
            if (tick - oldest.opened) * self._tick_ms < _HOUR_MS:
                return
            followed.remove(oldest)
        resource_id = stable_id(edge.resource.key)
        rows = table.rows_of(resource_id)
        tracks = [
            self._track(table, rows, row, onset, share)
            for row, onset, share in self._main(edge, table, rows)[: self._limits.metrics]
        ]
        following = Followed(resource_id, edge.kind, tick, tick, shares(edge), tracks)
        followed.append(following)
        self._say(following, table, tick, None)

    def _main(
        self, edge: Anomaly, table: CohortTable, rows: Sequence[int]
    ) -> list[tuple[int, int, float]]:
        """Return row, onset and share of the series that matter to an alert, most first."""
        by_name = {(m.series.metric, m.series.labels): row for row, m in _members(table, rows)}
        main = [
            (by_name[e.metric, e.labels], e.onset_ms // self._tick_ms, e.share)
            for e in edge.evidence
            if (e.metric, e.labels) in by_name
        ]
        if main:
            loads = {row for row, m in _members(table, rows) if m.spec.load}
            return [each for each in main if each[2] >= _LEAST_SHARE or each[0] in loads]
        weighty = sorted(_members(table, rows), key=lambda m: (-m[1].spec.weight, m[1].uid))
        return [(row, edge.onset_ms // self._tick_ms, 0.0) for row, _ in weighty]

    def _track(
        self, table: CohortTable, rows: Sequence[int], row: int, onset: int, share: float
    ) -> Track:
        """Return a series to follow, with what it did before."""
        load = np.zeros((0, RECALLED))
        ranks = table.arrays.lead[rows]
        lead = rows[int(np.argmax(ranks))]
        own = table.arrays.resource[table.arrays.owner[row], LEAD]
        if lead != row and ranks.max() > 0.0 and ranks.max() == own:
            load = self._recalled(table, lead, load)
        points = [
            Point(round(tick), value, expected, band)
            for tick, value, expected, band, _ in self._recalled(table, row, load).tolist()
        ]
        return Track(table.members[row].uid, onset, share, points, len(points))

    def _recalled(self, table: CohortTable, row: int, load: F64) -> F64:
        arrays, knobs = table.arrays, self._knobs
        return recall(
            arrays.state[row],
            arrays.season[row],
            arrays.shape[row],
            arrays.past[row],
            load,
            arrays.least[row],
            arrays.counted[row] == 1,
            knobs.baseline,
            knobs.ticks_a_day,
            self._limits.before,
        )

    def _go_on(
        self,
        each: Followed,
        points: dict[int, list[Point]],
        closed: int | None,
        table: CohortTable,
    ) -> None:
        """Take what came of an alert's series, up to its end; say it where it is due."""
        by_tick: dict[int, list[tuple[Track, Point]]] = {}
        for track in each.tracks:
            for point in points.get(track.uid, ()):
                if closed is None or point.tick <= closed:
                    by_tick.setdefault(point.tick, []).append((track, point))
        for tick in sorted(by_tick):
            for track, point in by_tick[tick]:
                track.add(point, self._limits.points)
            if tick >= each.next and tick != closed:
                self._say(each, table, tick, None)
        if closed is not None and table.has(each.resource_id):
            self._say(each, table, closed, closed)

    def _say(self, each: Followed, table: CohortTable, tick: int, closed: int | None) -> None:
        each.next = tick + max(self._every, (tick - each.opened) // _SLOWER)
        resource = table.named(each.resource_id)
        by_uid = {table.members[row].uid: row for row in table.rows_of(each.resource_id)}
        for track in each.tracks:
            row = by_uid.get(track.uid)
            if row is not None and track.points:
                step = max(float(table.arrays.state[row, STEP]), 1.0)
                scene = Scene(resource, table.members[row], self._rules.get(each.kind), step)
                self._said.append(plot_of(each, track, scene, tick, closed, self._tick_ms))


def _points(curve: F64, table: CohortTable) -> dict[int, list[Point]]:
    """Return by series' id what a pass wrote down, see `operators.curve`."""
    out: dict[int, list[Point]] = {}
    for tick, row, value, expected, band in curve[:, :5].tolist():
        uid = table.members[round(row)].uid
        out.setdefault(uid, []).append(Point(round(tick), value, expected, band))
    return out


def _members(table: CohortTable, rows: Sequence[int]) -> list[tuple[int, Member]]:
    return [(row, table.members[row]) for row in rows]
