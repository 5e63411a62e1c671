"""One partition of the source: when it reads, what it emits, where it stands."""

import threading
from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from bytewax.inputs import StatefulSourcePartition

from connectors.idle import IdleWatch
from connectors.origin import Item, Reader, Stage
from connectors.pace import Pace
from schema import Chunk

LEAST_WAIT_S, MOST_WAIT_S = 0.001, 0.1  # between polls of a partition with nothing to read
NEVER_MS = -(1 << 62)  # the watermark before any event time
BEST_DECAY = 0.95  # an epoch: how fast a good epoch is forgotten


class SnapshotError(ValueError):
    """The recovery store belongs to a flow of another shape."""


class IntakeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How partitions keep together and how much one emits at a time."""

    max_skew_s: float = 300.0  # event time by which a partition may lead the slowest
    idle_s: float = 30.0  # how long one has nothing to read before it stops holding the others
    max_chunks_per_call: int = 64  # what a partition emits when it gets few calls an epoch

    def __post_init__(self) -> None:
        if not 0 < self.max_skew_s <= 31_536_000:
            raise ValueError(f"max_skew_s must be in (0, 31536000] s, got {self.max_skew_s!r}")
        if not 0 < self.idle_s <= 86_400:
            raise ValueError(f"idle_s must be in (0, 86400] s, got {self.idle_s!r}")
        if not 1 <= self.max_chunks_per_call <= 10_000:
            raise ValueError(
                f"max_chunks_per_call must be in [1, 10000], got {self.max_chunks_per_call!r}"
            )


class Standing(msgspec.Struct, frozen=True, tag="intake.v1"):
    """Snapshot of one partition. The tag is its version."""

    groups: int
    partitions: int
    index: int
    position: int | None  # where to open the reader; None: it had not said where it stood
    eof: bool
    stage: bytes


def resumed(name: str, resume_state: bytes, shape: Standing) -> Standing:
    """Return what a snapshot holds, if it is of a flow of this shape.

    Raises: SnapshotError with both numbers.
    """
    try:
        found = msgspec.msgpack.decode(resume_state, type=Standing)
    except msgspec.DecodeError as ex:
        raise SnapshotError(f"{name}: the snapshot is of another version: {ex}") from ex
    if found.groups != shape.groups:
        raise SnapshotError(
            f"{name}: the recovery store was made with {found.groups} key groups, the settings "
            f"say {shape.groups}: the number must stay the same for the life of the store"
        )
    if found.index != shape.index or found.partitions > shape.partitions:
        raise SnapshotError(
            f"{name}: the recovery store was made when this was partition {found.index} of "
            f"{found.partitions}, counted from 0; now it is {shape.index} of {shape.partitions}: "
            "partitions may only be added"
        )
    return found


class EndedPartition(StatefulSourcePartition[Item, bytes]):
    """A partition whose end an earlier run has emitted."""

    def __init__(self, snapshot: bytes) -> None:
        self._snapshot = snapshot

    def next_batch(self) -> list[Item]:
        """Emit nothing."""
        raise StopIteration

    def snapshot(self) -> bytes:
        """Return what was resumed from."""
        return self._snapshot


class OpenPartition(StatefulSourcePartition[Item, bytes]):
    """An open partition: reader, stage, and the rules of when to read."""

    def __init__(
        self,
        settings: IntakeSettings,
        shape: Standing,
        reader: Reader,
        stage: Stage[Item],
        pace: Pace,
        watch: IdleWatch,
        stop: threading.Event,
        clock: Callable[[], datetime],
        gently: bool = False,  # read payload by payload until there is a watermark
    ) -> None:
        self._gently = gently
        self._max_chunks = settings.max_chunks_per_call
        self._max_skew_ms = int(settings.max_skew_s * 1000)
        self._shape = shape
        self._reader = reader
        self._stage = stage
        self._pace = pace
        self._watch = watch
        self._stop = stop
        self._clock = clock
        self._marks = watch.past()
        self._position = shape.position  # everything before it has gone through the stage
        if self._position is not None:
            self._marks.begin(self._position)
        self._pending: Chunk | None = None  # read, and cut off
        self._eof = False
        self._wait_s = 0.0
        self._calls = self._chunks = 0  # in this epoch
        self._best = 0.0  # chunks in a good epoch
        self._per_call = 1

    def next_batch(self) -> list[Item]:
        """Return some items, none if nothing has come or the others are too far behind."""
        if self._eof or self._stop.is_set():
            raise StopIteration  # a stop emits no end
        self._calls += 1
        items: list[Item] = []
        while len(items) < self._per_call and not self._eof and not self._stop.is_set():
            item = self._next()
            if item is None:
                break
            items.append(item)
        self._chunks += len(items)
        self._wait_s = 0.0 if items else min(MOST_WAIT_S, max(LEAST_WAIT_S, self._wait_s * 2))
        return items

    def next_awake(self) -> datetime | None:
        """Return when to be called again: at once, or after a wait that doubles up to 100 ms."""
        return self._clock() + timedelta(seconds=self._wait_s) if self._wait_s else None

    def snapshot(self) -> bytes:
        """Return where the partition stands, and set how much a call emits.

        Bytewax calls this once an epoch. A partition that had to wait for the others gets one
        call an epoch; were that one chunk, it would stay behind for good.
        """
        self._best = max(self._best * BEST_DECAY, self._chunks)
        self._per_call = min(self._max_chunks, max(1, round(self._best / max(1, self._calls))))
        self._calls = self._chunks = 0
        position, state = self._stage.snapshot()
        standing = msgspec.structs.replace(
            self._shape,
            position=self._position if position is None else position,
            eof=self._eof,
            stage=state,
        )
        return msgspec.msgpack.encode(standing)

    def close(self) -> None:
        """Close the reader."""
        self._reader.close()

    def _next(self) -> Item | None:
        """Return the next item, None if there is none now or the partition must wait."""
        item = self._passed_mark()
        if item is not None:
            return item
        if self._too_far_ahead():
            self._watch.moved()
            return None
        chunk = self._read()
        if chunk is None:
            return self._end() if self._reader.ended else self._idle()
        if not chunk.payloads:
            return self._next()  # it stands elsewhere now, perhaps at a mark
        before_ms = self._stage.watermark_ms
        item = self._stage.feed(chunk)
        if self._stage.watermark_ms > before_ms:
            self._watch.moved()
            self._pace.move(self._shape.index, self._stage.watermark_ms)
        else:
            self._watch.stood()
        return item

    def _read(self) -> Chunk | None:
        """Return the payloads up to the next cut, and move the position behind them."""
        chunk, self._pending = self._pending, None
        if chunk is None:
            chunk = self._reader.read()
        if chunk is None:
            return None
        if self._position is None:
            self._position = chunk.positions[0] if chunk.payloads else chunk.next_position
            self._marks.begin(self._position)
        cut = self._cut(chunk)
        if cut < chunk.next_position:
            chunk, self._pending = _split(chunk, cut)
        self._position = chunk.next_position
        self._pace.come(self._shape.index, self._reader.share)
        return chunk

    def _cut(self, chunk: Chunk) -> int:
        """Return the position before which to feed now: that of a mark, if not all."""
        cuts = [chunk.next_position]
        mark = self._marks.following()
        if mark is not None:
            cuts.append(mark)
        if self._gently and self._stage.watermark_ms <= NEVER_MS and len(chunk.payloads) > 1:
            cuts.append(chunk.positions[1])
        return min(cuts)

    def _passed_mark(self) -> Item | None:
        if self._position is None:
            return None
        target_ms = self._marks.take(self._position)
        if target_ms is None or target_ms <= self._stage.watermark_ms:
            return None  # none, or one that the resumed state knows
        item = self._stage.advance(self._position, target_ms)
        self._pace.move(self._shape.index, self._stage.watermark_ms)
        return item

    def _idle(self) -> Item | None:
        if self._position is None or not self._reader.caught_up:
            self._watch.unsure()
            self._pace.move(self._shape.index, self._stage.watermark_ms)
            return None
        target_ms = self._watch.mark(self._position, self._stage.watermark_ms)
        if target_ms is None:
            return None
        item = self._stage.advance(self._position, target_ms)
        self._pace.rest(self._shape.index, self._stage.watermark_ms)
        return item

    def _end(self) -> Item:
        self._eof = True
        self._pace.end(self._shape.index)
        return self._stage.end()

    def _too_far_ahead(self) -> bool:
        lowest_ms = self._pace.lowest_ms()
        return lowest_ms is not None and self._stage.watermark_ms - lowest_ms > self._max_skew_ms


def _split(chunk: Chunk, position: int) -> tuple[Chunk, Chunk]:
    """Cut a chunk before the first payload at or after `position`."""
    cut = bisect_left(chunk.positions, position)
    stamps = chunk.stamps_ms
    return (
        Chunk(
            chunk.payloads[:cut],
            chunk.positions[:cut],
            position,
            None if stamps is None else stamps[:cut],
        ),
        Chunk(
            chunk.payloads[cut:],
            chunk.positions[cut:],
            chunk.next_position,
            None if stamps is None else stamps[cut:],
        ),
    )
