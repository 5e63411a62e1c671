"""From a partition's payloads to packed samples: decode, judge the time, send on by key group.

One `Ingest` serves one partition, inside the source, so that the watermark, lateness and time
sanity depend on that partition's records alone, whatever the size of the chunks it is read in.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt

from operators.announcer import Announcer, said_every_ms
from operators.groups import group_names, group_of
from operators.packing import Named, Packed, pack
from schema import (
    I64,
    NO_VALUE,
    Chunk,
    Decoded,
    LateSample,
    NamedDecoder,
    Reject,
    SampleBatch,
    Tally,
)

NEVER_MS = -(1 << 62)  # before any event time
FOREVER_MS = 1 << 62  # after any event time
_CONFIRM = 3  # records that must confirm a jump in time
_WITHIN = 100  # payloads after it, bad ones too: so many are held back at most
_MAX_SERIES = 1_000_000  # names held; beyond, all are forgotten and told to the groups anew
_MAX_HELD_CHARS = 268_435_456  # of their text, likewise


class IngestSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How time is judged, and how many key groups there are."""

    groups: int = 16  # fixed for the life of a recovery store
    tick_s: int = 60
    out_of_order_s: float = 180.0  # how far behind its partition's newest a sample may be
    max_ahead_s: float = 600.0  # Kafka: past the record's own time stamp
    max_jump_s: float = 86_400.0  # files: past the newest, unless the next three records agree
    max_tags: int = 256  # labels of a series and attributes of its resource; more: rejected
    max_name_chars: int = 16_384  # of a series' name with both; longer: rejected

    def __post_init__(self) -> None:
        group_names(self.groups)
        if not 1 <= self.tick_s <= 86_400:
            raise ValueError(f"tick_s must be in [1, 86400] s, got {self.tick_s!r}")
        if not 0 <= self.out_of_order_s <= 604_800:
            raise ValueError(f"out_of_order_s must be in [0, 604800], got {self.out_of_order_s!r}")
        if not self.max_ahead_s > 0:
            raise ValueError(f"max_ahead_s must be above 0 s, got {self.max_ahead_s!r}")
        if not 1 <= self.max_tags <= 100_000:
            raise ValueError(f"max_tags must be in [1, 100000], got {self.max_tags!r}")
        if not 64 <= self.max_name_chars <= 16_777_216:
            raise ValueError(
                f"max_name_chars must be in [64, 16777216], got {self.max_name_chars!r}"
            )
        if not self.max_jump_s > 0:
            raise ValueError(f"max_jump_s must be above 0 s, got {self.max_jump_s!r}")


class IngestState(msgspec.Struct, frozen=True, tag="ingest.v1"):
    """What a partition must remember over a restart."""

    newest_ms: int = NEVER_MS  # running maximum of event times
    floor_ms: int = NEVER_MS  # idle marks' watermark: at least this is complete
    format: str = ""  # that the decoder found; "": none yet


def remembered_format(resume: bytes | None) -> str:
    """Return the format that a partition's decoder had found when `resume` was taken, else ""."""
    return "" if resume is None else msgspec.msgpack.decode(resume, type=IngestState).format


@dataclass(slots=True)
class Ingested:
    """What one chunk came to."""

    packed: list[tuple[str, bytes]]  # by key group's name
    tally: Tally
    rejects: list[Reject] = field(default_factory=list)
    late: list[LateSample] = field(default_factory=list)


class Ingest:
    """The stage of one partition; see `connectors.source.Stage`.

    Memory: the names of up to `_MAX_SERIES` series, and up to `_WITHIN` payloads held back while a
    jump in time waits to be confirmed.
    """

    def __init__(
        self,
        settings: IngestSettings,
        decoder: NamedDecoder,
        source: str,
        partition: str,
        index: int,
        resume: bytes | None = None,
    ) -> None:
        state = IngestState()
        if resume is not None:
            state = msgspec.msgpack.decode(resume, type=IngestState)
        self._settings = settings
        self._decoder = decoder
        self._source = source
        self._partition = partition
        self._index = index
        self._newest = state.newest_ms
        self._floor = state.floor_ms
        self._names = self._announcer()
        self._held: Chunk | None = None
        self._sent_tick = NEVER_MS
        self._keys = group_names(settings.groups)

    @property
    def watermark_ms(self) -> int:
        """Event time before which nothing more is expected of this partition."""
        if self._newest == NEVER_MS:
            return self._floor
        return max(self._newest - int(self._settings.out_of_order_s * 1000), self._floor)

    def snapshot(self) -> tuple[int | None, bytes]:
        """Return where to read on (None: as the reader says) and the state there."""
        position = None if self._held is None else self._held.positions[0]
        state = IngestState(self._newest, self._floor, self._decoder.format)
        return position, msgspec.msgpack.encode(state)

    def feed(self, chunk: Chunk) -> Ingested:
        """Take the next payloads of the partition."""
        if self._held is not None:
            chunk = _joined(self._held, chunk)
            self._held = None
        return self._take(chunk, last=False)

    def advance(self, position: int, watermark_ms: int) -> Ingested:
        """Take an idle mark: the partition stood still while the others reached `watermark_ms`.

        The source calls this before the first payload at or after `position`.
        """
        self._floor = max(self._floor, watermark_ms)
        return Ingested(self._pack(_EMPTY, ()), self._tally())

    def end(self) -> Ingested:
        """Take the end of the partition: what was held back is decided, and nothing follows."""
        if self._held is None:
            out = Ingested([], self._tally())
        else:
            held, self._held = self._held, None
            out = self._take(held, last=True)
        out.packed += self._pack(_EMPTY, (), end=True)
        return out

    def _announcer(self) -> Announcer:
        settings = self._settings
        every_ms = said_every_ms(settings.tick_s * 1000)
        return Announcer(every_ms, settings.max_tags, settings.max_name_chars)

    # ------------------------------------------------------------------ one chunk

    def _take(self, chunk: Chunk, last: bool) -> Ingested:
        if len(self._names.table.series) > _MAX_SERIES or self._names.held_chars > _MAX_HELD_CHARS:
            self._names = self._announcer()
        table = self._names.table
        decoded = self._decoder(chunk.payloads, table)
        batch, rejects = decoded.batch, decoded.rejects
        far, keep = self._too_far(decoded, chunk, last)
        if keep < len(chunk.payloads):
            self._held = Chunk(chunk.payloads[keep:], chunk.positions[keep:], chunk.next_position)
            inside = batch.payload < keep
            batch, far = batch.where(inside), far[inside]
            rejects = [r for r in rejects if r[0] < keep]
        if far.any():
            reason = "too_far_ahead"
            rejects = rejects + [
                (int(p), reason, f"event time {t} ms is too far ahead")
                for p, t in zip(batch.payload[far], batch.ts_ms[far], strict=True)
            ]
            batch = batch.where(~far)
        large = self._names.too_large(batch)
        if large.any():
            rejects = rejects + [
                (p, "name_too_large", "too many labels and attributes, or too long a name")
                for p in batch.payload[large].tolist()
            ]
            batch = batch.where(~large)
        is_late = self._lateness(batch, keep)
        late = self._late(batch.where(is_late), chunk) if is_late.any() else []
        if late:
            batch = batch.where(~is_late)
        names = self._names.announce(batch)
        bad = [row for row in rejects if row[1] not in NO_VALUE]
        tally = Tally(
            self._source,
            self._partition,
            keep,
            len(batch.ts_ms),
            len(late),
            len(bad),
            len(rejects) - len(bad),
            (int(batch.ts_ms.min()), int(batch.ts_ms.max())) if len(batch.ts_ms) else None,
        )
        return Ingested(self._pack(batch, names), tally, self._rejects(bad, chunk), late)

    def _too_far(
        self, decoded: Decoded, chunk: Chunk, last: bool
    ) -> tuple[npt.NDArray[np.bool_], int]:
        """Return which points have a time too far ahead, and how many payloads to take now."""
        batch = decoded.batch
        count = len(chunk.payloads)
        if chunk.stamps_ms is not None:
            ahead = int(self._settings.max_ahead_s * 1000)
            return batch.ts_ms > chunk.stamps_ms[batch.payload] + ahead, count
        none = np.zeros(len(batch.ts_ms), np.bool_)
        newest = _newest_by_payload(batch, count)
        jump = int(self._settings.max_jump_s * 1000)
        start = self._newest
        if start == NEVER_MS:  # the first record may be the broken one: ask the first four
            stated = np.flatnonzero(newest > NEVER_MS)
            if len(stated) == 0:
                return none, count
            first = int(stated[0])
            asked = stated[stated <= first + _WITHIN][: _CONFIRM + 1]
            if len(asked) <= _CONFIRM and count <= first + _WITHIN and not last:
                return none, first
            start = int(newest[asked].min())
        before = np.maximum.accumulate(np.concatenate(([start], newest)))[:-1]
        if not (newest > before + jump).any():
            return none, count
        return self._unconfirmed(batch, newest, start, jump, last)

    @staticmethod
    def _unconfirmed(
        batch: SampleBatch, newest: I64, start: int, jump: int, last: bool
    ) -> tuple[npt.NDArray[np.bool_], int]:
        """Walk payload by payload where at least one jumps."""
        far = np.zeros(len(batch.ts_ms), np.bool_)
        running = start
        for i, top in enumerate(newest):
            bound = running + jump
            if top > bound:
                following = newest[i + 1 : i + 1 + _WITHIN]
                all_here = len(following) == _WITHIN or last
                following = following[following > NEVER_MS][:_CONFIRM]
                if len(following) < _CONFIRM and not all_here:
                    return far, i
                if len(following) < _CONFIRM or not (following > bound).all():
                    mine = batch.payload == i
                    far |= mine & (batch.ts_ms > bound)
                    good = batch.ts_ms[mine & ~far]
                    running = max(running, int(good.max())) if len(good) else running
                    continue
            running = max(running, int(top))
        return far, len(newest)

    def _lateness(self, batch: SampleBatch, payloads: int) -> npt.NDArray[np.bool_]:
        """Say which samples' ticks had ended by the records before theirs; move the watermark.

        The watermark moves between records, not inside one: a payload may list its points
        newest first.
        """
        if len(batch.ts_ms) == 0:
            return np.zeros(0, np.bool_)
        newest = np.maximum.accumulate(
            np.concatenate(([self._newest], _newest_by_payload(batch, payloads)))
        )
        slack = int(self._settings.out_of_order_s * 1000)
        complete = np.maximum(newest[:-1] - slack, self._floor)
        tick = self._settings.tick_s * 1000
        tick_end = (batch.ts_ms // tick + 1) * tick
        self._newest = int(newest[-1])
        return np.asarray(tick_end <= complete[batch.payload])

    # ------------------------------------------------------------------ what leaves

    def _pack(
        self, batch: SampleBatch, names: Sequence[Named], end: bool = False
    ) -> list[tuple[str, bytes]]:
        """Pack by key group; groups without samples hear of it only if a tick may close."""
        groups = self._settings.groups
        watermark = FOREVER_MS if end else self.watermark_ms
        tick = watermark // (self._settings.tick_s * 1000)
        heartbeat = tick != self._sent_tick
        self._sent_tick = tick
        uid, resource = self._names.ids(batch)
        owner = group_of(resource, groups)
        order = np.argsort(owner, kind="stable")
        bounds = np.searchsorted(owner[order], np.arange(groups + 1))
        uid, ts_ms, value = uid[order], batch.ts_ms[order], batch.value[order]
        start_ms, count, counters = None, None, np.zeros(groups, np.bool_)
        if batch.start_ms is not None and batch.count is not None:
            start_ms, count = batch.start_ms[order], batch.count[order]
            counters[owner[self._names.are_counters(batch)]] = True
        named: dict[int, list[Named]] = {}
        for name in names:
            named.setdefault(name.resource_id % groups, []).append(name)
        out = []
        for group in range(groups):
            lo, hi = bounds[group], bounds[group + 1]
            if heartbeat or hi > lo:
                part = Packed(
                    group,
                    self._index,
                    watermark,
                    self._newest,
                    end,
                    uid[lo:hi],
                    ts_ms[lo:hi],
                    value[lo:hi],
                    tuple(named.get(group, ())),
                )
                if start_ms is not None and count is not None and counters[group]:
                    part.start_ms, part.count = start_ms[lo:hi], count[lo:hi]
                out.append((self._keys[group], pack(part)))
        return out

    def _rejects(self, rejects: list[tuple[int, str, str]], chunk: Chunk) -> list[Reject]:
        """Return a reject a payload and reason, so that many bad points keep its bytes once."""
        points = Counter((i, reason) for i, reason, _ in rejects)
        first = {(i, reason): detail for i, reason, detail in reversed(rejects)}
        return [
            Reject(
                reason,
                first[i, reason],
                self._source,
                self._partition,
                chunk.positions[i],
                chunk.payloads[i],
                count,
            )
            for (i, reason), count in points.items()
        ]

    def _late(self, batch: SampleBatch, chunk: Chunk) -> list[LateSample]:
        series = self._names.table.series
        return [
            LateSample(
                series[s],
                int(ts),
                float(value),
                self._source,
                self._partition,
                chunk.positions[payload],
            )
            for s, ts, value, payload in zip(
                batch.series, batch.ts_ms, batch.value, batch.payload, strict=True
            )
        ]

    def _tally(self) -> Tally:
        return Tally(self._source, self._partition)


_EMPTY = SampleBatch(
    np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.float64), np.zeros(0, np.int32)
)


def _newest_by_payload(batch: SampleBatch, payloads: int) -> I64:
    """Return the largest event time of each payload, NEVER_MS where it has no good point."""
    newest = np.full(payloads, NEVER_MS, np.int64)
    np.maximum.at(newest, batch.payload, batch.ts_ms)
    return newest


def _joined(first: Chunk, second: Chunk) -> Chunk:
    return Chunk(
        [*first.payloads, *second.payloads],
        [*first.positions, *second.positions],
        second.next_position,
    )
