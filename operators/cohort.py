"""The resources of one service in one key group: their arrays, their order, their names."""

import math
import sys
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from models import baseline, calibration, discord, forecast, season, statistical
from models.fusion import DETECTORS
from operators.layout import (
    BOTH,
    COUNTERS,
    DOWN,
    FEATURES,
    FIRST_TICK,
    FIT_TICK,
    FORGOTTEN,
    GONE,
    MAX_RULES,
    MISSING,
    NONE,
    OPENED,
    RESOURCE_WIDTH,
    UP,
    Cohort,
)
from operators.packing import Named
from operators.rules import RuleTable
from operators.ticks import rule_of
from schema import I32, MetricSpec, Resource, Series

_NEVER = (math.nan, math.nan)
_FEW = (
    "cloud",
    "service",
    "account",
    "region",
)  # of these there are few, and many resources of each
_DIRECTIONS = {"up": UP, "down": DOWN, "both": BOTH, "none": NONE}


class Member(msgspec.Struct, frozen=True, gc=False):
    """A series of the cohort, beside its numbers."""

    uid: int
    resource_id: int
    series: Series
    spec: MetricSpec


def empty_arrays(
    service_tails: npt.NDArray[np.float64], reservoir_rows: int, past: int = 0, figures: int = 0
) -> Cohort:
    """Return the arrays of a cohort that has no resources yet."""
    counters = np.zeros(COUNTERS)
    counters[FIRST_TICK] = counters[FIT_TICK] = -1.0
    return Cohort(
        state=np.zeros((0, baseline.WIDTH)),
        away=np.zeros((0, 2)),
        shape=np.zeros((0, discord.WIDTH)),
        past=np.zeros((0, past), np.float32),
        trend=np.zeros((0, forecast.WIDTH)),
        plain=np.zeros((0, statistical.WIDTH)),
        season=np.zeros((0, season.SEASON), np.float32),
        owner=np.zeros(0, np.int32),
        direction=np.zeros(0, np.int32),
        weight=np.zeros(0),
        least=np.zeros(0),
        effect=np.zeros(0),
        harmless=np.zeros((0, 2)),
        bar=np.zeros((0, 2)),
        limit=np.zeros(0),
        lead=np.zeros(0),
        counted=np.zeros(0, np.int32),
        column=np.zeros(0, np.int32),
        rules=np.zeros((0, MAX_RULES), np.int32),
        rule_run=np.zeros((0, MAX_RULES), np.int32),
        resource=np.zeros((0, RESOURCE_WIDTH)),
        tails=np.zeros((0, len(DETECTORS), calibration.WIDTH)),
        cohort_tails=service_tails.copy(),
        counters=counters,
        figures=np.zeros(figures),
        reservoir=np.zeros((reservoir_rows, 0), np.float32),
        reservoir_tick=np.zeros(reservoir_rows, np.int64),
        slot=np.zeros(0, np.int32),
        followed=np.zeros(0, np.int32),
    )


class CohortTable:
    """Names and arrays of a cohort's series and resources, by row.

    Memory: about 0.6 kB a series and 0.3 kB a resource, plus the reservoir.
    """

    def __init__(self, service: str, rules: RuleTable, arrays: Cohort) -> None:
        self.service = service
        self.arrays = arrays
        self.members: list[Member] = []
        self.resources: list[Resource] = []
        self.slots: dict[str, int] = {}  # metric -> its columns in the reservoir
        self.columns: dict[str, int] = {}  # metric -> its columns for the forests
        self._rules = rules
        self._row_of: dict[int, int] = {}  # resource id -> row
        self._tags: dict[int, dict[int, tuple[tuple[str, str], ...]]] = {}
        self._said_of: dict[int, Resource] = {}  # resource id -> as its first series said it

    # ------------------------------------------------------------------ growing

    def add(self, found: Iterable[tuple[Named, MetricSpec]]) -> range:
        """Add series that are new to the cohort; return their rows."""
        first = len(self.members)
        old_resources = len(self.resources)
        owner = []
        for named, spec in found:
            series = self._shared(named.resource_id, named.series)
            row = self._row_of.get(named.resource_id)
            if row is None:
                row = self._row_of[named.resource_id] = len(self.resources)
                plain = series.resource
                if plain.attributes:
                    plain = msgspec.structs.replace(plain, attributes=())
                self.resources.append(plain)
            owner.append(row)
            self.members.append(Member(named.uid, named.resource_id, series, spec))
            self.slots.setdefault(named.series.metric, len(self.slots))
        self._grow(self.members[first:], owner, len(self.resources) - old_resources)
        return range(first, len(self.members))

    def _shared(self, resource_id: int, series: Series) -> Series:
        """Return an equal series that shares what others of the cohort say in the same words."""
        own = series.resource
        shared = self._said_of.get(resource_id)
        if shared is None:
            few = {name: sys.intern(getattr(own, name)) for name in _FEW}
            shared = self._said_of[resource_id] = msgspec.structs.replace(own, **few)
        return msgspec.structs.replace(
            series,
            resource=shared if shared == own else own,
            metric=sys.intern(series.metric),
            unit=sys.intern(series.unit),
        )

    def _grow(self, fresh: list[Member], owner: list[int], resources: int) -> None:
        old = self.arrays
        n = len(fresh)
        reservoir = np.zeros((old.reservoir.shape[0], len(self.slots) * FEATURES), np.float32)
        reservoir[:, MISSING::FEATURES] = 1.0
        reservoir[:, : old.reservoir.shape[1]] = old.reservoir
        unheard = np.zeros((resources, RESOURCE_WIDTH))
        unheard[:, OPENED] = -1.0
        more = {
            **self._settings_of(fresh),
            "state": np.zeros((n, baseline.WIDTH)),
            "away": np.zeros((n, 2)),
            "shape": np.zeros((n, discord.WIDTH)),
            "past": np.zeros((n, old.past.shape[1]), np.float32),
            "trend": np.zeros((n, forecast.WIDTH)),
            "plain": np.zeros((n, statistical.WIDTH)),
            "season": np.zeros((n, season.SEASON), np.float32),
            "owner": np.array(owner, np.int32),
            "rule_run": np.zeros((n, MAX_RULES), np.int32),
            "bar": np.zeros((n, 2)),
            "followed": np.zeros(n, np.int32),
            "resource": unheard,
            "tails": np.zeros((resources, *old.tails.shape[1:])),
        }
        self.arrays = old._replace(
            reservoir=reservoir,
            **{name: np.concatenate((getattr(old, name), new)) for name, new in more.items()},
        )

    def _settings_of(self, members: list[Member]) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that catalogue and rules decide."""
        specs = [m.spec for m in members]
        rules = [self._rules.of(self.service, m.series.metric) for m in members]
        return {
            "direction": np.array([_DIRECTIONS[s.bad] for s in specs], np.int32),
            "weight": np.array([s.weight for s in specs], np.float64),
            "least": np.array([s.min_change for s in specs], np.float64),
            "effect": np.array([s.least_effect for s in specs], np.float64),  # None: NaN
            "harmless": np.array([s.harmless or _NEVER for s in specs], np.float64).reshape(-1, 2),
            "limit": np.array([limit_where_it_hurts(s) for s in specs], np.float64),
            "lead": np.array([_lead(m) for m in members], np.float64),
            "counted": np.array([_is_counted(s) for s in specs], np.int32),
            "column": np.array([self.columns.get(m.series.metric, -1) for m in members], np.int32),
            "slot": np.array([self.slots[m.series.metric] for m in members], np.int32),
            "rules": np.array(rules, np.int32).reshape(len(members), MAX_RULES),
        }

    # ------------------------------------------------------------------ order

    def ranks(self) -> I32:
        """Return each series' place in the one order: resource, load first, series."""
        uid = np.array([m.uid for m in self.members], np.uint64)
        resource = np.array([m.resource_id for m in self.members], np.uint64)
        rank = np.empty(len(uid), np.int32)
        rank[np.lexsort((uid, -self.arrays.lead, resource))] = np.arange(len(uid))
        return rank

    def merge_rules(self) -> I32:
        """Return by series how several samples of a tick become one."""
        return np.array([rule_of(m.spec.statistic) for m in self.members], np.int32)

    # ------------------------------------------------------------------ names

    def set_attributes(
        self, resource_id: int, partition: int, attributes: tuple[tuple[str, str], ...]
    ) -> Resource | None:
        """Take what a partition says of a resource; of two partitions the later one's word counts.

        A resource that is not of the cohort is passed over: none of its samples was in time.
        "Later" is by the partition's index, so that it does not depend on who came first.
        """
        if resource_id not in self._row_of:
            return None
        if not attributes and resource_id not in self._tags:
            return self.resources[self._row_of[resource_id]]
        said = self._tags.setdefault(resource_id, {})
        said[partition] = attributes
        merged: dict[str, str] = {}
        for index in sorted(said):
            merged.update(said[index])
        row = self._row_of[resource_id]
        self.resources[row] = msgspec.structs.replace(
            self.resources[row], attributes=tuple(sorted(merged.items()))
        )
        return self.resources[row]

    def named(self, resource_id: int) -> Resource:
        """Return the resource with the attributes that are in force."""
        return self.resources[self._row_of[resource_id]]

    def has(self, resource_id: int) -> bool:
        """Whether the resource is of the cohort."""
        return resource_id in self._row_of

    def row_of(self, resource_id: int) -> int:
        """Return the row of a resource."""
        return self._row_of[resource_id]

    def rows_of(self, resource_id: int) -> list[int]:
        """Return the rows of a resource's series, of which there is one at least."""
        return np.flatnonzero(self.arrays.owner == self._row_of[resource_id]).tolist()

    def set_columns(self, columns: dict[str, int]) -> None:
        """Say which columns of a feature row belong to which metric."""
        self.columns = columns
        self.arrays.column[:] = [columns.get(m.series.metric, -1) for m in self.members]

    # ------------------------------------------------------------------ forgetting

    def forget(self, keep_ids: set[int]) -> list[Member]:
        """Take away resources that the pass has forgotten, except `keep_ids`; return their series.

        Rows move up: whoever holds row numbers must ask anew.
        """
        gone = self.arrays.resource[:, FORGOTTEN] == 1.0
        for resource_id, row in self._row_of.items():
            if resource_id in keep_ids:
                gone[row] = False
        if not gone.any():
            return []
        old = self.arrays
        stay = ~gone
        keep = stay[old.owner]
        renumbered = np.cumsum(stay, dtype=np.int32) - np.int32(1)
        lost = [m for m, k in zip(self.members, keep, strict=True) if not k]
        self.arrays = old._replace(
            **{name: getattr(old, name)[keep] for name in SERIES_ARRAYS},
            resource=old.resource[stay],
            tails=old.tails[stay],
        )
        self.arrays = self.arrays._replace(owner=renumbered[self.arrays.owner])
        self.members = [m for m, k in zip(self.members, keep, strict=True) if k]
        self.resources = [r for r, s in zip(self.resources, stay, strict=True) if s]
        for member in lost:
            self._row_of.pop(member.resource_id, None)
            self._tags.pop(member.resource_id, None)
            self._said_of.pop(member.resource_id, None)
        self._row_of = {i: int(renumbered[row]) for i, row in self._row_of.items()}
        self.arrays.counters[GONE] = (self.arrays.resource[:, FORGOTTEN] == 1.0).sum()
        return lost

    # ------------------------------------------------------------------ snapshot

    def names(self) -> "CohortNames":
        """Return what is not in the arrays."""
        return CohortNames(
            self.service,
            tuple((m.uid, m.resource_id, m.series) for m in self.members),
            tuple(self.resources),
            tuple(self._row_of.items()),
            tuple(self.slots),
            tuple(self.columns.items()),
            tuple((i, tuple(said.items())) for i, said in self._tags.items()),
        )

    @classmethod
    def restore(
        cls,
        names: "CohortNames",
        rules: RuleTable,
        arrays: Cohort,
        spec: Callable[[Series], MetricSpec],
    ) -> "CohortTable":
        """Return the table that `names` and its arrays came from, under today's catalogue."""
        table = cls(names.service, rules, arrays)
        table.members = [
            Member(uid, rid, table._shared(rid, series), spec(series))
            for uid, rid, series in names.members
        ]
        table.resources = list(names.resources)
        table.slots = {metric: i for i, metric in enumerate(names.slots)}
        table.columns = dict(names.columns)
        table._row_of = dict(names.rows)
        table._tags = {i: dict(said) for i, said in names.tags if any(tags for _, tags in said)}
        followed = np.zeros(len(table.members), np.int32)
        table.arrays = arrays._replace(followed=followed, **table._settings_of(table.members))
        return table


class CohortNames(msgspec.Struct, frozen=True, array_like=True):
    """A `CohortTable` without its arrays."""

    service: str
    members: tuple[tuple[int, int, Series], ...]
    resources: tuple[Resource, ...]
    rows: tuple[tuple[int, int], ...]
    slots: tuple[str, ...]
    columns: tuple[tuple[str, int], ...]
    tags: tuple[tuple[int, tuple[tuple[int, tuple[tuple[str, str], ...]], ...]], ...]


SERIES_ARRAYS = (
    "state",
    "away",
    "shape",
    "past",
    "trend",
    "plain",
    "season",
    "owner",
    "direction",
    "weight",
    "least",
    "effect",
    "harmless",
    "bar",
    "limit",
    "lead",
    "counted",
    "column",
    "rules",
    "rule_run",
    "slot",
    "followed",
)


def _is_counted(spec: MetricSpec) -> bool:
    """Whether the metric is a number of events in a tick."""
    return spec.unit == "count" and spec.statistic in {"sum", "count"}


def limit_where_it_hurts(spec: MetricSpec) -> float | None:
    """Return the natural limit on the side where the metric hurts, None if it has none."""
    return {"up": spec.upper, "down": spec.lower}.get(spec.bad)


def within_limits(spec: MetricSpec, *values: float) -> tuple[float, ...]:
    """Return the values, none of them beyond the natural limits of the metric."""
    least = -math.inf if spec.lower is None else spec.lower
    most = math.inf if spec.upper is None else spec.upper
    return tuple(min(max(value, least), most) for value in values)


def _lead(member: Member) -> float:
    """Return how a load metric ranks among its resource's: by weight, then whatever its id."""
    if not member.spec.load:
        return 0.0
    return 1.0 + member.spec.weight + member.uid / (1 << 64) * 1e-3
