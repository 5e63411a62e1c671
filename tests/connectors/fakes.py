"""A source of fakes: readers in memory, a stage that counts, a clock that the test sets."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import bytewax.operators as op
import msgspec
import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.inputs import StatefulSourcePartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, run_main

from connectors.control_log import FileControlLog
from connectors.pace import Pace
from connectors.source import Intake, IntakeSettings
from schema import Chunk

NEVER_MS = -(1 << 62)
START = datetime(2026, 3, 1, tzinfo=UTC)


class Crash(Exception):
    pass


@dataclass
class FakeReader:
    """Returns the records of a list, `size` at a time; a payload is its event time in seconds."""

    records: list[bytes | None]  # None: a gap
    size: int
    position: int
    bounded: bool
    crash_at: int | None = None
    told: bool = False
    closed: bool = False
    in_contact: bool = True

    @property
    def ended(self) -> bool:
        return self.bounded and self.position >= len(self.records)

    @property
    def caught_up(self) -> bool:
        return self.in_contact and not self.bounded and self.position >= len(self.records)

    @property
    def share(self) -> float:
        return self.position / len(self.records) if self.bounded and self.records else 0.0

    def read(self) -> Chunk | None:
        if not self.told:
            self.told = True
            return Chunk([], [], self.position)
        if self.position >= len(self.records):
            return None
        until = min(self.position + self.size, len(self.records))
        if self.crash_at is not None and until > self.crash_at:
            raise Crash
        held = [(r, i) for i in range(self.position, until) if (r := self.records[i]) is not None]
        self.position = until
        payloads, positions = [r for r, _ in held], [i for _, i in held]
        return Chunk(payloads, positions, until, np.asarray(positions, dtype=np.int64))

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeOrigin:
    """Partitions of records held in memory."""

    parts: dict[str, list[bytes | None]]
    size: int = 2
    bounded: bool = True
    name: str = "fake:x"
    crash_at: int | None = None
    readers: dict[str, FakeReader] = field(default_factory=dict)

    def partitions(self) -> list[str]:
        return sorted(self.parts)

    def open(self, partition: str, position: int | None) -> FakeReader:
        records = self.parts[partition]
        reader = FakeReader(records, self.size, position or 0, self.bounded, self.crash_at)
        self.readers[partition] = reader
        return reader


class Out(NamedTuple):
    """What the fake stage emits for a record, a mark or the end."""

    partition: str
    what: str
    position: int
    watermark_ms: int
    running: int  # depends on everything fed before


class FakeStage:
    """Keeps a watermark and a running sum, and checks that positions go up."""

    def __init__(self, partition: str, resume: bytes | None) -> None:
        self.partition = partition
        self.watermark_ms, self.total, self.last = NEVER_MS, 0, -1
        if resume is not None:
            self.watermark_ms, self.total, self.last = msgspec.msgpack.decode(resume)

    def feed(self, chunk: Chunk) -> list[Out]:
        assert chunk.payloads
        assert chunk.stamps_ms is not None
        assert chunk.stamps_ms.tolist() == list(chunk.positions)
        out = []
        for payload, position in zip(chunk.payloads, chunk.positions, strict=True):
            assert self.last < position < chunk.next_position
            self.last = position
            self.watermark_ms = max(self.watermark_ms, int(payload) * 1000)
            self.total = self.total * 31 % 1_000_003 + int(payload)
            out.append(Out(self.partition, "record", position, self.watermark_ms, self.total))
        return out

    def advance(self, position: int, watermark_ms: int) -> list[Out]:
        assert self.last < position
        assert watermark_ms > self.watermark_ms
        self.watermark_ms = watermark_ms
        return [Out(self.partition, "mark", position, watermark_ms, self.total)]

    def end(self) -> list[Out]:
        return [Out(self.partition, "end", self.last, self.watermark_ms, self.total)]

    def snapshot(self) -> tuple[int | None, bytes]:
        return None, msgspec.msgpack.encode((self.watermark_ms, self.total, self.last))


def stage(_origin: str, partition: str, _index: int, resume: bytes | None) -> FakeStage:
    return FakeStage(partition, resume)


class Clock:
    """A monotonic clock that the test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def intake(
    *origins: FakeOrigin,
    stop: threading.Event | None = None,
    groups: int = 4,
    rule: IntakeSettings | None = None,
    pace: Pace | None = None,
    log: FileControlLog | None = None,
    monotonic: Callable[[], float] | None = None,
    store: Path | None = None,
) -> Intake[list[Out]]:
    return Intake(
        origins,
        stage,
        groups=groups,
        stop=stop or threading.Event(),
        settings=rule or IntakeSettings(max_skew_s=1e6),
        pace=pace,
        control_log=log,
        clock=lambda: START,
        monotonic=monotonic or Clock(),
        store=store,
    )


def run(
    source: Intake[list[Out]],
    recovery: RecoveryConfig | None = None,
    got: list[Out] | None = None,
) -> list[Out]:
    """Run to the end; what came out before a crash is in `got`."""
    got = [] if got is None else got
    flow = Dataflow("flow")
    s = op.flat_map("flat", op.input("in", flow, source), lambda outs: outs)
    op.output("out", s, TestingSink(got))
    run_main(flow, epoch_interval=timedelta(0), recovery_config=recovery)
    return got


def store(folder: Path) -> RecoveryConfig:
    folder.mkdir()
    init_db_dir(folder, 1)
    return RecoveryConfig(folder)


def root_cause(ex: BaseException) -> BaseException:
    while ex.__cause__ is not None:
        ex = ex.__cause__
    return ex


def by_partition(items: list[Out]) -> dict[str, list[Out]]:
    found: dict[str, list[Out]] = {}
    for item in items:
        found.setdefault(item.partition, []).append(item)
    return found


def seconds(*values: int | None) -> list[bytes | None]:
    return [None if v is None else str(v).encode() for v in values]


def poll(partition: StatefulSourcePartition[list[Out], bytes], times: int = 1) -> list[Out]:
    return [o for _ in range(times) for items in partition.next_batch() for o in items]
