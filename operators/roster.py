"""Which series a key group holds, and where: from 64-bit ids to cohorts and rows."""

from collections.abc import Callable, Sequence

import numpy as np

from operators.cohort import CohortTable
from operators.lookup import Lookup
from operators.packing import Named
from schema import I32, U64, MetricSpec, Resource, Series, stable_id


class Roster:
    """Series of a key group, numbered as they come; their cohort and row by number."""

    def __init__(self) -> None:
        self.tables: list[CohortTable] = []
        self.uid: U64 = np.zeros(0, np.uint64)
        self.cohort: I32 = np.zeros(0, np.int32)
        self.row: I32 = np.zeros(0, np.int32)
        self._cohort_of: dict[str, int] = {}  # by service
        self._known: dict[int, str] = {}  # series id -> what it names
        self._lookup = Lookup(self.uid)
        self._order: tuple[I32, I32, I32] | None = None

    def meet(
        self,
        names: Sequence[Named],
        spec: Callable[[Series], MetricSpec],
        new_cohort: Callable[[str], CohortTable],
    ) -> None:
        """Take in the names that are new.

        Raises: RuntimeError where two series have one id, which is not expected in the life of
        the universe, but would mix their samples if it happened.
        """
        fresh: dict[int, list[tuple[Named, MetricSpec]]] = {}
        for named in names:
            text = f"{named.series.resource.key}\n{named.series.metric_key}"
            known = self._known.get(named.uid)
            if known is None:
                self._known[named.uid] = text
                service = named.series.resource.service
                if service not in self._cohort_of:
                    self._cohort_of[service] = len(self.tables)
                    self.tables.append(new_cohort(service))
                fresh.setdefault(self._cohort_of[service], []).append((named, spec(named.series)))
            elif known != text:
                raise RuntimeError(f"two series share the id {named.uid}: {known!r} and {text!r}")
        for cohort, found in fresh.items():
            self._number(cohort, self.tables[cohort].add(found))

    def _number(self, cohort: int, rows: range) -> None:
        first = len(self.uid)
        uids = np.array([m.uid for m in self.tables[cohort].members[rows.start :]], np.uint64)
        self.uid = np.concatenate((self.uid, uids))
        self.cohort = np.concatenate((self.cohort, np.full(len(rows), cohort, np.int32)))
        self.row = np.concatenate((self.row, np.arange(rows.start, rows.stop, dtype=np.int32)))
        for i, uid in enumerate(uids):
            self._lookup.add(uid, first + i)
        self._order = None

    def find(self, uid: U64) -> I32:
        """Return the number of each series id."""
        number = self._lookup.find(uid)
        if len(number) and number.min() < 0:
            raise RuntimeError("a sample came before its series' name: the exchange lost a buffer")
        return number

    def order(self) -> tuple[I32, I32, I32]:
        """Return by number: cohort, place in the cohort's order, how a tick's samples merge."""
        if self._order is None:
            rank = np.zeros(len(self.uid), np.int32)
            merge = np.zeros(len(self.uid), np.int32)
            for i, table in enumerate(self.tables):
                mine = self.cohort == i
                rank[mine] = table.ranks()[self.row[mine]]
                merge[mine] = table.merge_rules()[self.row[mine]]
            self._order = (self.cohort, rank, merge)
        return self._order

    def set_attributes(self, named: Named, partition: int) -> None:
        """Let what a partition says of a resource take effect."""
        table = self.tables[self._cohort_of[named.series.resource.service]]
        table.set_attributes(named.resource_id, partition, named.series.resource.attributes)

    def as_named(self, resource: Resource) -> Resource:
        """Return a resource with the attributes that are in force."""
        return self.tables[self._cohort_of[resource.service]].named(stable_id(resource.key))

    def owners(self, series: I32) -> set[int]:
        """Return the ids of the resources that these series belong to."""
        return {
            self.tables[self.cohort[i]].members[self.row[i]].resource_id for i in np.unique(series)
        }

    def forget(self, table: CohortTable, keep_ids: set[int]) -> None:
        """Take a cohort's forgotten resources away; numbers change."""
        for member in table.forget(keep_ids):
            del self._known[member.uid]
        self.renumber()

    def renumber(self) -> None:
        """Number all series of the tables anew."""
        self.uid = np.zeros(0, np.uint64)
        self.cohort = np.zeros(0, np.int32)
        self.row = np.zeros(0, np.int32)
        self._lookup = Lookup(self.uid)
        self._cohort_of = {table.service: i for i, table in enumerate(self.tables)}
        self._known = {
            m.uid: f"{m.series.resource.key}\n{m.series.metric_key}"
            for table in self.tables
            for m in table.members
        }
        for i, table in enumerate(self.tables):
            self._number(i, range(len(table.members)))
