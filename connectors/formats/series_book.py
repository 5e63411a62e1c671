"""What a decoder has learnt of the series that it met: place in the table and conversion."""

from collections.abc import Hashable
from typing import Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from connectors.formats.generations import Generations
from connectors.formats.settings import DecodeSettings
from schema import (
    F64,
    I32,
    Catalogue,
    Counter,
    Labels,
    MetricSpec,
    Resource,
    Series,
    SeriesTable,
)

K = TypeVar("K", bound=Hashable)

MEAN = 0  # code of a statistic; the others have theirs as they are met
_ENTRY_BYTES = 256  # of a cached identity beside its text, about


class SeriesBook(Generic[K]):
    """Slots, a small integer each: a series of the partition's table under one conversion.

    `identities` maps what came in on the wire to a slot and is bounded. The slots are not: they
    grow with the table, which holds a series for as long as the partition lives.
    """

    def __init__(self, catalogue: Catalogue, settings: DecodeSettings) -> None:
        self.catalogue = catalogue
        self.identities: Generations[K, int] = Generations(
            settings.cache_entries, settings.cache_bytes
        )
        self.statistics: list[str] = ["mean", "sum", "count"]  # position: the code in `statistic`
        self._table: SeriesTable | None = None
        self._reset()

    def _reset(self) -> None:
        self.identities.clear()
        self._slots: dict[tuple[int, float, float, int], int] = {}
        self.codes: list[int] = []  # by slot, as `_statistic`
        self._series: I32 = np.zeros(64, np.int32)
        self._scale: F64 = np.ones(64)
        self._offset: F64 = np.zeros(64)
        self._statistic: npt.NDArray[np.int16] = np.zeros(64, np.int16)

    def bind(self, table: SeriesTable) -> None:
        """Use `table` from now on; positions in another one are forgotten."""
        if table is not self._table:
            self._table = table
            self._reset()

    def slot(
        self,
        resource: Resource,
        spec: MetricSpec,
        unit: str,
        labels: Labels,
        *,
        parts: Labels = (),
        counter: Literal["", "rate", "mean", "ratio"] = "",
        source: str = "",
    ) -> int:
        """Return the slot of a series.

        `unit` is the producer's, for what the catalogue lacks; `labels` are sorted; `parts` are
        more labels that do not make a series; `counter` is the kind where readings are no values;
        `source` is the vendor's name of the metric.
        """
        if self._table is None:
            raise RuntimeError("bind a table first")
        if spec.across:
            parts = tuple(sorted((*parts, *(pair for pair in labels if pair[0] in spec.across))))
            labels = tuple(pair for pair in labels if pair[0] not in spec.across)
        if spec.labels:
            labels = tuple(sorted((*labels, *spec.labels)))
        unit = spec.unit or unit
        scale, offset, reading = spec.scale, spec.offset, None
        if counter:
            reading = Counter(counter, scale, offset)
            scale, offset = 1.0, 0.0
            if counter == "rate" and not spec.unit and spec.statistic != "sum":
                unit = f"{unit or '1'}/s"
        series = Series(resource, spec.metric, unit, labels, parts, reading)
        if spec.statistic not in self.statistics:
            self.statistics.append(spec.statistic)
        index = self._table.index(series, source)
        row = (index, scale, offset, self.statistics.index(spec.statistic))
        found = self._slots.get(row)
        if found is None:
            found = self._slots[row] = len(self._slots)
            self._grow(found)
            self._series[found], self._scale[found], self._offset[found] = row[:3]
            self._statistic[found] = row[3]
            self.codes.append(row[3])
        return found

    def remember(self, identity: K, slot: int, text_bytes: int) -> None:
        """Cache the slot of an identity that holds so many bytes of text."""
        self.identities.put(identity, slot, text_bytes + _ENTRY_BYTES)

    def recall(self, identity: K, text_bytes: int) -> int | None:
        """Return a slot that was cached a generation ago."""
        return self.identities.recall(identity, text_bytes + _ENTRY_BYTES)

    def _grow(self, slot: int) -> None:
        if slot < len(self._series):
            return
        self._series = np.concatenate((self._series, np.zeros_like(self._series)))
        self._scale = np.concatenate((self._scale, np.ones_like(self._scale)))
        self._offset = np.concatenate((self._offset, np.zeros_like(self._offset)))
        self._statistic = np.concatenate((self._statistic, np.zeros_like(self._statistic)))

    def series(self, slots: I32) -> I32:
        """Return positions in the table."""
        return self._series[slots]

    def statistic(self, slots: I32) -> npt.NDArray[np.int16]:
        """Return codes: positions in `statistics`."""
        return self._statistic[slots]

    def statistic_name(self, slot: int) -> str:
        """Return the statistic that a slot's series asks for."""
        return self.statistics[self.codes[slot]]

    def is_quantile(self, slot: int) -> bool:
        """Say whether a slot's series is a quantile of a summary, which is NaN over nothing."""
        if self._table is None:
            raise RuntimeError("bind a table first")
        labels = self._table.series[self._series[slot]].labels
        return any(name == "quantile" for name, _ in labels)

    def convert(self, slots: I32, value: F64) -> F64:
        """Return vendors' values in the catalogue's units; what overflows becomes infinite."""
        with np.errstate(over="ignore", invalid="ignore"):
            converted: F64 = value * self._scale[slots] + self._offset[slots]
        return converted

    def __len__(self) -> int:
        return len(self._slots)
