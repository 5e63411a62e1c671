"""What leaves the decoder goes through ingest and key groups: every point is accounted for."""

import numpy as np

from operators.counters import Counters, Readings
from operators.groups import group_names
from operators.ingest import Ingest, IngestSettings
from operators.keygroup import GroupSettings, KeyGroup
from operators.roster import PLAIN, Roster
from schema import F64, I32, I64, Chunk, Closed, NamedDecoder
from tests.fuzz.cloud_payloads import START_MS
from tests.operators.small_estate import DETECT, catalogue

_SETTINGS = IngestSettings(groups=2, out_of_order_s=1_800.0, max_ahead_s=7_200.0)


class _Counted(Counters):
    """Counters that count what they are given."""

    def __init__(self) -> None:
        super().__init__()
        self.readings = 0

    def values(self, new: Readings, tick_ms: int, roster: Roster) -> tuple[I32, I64, F64, int]:
        self.readings += len(new.stream)
        return super().values(new, tick_ms, roster)


class _Group(KeyGroup):
    """A key group that counts the values that its ticks are made of."""

    def __init__(self, settings: GroupSettings, index: int) -> None:
        super().__init__(settings, index)
        self.counters = self.counted = _Counted()
        self.plain = 0

    def _values(self, until_ms: int) -> tuple[I32, I64, F64, int]:
        before = self.counted.readings
        series, ts_ms, value, absorbed = super()._values(until_ms)
        given = self.counted.readings - before - absorbed
        # Several readings of a tick may make one value, never more.
        assert absorbed >= 0
        assert given >= 0
        kinds = self.roster.kind[series]
        self.plain += int((kinds == PLAIN).sum())
        assert int((kinds != PLAIN).sum()) <= given
        return series, ts_ms, value, absorbed


class Pipeline:
    """One partition and its key groups."""

    def __init__(self, decoder: NamedDecoder) -> None:
        settings = GroupSettings(_SETTINGS.groups, 1, _SETTINGS.tick_s, DETECT, catalogue())
        self._ingest = Ingest(_SETTINGS, decoder, "fuzz", "0", 0)
        self._groups = [_Group(settings, i) for i in range(_SETTINGS.groups)]
        self._position = 0
        self.samples = 0
        self.late = 0  # before they reached a group
        self.rejected = 0
        self.marks = 0  # of series that have ended: absorbed, for they are no values
        self.absorbed = 0
        self._late_in_groups = 0

    def feed(self, payloads: list[bytes], points: int) -> None:
        """Take payloads of which `points` samples and rejects come when they are decoded alone."""
        stamps = np.full(len(payloads), START_MS, np.int64)
        positions = range(self._position, self._position + len(payloads))
        self._position = positions.stop
        before = self.samples + self.late + self.rejected + self.marks
        out = self._ingest.feed(Chunk(payloads, positions, positions.stop, stamps))
        assert sum(reject.points for reject in out.rejects) == out.tally.rejected
        assert len(out.late) == out.tally.late
        self.samples += out.tally.samples
        self.late += out.tally.late
        self.rejected += out.tally.rejected
        self.marks += out.tally.absorbed
        now = self.samples + self.late + self.rejected + self.marks
        assert now - before == points, f"{points} points, {now - before} after ingest"
        self._pass_on(out.packed)

    def end(self) -> None:
        """End the partition; every sample must have come out of a group, or be counted there."""
        self._pass_on(self._ingest.end().packed)
        out = sum(group.plain + group.counted.readings for group in self._groups)
        assert out + self._late_in_groups == self.samples, f"{self.samples} samples, {out} came out"

    def _pass_on(self, packed: list[tuple[str, bytes]]) -> None:
        names = group_names(_SETTINGS.groups)
        for name, buffer in packed:
            group = self._groups[names.index(name)]
            group.feed(buffer)
            word = group.close()
            if word is not None:
                self._count(word)

    def _count(self, word: Closed) -> None:
        self.absorbed += word.absorbed
        self._late_in_groups += word.late
