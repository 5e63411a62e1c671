"""Which streams a key group holds, and where: from 64-bit ids to cohorts and rows.

A stream is what is sampled, a series what is judged. Most series have one stream, of the same id;
several make one up where the catalogue says so (the cores of a machine), and where a resource has
more label sets of a metric than are told apart: the rest are one series.
"""

from collections.abc import Callable, Sequence
from itertools import compress

import msgspec
import numpy as np
import numpy.typing as npt

from operators.admission import Admission
from operators.cohort import CohortTable
from operators.lookup import Lookup
from operators.packing import Named
from operators.ticks import Order
from schema import F64, I32, I64, U64, Counter, Labels, MetricSpec, Resource, Series, stable_id

PLAIN, RATE, MEAN, RATIO = range(4)  # how a stream's readings become values
STALE_WINDOWS = 4  # a day
_KINDS = {"rate": RATE, "mean": MEAN, "ratio": RATIO}
_OTHER: Labels = (("label_sets", "other"),)  # of the series that stands for the rest


class Streams(msgspec.Struct, frozen=True, array_like=True):
    """For a snapshot: the streams that are not just their series, and names without a place."""

    placed: tuple[tuple[int, int, Counter | None], ...] = ()  # stream's id, series' id, counter
    unplaced: tuple[Named, ...] = ()
    heard: tuple[int, ...] = ()  # by place in `placed`: window of the last sample


class Roster:
    """Streams of a key group, numbered as they come; their cohort and row by number.

    A stream gets its row when the tick of its first sample closes, so that which label sets are
    told apart depends on event times and names alone.
    Memory: 0.5 kB a series, and as much a stream until it has been silent for a day; how many
    there are at once is for `operators.admission` to say.
    """

    def __init__(self, max_label_sets: int, every_ms: int) -> None:
        self.tables: list[CohortTable] = []
        self._max_label_sets = max_label_sets  # of one metric of one resource
        self._every_ms = every_ms  # length of a window, see `operators.admission`
        self._clear()

    def _clear(self) -> None:
        self.uid: U64 = np.zeros(0, np.uint64)
        self.row: I32 = np.zeros(0, np.int32)  # -1: not placed
        self.cohort: I32 = np.zeros(0, np.int32)
        self.kind: I32 = np.zeros(0, np.int32)
        self.scale: F64 = np.zeros(0)
        self.offset: F64 = np.zeros(0)
        self._series_uid: list[int] = []
        self._counter: list[Counter | None] = []
        self._unplaced: dict[int, Named] = {}  # by number
        self._lookup = Lookup(self.uid)
        self._cohort_of: dict[str, int] = {}  # by service
        self._at: dict[int, tuple[int, int]] = {}  # series' id -> cohort and row
        self._check: dict[int, int] = {}  # stream's id -> more of its name's hash
        self._label_sets: dict[tuple[int, str], int] = {}  # by resource id and metric
        self._series_of: dict[int, int] = {}  # how many by resource id
        self.heard: I32 = np.zeros(0, np.int32)  # window of the last sample
        self.refused = 0  # numbers without a row that get none
        self._order: Order | None = None

    @property
    def has_unplaced(self) -> bool:
        """Whether any stream has no row yet."""
        return bool(self._unplaced)

    def find(self, uid: U64, all_known: bool = True) -> I32:
        """Return the number of each stream's id, -1 for one that was refused.

        Raises: RuntimeError for an unknown one, if nothing was refused.
        """
        number = self._lookup.find(uid)
        if all_known and len(number) and number.min() < 0:
            raise RuntimeError("a sample came before its series' name: the exchange lost a buffer")
        return number

    # ------------------------------------------------------------------ growing

    def meet(self, names: Sequence[Named]) -> None:
        """Number the streams that are new; they have no row yet.

        Raises: RuntimeError where two streams have one id, which is not expected in the life of
        the universe, but would mix their samples if it happened.
        """
        known = self._lookup.find(np.array([named.uid for named in names], np.uint64))
        fresh: dict[int, Named] = {}
        for named, number in zip(names, known.tolist(), strict=True):
            text = f"{named.series.resource.key}\n{named.series.stream_key}"
            check = stable_id(f"check\n{text}")  # 64 more bits of the name
            if self._check.setdefault(named.uid, check) != check:
                raise RuntimeError(f"two series share the id {named.uid}: one is {text!r}")
            if number < 0:
                fresh[named.uid] = named
            elif self.row[number] < 0:
                held = self._unplaced.get(number)
                if held is None or held.ts_ms // self._every_ms < named.ts_ms // self._every_ms:
                    self._unplaced[number] = named  # it may have been refused before
        if not fresh:
            return
        first = len(self.uid)
        self._number([(uid, 0, named.series.counter) for uid, named in fresh.items()])
        self._unplaced.update(zip(range(first, len(self.uid)), fresh.values(), strict=True))

    def _number(self, streams: Sequence[tuple[int, int, Counter | None]]) -> None:
        """Add (stream's id, series' id, counter); those of a series that is known get its row."""
        first = len(self.uid)
        for i, (uid, _, _) in enumerate(streams):
            self._lookup.add(uid, first + i)
        counters = [counter or _NO_COUNTER for _, _, counter in streams]
        kinds = [_KINDS[c.kind] if c is not _NO_COUNTER else PLAIN for c in counters]
        places = [self._at.get(series, (-1, -1)) for _, series, _ in streams]
        self.uid = np.append(self.uid, np.array([s[0] for s in streams], np.uint64))
        self.cohort = np.append(self.cohort, np.array([p[0] for p in places], np.int32))
        self.row = np.append(self.row, np.array([p[1] for p in places], np.int32))
        self.kind = np.append(self.kind, np.array(kinds, np.int32))
        self.heard = np.append(self.heard, np.zeros(len(streams), np.int32))
        self.scale = np.append(self.scale, np.array([c.scale for c in counters]))
        self.offset = np.append(self.offset, np.array([c.offset for c in counters]))
        self._series_uid += [series for _, series, _ in streams]
        self._counter += [counter for _, _, counter in streams]
        self._order = None

    def place(
        self,
        number: I32,
        tick: I64,
        spec: Callable[[Series], MetricSpec],
        new_cohort: Callable[[str], CohortTable],
        admission: Admission,
    ) -> None:
        """Give rows to the streams of these samples that have none, as far as there is room.

        `tick` is the samples'; all are of the admission's window.
        """
        lost = self.row[number] < 0
        first: dict[int, int] = {}
        for n, at in zip(number[lost].tolist(), tick[lost].tolist(), strict=True):
            first[n] = min(at, first.get(n, at))
        due = sorted(
            (at, self._unplaced[n].series.resource.key, self._unplaced[n].series.stream_key, n)
            for n, at in first.items()
            if n in self._unplaced
        )
        fresh: dict[int, list[tuple[Named, MetricSpec]]] = {}
        for _, _, _, n in due:
            named = self._unplaced.pop(n)
            series = self._told_apart(named)
            uid = _series_id(series)
            held = self._series_of.get(named.resource_id, 0)
            if not admission.admit(named, held, is_new=uid not in self._at):
                if named.ts_ms // self._every_ms > (admission.window or 0):
                    self._unplaced[n] = named  # it has been said again, for then
                self.refused += 1
                continue
            if uid not in self._at:
                service = series.resource.service
                if service not in self._cohort_of:
                    self._cohort_of[service] = len(self.tables)
                    self.tables.append(new_cohort(service))
                cohort = self._cohort_of[service]
                mine = fresh.setdefault(cohort, [])
                self._at[uid] = (cohort, len(self.tables[cohort].members) + len(mine))
                mine.append((Named(uid, named.resource_id, named.ts_ms, series), spec(series)))
                self._count(named.resource_id, series)
            self._series_uid[n] = uid
            self.cohort[n], self.row[n] = self._at[uid]
        for cohort, found in fresh.items():
            self.tables[cohort].add(found)
        self._order = None

    def _told_apart(self, named: Named) -> Series:
        """Return the series of a stream: its own, or the rest's where there are too many."""
        series = msgspec.structs.replace(named.series, parts=(), counter=None)
        held = self._label_sets.get((named.resource_id, series.metric), 0)
        if held < self._max_label_sets or not series.labels or _series_id(series) in self._at:
            return series
        return msgspec.structs.replace(series, labels=_OTHER)

    def _count(self, resource_id: int, series: Series) -> None:
        self._series_of[resource_id] = self._series_of.get(resource_id, 0) + 1
        if series.labels and series.labels != _OTHER:
            key = (resource_id, series.metric)
            self._label_sets[key] = self._label_sets.get(key, 0) + 1

    # ------------------------------------------------------------------ asking

    def order(self) -> Order:
        """Return where the samples of each number go; those without a row go nowhere."""
        if self._order is None:
            rank = np.zeros(len(self.uid), np.int32)
            merge = np.zeros(len(self.uid), np.int32)
            for i, table in enumerate(self.tables):
                mine = self.cohort == i
                rank[mine] = table.ranks()[self.row[mine]]
                merge[mine] = table.merge_rules()[self.row[mine]]
            self._order = Order(self.cohort, rank, merge, self.uid)
        return self._order

    def set_attributes(self, named: Named, partition: int) -> Resource | None:
        """Let what a partition says of a resource take effect; return the resource, if known."""
        cohort = self._cohort_of.get(named.series.resource.service)
        if cohort is None:
            return None
        return self.tables[cohort].set_attributes(
            named.resource_id, partition, named.series.resource.attributes
        )

    def as_named(self, resource: Resource) -> Resource:
        """Return a resource with the attributes that are in force."""
        return self.tables[self._cohort_of[resource.service]].named(stable_id(resource.key))

    # ------------------------------------------------------------------ forgetting, and snapshots

    def has_stale(self, window: int) -> bool:
        """Whether a stream has been silent for a day at the begin of `window`."""
        return bool((self._beside_series() & (self.heard < window - STALE_WINDOWS)).any())

    def give_back(self, window: int, is_full: Callable[[str], bool]) -> None:
        """Take away forgotten resources, silent streams, and all that has no row; numbers change.

        A stream beside its series (of many label sets that are one) is silent after a day, or
        after a window where its account `is_full`.
        """
        silent = np.flatnonzero(self._beside_series() & (self.heard < window - 1))
        for n in silent.tolist():
            account = self.tables[self.cohort[n]].members[self.row[n]].series.resource.account
            if self.heard[n] < window - STALE_WINDOWS or is_full(account):
                self._series_uid[n] = 0
        for table in self.tables:
            table.forget(set())
        streams = self.streams()
        self.renumber(Streams(streams.placed, heard=streams.heard))

    def _beside_series(self) -> npt.NDArray[np.bool_]:
        own = np.array(self._series_uid, np.uint64) == self.uid
        found: npt.NDArray[np.bool_] = ~own & (self.row >= 0)
        return found

    def accounts(self) -> tuple[list[str], list[str]]:
        """Return the account of each resource, and of each stream that has a row."""
        resources: list[str] = []
        streams: list[str] = []
        for i, table in enumerate(self.tables):
            names = [resource.account for resource in table.resources]
            rows = self.row[self.cohort == i]
            each = np.bincount(table.arrays.owner[rows], minlength=len(names)).tolist()
            resources += names
            for account, n in zip(names, each, strict=True):
                streams += [account] * n
        return resources, streams

    def streams(self) -> Streams:
        """Return what the tables do not say."""
        placed = zip(self.uid.tolist(), self._series_uid, self._counter, strict=True)
        kept = [
            (stream, heard)
            for stream, heard in zip(placed, self.heard.tolist(), strict=True)
            if stream[1] and (stream[0] != stream[1] or stream[2] is not None)
        ]
        return Streams(
            tuple(stream for stream, _ in kept),
            tuple(self._unplaced.values()),
            tuple(heard for _, heard in kept),
        )

    def renumber(self, streams: Streams) -> None:
        """Number the tables' series and these streams anew; streams of no series are left out."""
        self._clear()
        self._cohort_of = {table.service: i for i, table in enumerate(self.tables)}
        for i, table in enumerate(self.tables):
            self._at.update((member.uid, (i, row)) for row, member in enumerate(table.members))
            for member in table.members:
                self._count(member.resource_id, member.series)
        own = [(uid, uid, None) for uid in self._at]
        beside = [stream[1] in self._at for stream in streams.placed]
        self._number([*own, *compress(streams.placed, beside)])
        heard = streams.heard or (0,) * len(beside)
        self.heard[len(own) :] = list(compress(heard, beside))
        self.meet(streams.unplaced)


_NO_COUNTER = Counter("rate")


def _series_id(series: Series) -> int:
    return stable_id(f"{series.resource.key}\n{series.metric_key}")
