"""Which names the key groups have yet to hear from a partition: samples cross as ids."""

import numpy as np
import numpy.typing as npt

from operators.packing import Named
from schema import I64, U64, SampleBatch, SeriesTable, stable_id

B = npt.NDArray[np.bool_]

_NEVER = -1  # no window
_WINDOW_MS = 6 * 3_600_000  # of event time


def said_every_ms(tick_ms: int) -> int:
    """Return how long a window is, counted from 1970, in each of which every name is said.

    It is whole ticks: key groups forget and refuse names by it, see `operators.admission`.

    >>> said_every_ms(60_000) // 60_000, said_every_ms(7_200_000) // 7_200_000
    (360, 3)
    """
    return -(-_WINDOW_MS // tick_ms) * tick_ms


class Announcer:
    """Ids of a partition's series, and which names the key groups have yet to hear."""

    def __init__(self, every_ms: int, max_tags: int, max_name_chars: int) -> None:
        self._every_ms = every_ms
        self._max_tags = max_tags
        self._max_name_chars = max_name_chars
        self.held_chars = 0  # of names
        self._large: B = np.zeros(0, np.bool_)
        self.table = SeriesTable()
        self._uid: U64 = np.zeros(0, np.uint64)  # by table index
        self._resource: U64 = np.zeros(0, np.uint64)
        self._counter: B = np.zeros(0, np.bool_)
        self._slot: I64 = np.zeros(0, np.int64)  # one a uid: attributes do not make a series
        self._said: I64 = np.zeros(0, np.int64)  # by slot: table index announced last
        self._said_in: I64 = np.zeros(0, np.int64)  # by slot: and in which window
        self._slot_of: dict[int, int] = {}
        self._owner: dict[int, str] = {}

    def _grow(self) -> None:
        fresh = self.table.series[len(self._uid) :]
        if not fresh:
            return
        uids, resources, slots, large = [], [], [], []
        for series in fresh:
            key = series.resource.key
            name = f"{key}\n{series.stream_key}"
            uid = stable_id(name)
            if self._owner.setdefault(uid, name) != name:
                raise ValueError(f"two series share the id {uid}: {self._owner[uid]!r}, {name!r}")
            size = len(name) + sum(len(k) + len(v) for k, v in series.resource.attributes)
            tags = len(series.labels) + len(series.parts) + len(series.resource.attributes)
            large.append(size > self._max_name_chars or tags > self._max_tags)
            self.held_chars += size
            uids.append(uid)
            resources.append(stable_id(key))
            slots.append(self._slot_of.setdefault(uid, len(self._slot_of)))
        self._uid = np.concatenate((self._uid, np.array(uids, np.uint64)))
        self._resource = np.concatenate((self._resource, np.array(resources, np.uint64)))
        counters = np.array([series.counter is not None for series in fresh])
        self._counter = np.concatenate((self._counter, counters))
        self._large = np.concatenate((self._large, np.array(large)))
        self._slot = np.concatenate((self._slot, np.array(slots, np.int64)))
        more = len(self._slot_of) - len(self._said)
        self._said = np.concatenate((self._said, np.full(more, -1, np.int64)))
        self._said_in = np.concatenate((self._said_in, np.full(more, _NEVER, np.int64)))

    def ids(self, batch: SampleBatch) -> tuple[U64, U64]:
        """Return the series id and the resource id of each sample."""
        self._grow()
        return self._uid[batch.series], self._resource[batch.series]

    def too_large(self, batch: SampleBatch) -> B:
        """Say which samples have a name that is too long, or too many labels and attributes."""
        self._grow()
        return self._large[batch.series]

    def are_counters(self, batch: SampleBatch) -> B:
        """Say which samples are readings of counters."""
        self._grow()
        return self._counter[batch.series]

    def announce(self, batch: SampleBatch) -> list[Named]:
        """Return the names to send, in the samples' order.

        A name goes out when it is new, when its attributes changed, and with the first sample of
        each window, since a key group may have forgotten or refused it by then.
        """
        self._grow()
        index = batch.series
        slot = self._slot[index]
        out: list[Named] = []
        window = batch.ts_ms // self._every_ms
        due = (self._said[slot] != index) | (window != self._said_in[slot])
        if not due.any():
            return out
        for i in np.flatnonzero(np.isin(slot, slot[due])):  # attributes may change and change back
            at, held = int(index[i]), slot[i]
            if self._said[held] == at and self._said_in[held] == window[i]:
                continue
            self._said[held] = at
            self._said_in[held] = window[i]
            out.append(
                Named(
                    int(self._uid[at]),
                    int(self._resource[at]),
                    int(batch.ts_ms[i]),
                    self.table.series[at],
                )
            )
        return out
