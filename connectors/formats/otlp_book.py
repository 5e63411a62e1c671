"""Slots of OTLP's series by what came in on the wire, and points to columns."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from connectors.formats.columns import REJECTED, RejectRow, assemble
from connectors.formats.generations import Generations
from connectors.formats.labelled import labelled_spec
from connectors.formats.otlp_points import Group, Kind, Shape
from connectors.formats.otlp_resource import otlp_resource, resource_labels
from connectors.formats.reasons import BAD_TIME, MISSING_FIELD, NOT_UTF8, BadPoint
from connectors.formats.series_book import SeriesBook
from connectors.formats.settings import DecodeSettings
from connectors.formats.times import MAX_TS_MS
from schema import F64, I32, I64, Catalogue, Decoded, SeriesTable

U64 = npt.NDArray[np.uint64]
Attributes = Mapping[str, str]

_ENTRY_BYTES = 256  # of a cached entry beside its text, about
_NS_A_MS = 1_000_000


class Context:
    """A metric of a resource as it came in; `number` stands for it in identities."""

    __slots__ = ("edged", "kind", "name", "number", "raw_resource", "tail_at", "unit")

    def __init__(self, number: int, raw_resource: bytes, name: str, unit: str, kind: Kind) -> None:
        self.number = number
        self.raw_resource = raw_resource
        self.name = name
        self.unit = unit
        self.kind = kind
        self.tail_at = 27  # see `otlp_numbers`
        self.edged = True  # see `otlp_histograms`


class Points:
    """Points of a chunk, one at a time; times in nanoseconds, below 2**64."""

    def __init__(self) -> None:
        self.slots: list[int] = []
        self.time_ns: list[int] = []
        self.start_ns: list[int] = []
        self.values: list[float] = []
        self.counts: list[float] = []
        self.payload: list[int] = []

    def add(self, slot: int, time_ns: int, start_ns: int, value: float, payload: int) -> None:
        """Take a point of a gauge or sum."""
        self.slots.append(slot)
        self.time_ns.append(time_ns)
        self.start_ns.append(start_ns)
        self.values.append(value)
        self.counts.append(0.0)
        self.payload.append(payload)

    def add_group(
        self, slots: tuple[int, ...], time_ns: int, start_ns: int, group: Group, shape: Shape,
        payload: int,
    ) -> None:  # fmt: skip
        """Take a point of a histogram or summary, whose `slots` PointBook.group returned."""
        for slot, (value, count) in zip(slots, group.values(shape), strict=True):
            self.add(slot, time_ns, start_ns, value, payload)
            self.counts[-1] = count

    def columns(self) -> tuple[I32, U64, U64, F64, F64, I32]:
        """Return slot, time, start, value, count and payload."""
        return (
            np.array(self.slots, np.int32),
            np.array(self.time_ns, np.uint64),
            np.array(self.start_ns, np.uint64),
            np.array(self.values, np.float64),
            np.array(self.counts, np.float64),
            np.array(self.payload, np.int32),
        )


class PointBook:
    """A SeriesBook for OTLP. Memory: the table's series and bounded caches."""

    def __init__(
        self,
        catalogue: Catalogue,
        settings: DecodeSettings,
        parse_resource: Callable[[bytes], Attributes],
    ) -> None:
        limits = (settings.cache_entries, settings.cache_bytes)
        self.book: SeriesBook[tuple[int, bytes]] = SeriesBook(catalogue, settings)
        self._groups: Generations[tuple[int, bytes, Shape], tuple[int, ...]] = Generations(*limits)
        self._contexts: Generations[tuple[bytes, str | bytes, str | bytes, Kind], Context]
        self._contexts = Generations(*limits)
        self.cut_groups: Generations[tuple[int, bytes], tuple[int, ...]] = Generations(*limits)
        self._parse_resource = parse_resource
        self._table: SeriesTable | None = None
        self._reset()

    def _reset(self) -> None:
        self._groups.clear()
        self.cut_groups.clear()
        self._contexts.clear()
        self._contexts_met = 0
        self._parsed: tuple[bytes, Attributes] | None = None
        # Of marked slots of deltas: how to get the one for what they were not taken as.
        self._other: dict[int, Callable[[], int]] = {}

    def bind(self, table: SeriesTable) -> bool:
        """Use `table` from now on; return True if it is another one, and slots are forgotten."""
        if table is self._table:
            return False
        self.book.bind(table)
        self._table = table
        self._reset()
        return True

    def context(
        self, raw_resource: bytes, name: str | bytes, unit: str | bytes, kind: Kind
    ) -> Context:
        """Return the context of a metric.

        Raises: BadPoint for a name or unit that is no text, or no name.
        """
        key = (raw_resource, name, unit, kind)
        found = self._contexts.get(key)
        if found is not None:
            return found
        size = len(raw_resource) + len(name) + len(unit) + _ENTRY_BYTES
        found = self._contexts.recall(key, size)
        if found is None:
            if not name:
                raise BadPoint(MISSING_FIELD, "a metric without a name")
            self._contexts_met += 1  # no number twice: what was cached under it would be wrong
            found = Context(self._contexts_met, raw_resource, _text(name), _text(unit), kind)
            self._contexts.put(key, found, size)
        return found

    def number(
        self, context: Context, raw: bytes, parse: Callable[[], Attributes], *, timed: bool
    ) -> int:
        """Return the slot of a gauge's or sum's point with the attributes `raw`.

        `timed`: its interval is known.

        Raises: BadPoint if they, or those of the resource, cannot be read.
        """
        key = (context.number, raw)
        slot = self.book.identities.get(key)
        if slot is None:
            slot = self.book.recall(key, len(raw))
        if slot is None:
            counter = _COUNTER[context.kind]
            slot = self._learn(context, context.name, context.unit, parse(), counter, timed=timed)
            self.book.remember(key, slot, len(raw))
        return slot

    def group(
        self, context: Context, raw: bytes, parse: Callable[[], Attributes], shape: Shape, *,
        timed: bool,
    ) -> tuple[int, ...]:  # fmt: skip
        """Return the slots of a histogram's or summary's point.

        In order: count, sum, mean, min, max and quantiles, those left out that `shape` lacks.

        Raises: BadPoint as `number` does.
        """
        key = (context.number, raw, shape)
        slots = self._groups.get(key)
        if slots is not None:
            return slots
        size = len(raw) + 8 * len(shape.quantiles) + _ENTRY_BYTES
        slots = self._groups.recall(key, size)
        if slots is None:
            slots = self._learn_group(context, parse(), shape, timed=timed)
            self._groups.put(key, slots, size)
        return slots

    def _learn_group(
        self, c: Context, labels: Attributes, shape: Shape, *, timed: bool
    ) -> tuple[int, ...]:
        learn = partial(self._learn, c, timed=timed)
        delta = c.kind == Kind.DELTA_HISTOGRAM
        each: _Counter = "delta" if delta else "rate"
        slots = [learn(f"{c.name}.count", "", labels, each)]
        if shape.sum:
            slots.append(learn(f"{c.name}.sum", c.unit, labels, each))
        if shape.mean:
            slots.append(learn(c.name, c.unit, labels, "ratio" if delta else "mean"))
        if shape.min:
            slots.append(learn(f"{c.name}.min", c.unit, labels, ""))
        if shape.max:
            slots.append(learn(f"{c.name}.max", c.unit, labels, ""))
        for quantile in shape.quantiles:
            label = {"quantile": repr(quantile).removesuffix(".0")}
            slots.append(learn(c.name, c.unit, {**labels, **label}, ""))
        return tuple(slots)

    def _learn(
        self, c: Context, name: str, unit: str, labels: Attributes, counter: "_Counter", *,
        timed: bool,
    ) -> int:  # fmt: skip
        if self._parsed is None or self._parsed[0] != c.raw_resource:
            self._parsed = (c.raw_resource, self._parse_resource(c.raw_resource))
        attributes = self._parsed[1]
        catalogue = self.book.catalogue
        resource = otlp_resource(attributes, c.name, catalogue)
        pairs = tuple(sorted({**dict(resource_labels(attributes, c.name)), **labels}.items()))
        spec, own, parts = labelled_spec(catalogue, resource.service, name, pairs)
        make = partial(self.book.slot, resource, spec, labels=own, parts=parts, source=name)
        if counter != "delta":
            return make(unit=unit, counter=counter)
        if spec.statistic == "sum":
            return make(unit=unit)
        rate, amount = partial(make, unit=f"{unit or '1'}/s"), partial(make, unit=unit)
        return self._delta(_RATE, rate, amount) if timed else self._delta(_AMOUNT, amount, rate)

    def _delta(self, taken_as: int, make: Callable[[], int], other: Callable[[], int]) -> int:
        """Return a slot with a mark, which a gauge of the same series has not."""
        slot = make() | taken_as
        if slot not in self._other:
            self._other[slot] = partial(self._delta, _DELTA ^ taken_as, other, make)
        return slot

    def decoded(
        self, slot: I32, time_ns: U64, start_ns: U64, value: F64, count: F64, payload: I32,
        rejects: list[RejectRow],
    ) -> Decoded:  # fmt: skip
        """Return points as columns: times to milliseconds, deltas to amounts a second."""
        ts_ms: I64 = (time_ns // np.uint64(_NS_A_MS)).astype(np.int64)
        bad = (ts_ms == 0) | (ts_ms > MAX_TS_MS)
        if bad.any():
            for i in np.flatnonzero(bad):
                detail = f"timeUnixNano is {int(time_ns[i])}"
                rejects.append((int(payload[i]), BAD_TIME, detail))
            slot = np.where(bad, REJECTED, slot).astype(np.int32)
            ts_ms = np.where(bad, 0, ts_ms)
        start_ns = np.where(start_ns <= time_ns, start_ns, np.uint64(0))
        if self._other:
            self._per_second(slot, time_ns, start_ns, value)
        start_ms: I64 = (start_ns // np.uint64(_NS_A_MS)).astype(np.int64)
        return assemble(self.book, slot, ts_ms, value, payload, rejects, start_ms, count)

    def _per_second(self, slot: I32, time_ns: U64, start_ns: U64, value: F64) -> None:
        """Divide deltas by their interval, in place; those of none go to the amount's slot."""
        taken_as = np.where(slot == REJECTED, 0, slot & _DELTA)
        timed = (start_ns > 0) & (start_ns < time_ns)
        wrong = np.where(timed, _AMOUNT, _RATE)
        for i in np.flatnonzero(taken_as == wrong).tolist():
            slot[i] = self._other[int(slot[i])]()
        rows = np.flatnonzero(timed & (taken_as != 0))
        with np.errstate(invalid="ignore"):  # a signalling NaN, such as Prometheus' stale mark
            value[rows] /= (time_ns[rows] - start_ns[rows]) / 1e9
        slot[taken_as != 0] &= ~_DELTA


_RATE, _AMOUNT = 1 << 29, 1 << 30  # marks: a delta is taken as an amount a second, or as it is
_DELTA = _RATE | _AMOUNT
_Counter = Literal["", "rate", "mean", "ratio", "delta"]
_COUNTER: dict[Kind, _Counter] = {Kind.GAUGE: "", Kind.TOTAL: "rate", Kind.AMOUNT: "delta"}


def _text(name: str | bytes) -> str:
    if isinstance(name, str):
        return name
    try:
        return name.decode()
    except UnicodeDecodeError as ex:
        raise BadPoint(NOT_UTF8, f"name or unit of a metric: {ex}") from ex
