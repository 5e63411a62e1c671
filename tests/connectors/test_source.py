"""The source: resumed equals unbroken, marks fall where they fell, other shapes are refused."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import bytewax.operators as op
import msgspec
import numpy as np
import pytest
from bytewax.dataflow import Dataflow
from bytewax.errors import BytewaxRuntimeError
from bytewax.inputs import StatefulSourcePartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, run_main
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.control_log import FileControlLog, IdleMark
from connectors.pace import Pace
from connectors.source import Intake, IntakeSettings, SnapshotError
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


@settings(max_examples=25, deadline=None)
@given(
    records=st.lists(st.none() | st.integers(0, 500), min_size=1, max_size=12),
    size=st.integers(1, 5),
    crash_at=st.integers(0, 11),
    mark_at=st.integers(0, 12),
)
def test_a_run_resumed_anywhere_equals_an_unbroken_one(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[int | None],
    size: int,
    crash_at: int,
    mark_at: int,
) -> None:
    folder = tmp_path_factory.mktemp("run")
    log = FileControlLog(folder / "control.jsonl")
    log.append(IdleMark("fake:x/a", mark_at, 250_000))
    parts = {"a": seconds(*records), "b": seconds(7, 8, 9)}
    whole = by_partition(run(intake(FakeOrigin(parts, size=3), log=log)))
    recovery = store(folder / "db")
    broken: list[Out] = []
    crashing = intake(FakeOrigin(parts, size=size, crash_at=crash_at), log=log)
    if crash_at < len(records):
        with pytest.raises(BytewaxRuntimeError) as caught:
            run(crashing, recovery, broken)
        assert isinstance(root_cause(caught.value), Crash)
    run(intake(FakeOrigin(parts, size=size), log=log), recovery, broken)
    assert {
        name: list(dict.fromkeys(items)) for name, items in by_partition(broken).items()
    } == whole


def test_a_mark_falls_before_the_first_payload_at_or_after_its_position(tmp_path: Path) -> None:
    log = FileControlLog(tmp_path / "control.jsonl")
    for position, effective_ms in ((0, 1_000), (2, 50_000), (2, 60_000), (4, 55_000), (9, 99_000)):
        log.append(IdleMark("fake:x/a", position, effective_ms))
    log.append(IdleMark("fake:x/other", 1, 70_000))
    got = run(intake(FakeOrigin({"a": seconds(10, 11, None, 12, 80)}, size=5), log=log))
    assert [(o.what, o.position, o.watermark_ms) for o in got] == [
        ("mark", 0, 1_000),
        ("record", 0, 10_000),
        ("record", 1, 11_000),
        ("mark", 2, 60_000),
        ("record", 3, 60_000),
        ("record", 4, 80_000),
        ("end", 4, 80_000),
    ]


def poll(partition: StatefulSourcePartition[list[Out], bytes], times: int = 1) -> list[Out]:
    return [o for _ in range(times) for items in partition.next_batch() for o in items]


def test_an_idle_partition_follows_the_others_and_a_replay_follows_it(tmp_path: Path) -> None:
    log = FileControlLog(tmp_path / "control.jsonl")
    clock = Clock()
    live = FakeOrigin({"a": seconds(10), "b": seconds(20)}, bounded=False)
    rule = IntakeSettings(max_skew_s=1e6, idle_s=10.0)
    source = intake(live, log=log, rule=rule, monotonic=clock)
    a, b = (source.build_part("in", name, None) for name in source.list_parts())
    poll(b)
    seen = poll(a, 2)
    for now_s, second in ((9.9, 30), (10.0, 40), (19.9, 50), (20.0, 60)):
        clock.now_s = now_s
        live.parts["b"] += seconds(second)
        poll(b, 2)
        seen += poll(a, 3)
    live.parts["a"] += seconds(15, 90)
    seen += poll(a)
    assert [(o.what, o.position, o.watermark_ms) for o in seen] == [
        ("record", 0, 10_000),
        ("mark", 1, 40_000),
        ("mark", 1, 60_000),
        ("record", 1, 60_000),
        ("record", 2, 90_000),
    ]
    replayed = run(intake(FakeOrigin(live.parts), log=log))
    furthest = [seen[0], *seen[2:]]  # of marks at one position
    assert [o for o in replayed if o.partition == "a"][:-1] == furthest


def two_live(
    clock: Clock, rule: IntakeSettings, log: FileControlLog | None = None
) -> list[StatefulSourcePartition[list[Out], bytes]]:
    """Return an empty partition that has been so for long, and one with a record."""
    live = FakeOrigin({"a": [], "b": seconds(20)}, bounded=False)
    source = intake(live, rule=rule, monotonic=clock, log=log)
    parts = [source.build_part("in", name, None) for name in source.list_parts()]
    for part in reversed(parts):
        poll(part)
    clock.now_s += 1e6
    return parts


def test_a_mark_is_in_the_log_before_it_is_obeyed(tmp_path: Path) -> None:
    log = FileControlLog(tmp_path / "control.jsonl")
    a, _ = two_live(Clock(), IntakeSettings(), log)
    assert log.read() == []
    assert a.next_batch() == [[Out("a", "mark", 0, 20_000, 0)]]
    assert log.read() == [IdleMark("fake:x/a", 0, 20_000)]


def test_a_mark_that_cannot_be_logged_is_not_obeyed(tmp_path: Path) -> None:
    a, _ = two_live(Clock(), IntakeSettings(), FileControlLog(tmp_path / "no" / "folder"))
    with pytest.raises(FileNotFoundError):
        a.next_batch()


def test_a_leap_of_the_others_moves_an_idle_partition_at_once(tmp_path: Path) -> None:
    clock = Clock()
    live = FakeOrigin({"a": [], "b": seconds(20)}, bounded=False)
    rule = IntakeSettings(max_skew_s=100.0, idle_s=1000.0)
    log = FileControlLog(tmp_path / "control.jsonl")
    source = intake(live, rule=rule, monotonic=clock, log=log)
    a, b = (source.build_part("in", name, None) for name in source.list_parts())
    poll(b)
    poll(a)
    clock.now_s = 1000.0
    assert [o.watermark_ms for o in poll(a)] == [20_000]
    live.parts["b"] += seconds(69)
    poll(b)
    assert poll(a) == []
    live.parts["b"] += seconds(70)
    poll(b)
    assert [o.watermark_ms for o in poll(a)] == [70_000]


class Rejecting(FakeStage):
    """Can decode nothing of partition a."""

    def feed(self, chunk: Chunk) -> list[Out]:
        if self.partition == "a":
            return []
        return super().feed(chunk)


def test_a_partition_of_which_nothing_can_be_decoded_holds_nobody(tmp_path: Path) -> None:
    clock = Clock()
    log = FileControlLog(tmp_path / "control.jsonl")
    live = FakeOrigin({"a": [], "b": seconds(20)}, bounded=False)
    source = Intake(
        [live],
        lambda _o, partition, _i, resume: Rejecting(partition, resume),
        groups=4,
        stop=threading.Event(),
        settings=IntakeSettings(idle_s=10.0),
        control_log=log,
        clock=lambda: START,
        monotonic=clock,
    )
    a, b = (source.build_part("in", name, None) for name in source.list_parts())
    poll(b)
    for now_s in range(11):
        clock.now_s = float(now_s)
        live.parts["a"] += [b"garbage"]
        marks = poll(a, 2)
    assert [(o.what, o.position, o.watermark_ms) for o in marks] == [("mark", 11, 20_000)]


def test_idleness_counts_from_the_end_of_an_outage(tmp_path: Path) -> None:
    clock = Clock()
    log = FileControlLog(tmp_path / "control.jsonl")
    live = FakeOrigin({"a": [], "b": seconds(20)}, bounded=False)
    rule = IntakeSettings(idle_s=10.0)
    source = intake(live, rule=rule, monotonic=clock, log=log)
    a, b = (source.build_part("in", name, None) for name in source.list_parts())
    poll(b)
    poll(a)
    live.readers["a"].in_contact = False
    clock.now_s = 9.0
    assert poll(a) == []
    live.readers["a"].in_contact = True
    clock.now_s = 18.0
    assert poll(a, 2) == []
    clock.now_s = 28.0
    assert [o.what for o in poll(a)] == ["mark"]


def test_without_a_control_log_an_idle_partition_stands_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    a, _ = two_live(Clock(), IntakeSettings())
    assert poll(a, 9) == []
    assert len(caplog.records) == 1
    assert "fake:x/a has nothing to read" in caplog.text


def test_a_partition_far_ahead_waits_for_the_slowest() -> None:
    rule = IntakeSettings(max_skew_s=100.0)
    origin = FakeOrigin({"a": seconds(1, 200, 300), "b": seconds(1, 2, 250)}, size=1)
    source = intake(origin, rule=rule)
    a, b = (source.build_part("in", name, None) for name in source.list_parts())
    assert [o.watermark_ms for o in poll(a, 9)] == [1_000]  # b has not been read yet
    assert [o.watermark_ms for o in poll(b, 2)] == [1_000, 2_000]
    assert [o.watermark_ms for o in poll(a, 9)] == [200_000]
    assert [o.watermark_ms for o in poll(b)] == [250_000]
    assert [(o.what, o.watermark_ms) for o in poll(a, 2)] == [("record", 300_000), ("end", 300_000)]


def test_an_ended_partition_holds_nobody() -> None:
    rule = IntakeSettings(max_skew_s=1.0)
    got = run(intake(FakeOrigin({"a": seconds(1), "b": seconds(1, 500, 900)}, size=1), rule=rule))
    assert [o.what for o in got if o.partition == "b"] == ["record"] * 3 + ["end"]


def test_a_stop_emits_no_end_and_the_run_after_it_goes_on(tmp_path: Path) -> None:
    stop = threading.Event()
    parts = {"a": seconds(1, 2, 3, 4)}
    recovery = store(tmp_path / "db")

    class Stopping(FakeStage):
        def feed(self, chunk: Chunk) -> list[Out]:
            if 1 in chunk.positions:
                stop.set()
            return super().feed(chunk)

    def factory(_o: str, partition: str, _i: int, resume: bytes | None) -> Stopping:
        return Stopping(partition, resume)

    first = run(
        Intake(
            [FakeOrigin(parts, size=1)],
            factory,
            groups=4,
            stop=stop,
            settings=IntakeSettings(),
            clock=lambda: START,
        ),
        recovery,
    )
    assert [(o.what, o.position) for o in first] == [("record", 0), ("record", 1)]
    stop.clear()
    second = run(intake(FakeOrigin(parts, size=1)), recovery)
    assert [(o.what, o.position) for o in second] == [("record", 2), ("record", 3), ("end", 3)]
    assert run(intake(FakeOrigin(parts, size=1)), recovery) == []


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            intake(FakeOrigin({"a": seconds(1)}), groups=8),
            "fake:x/a: the recovery store was made with 4 key groups, the settings say 8",
        ),
        (
            intake(FakeOrigin({"a": seconds(1), "b": []})),
            "fake:x/a: the recovery store was made when this was partition 0 of 1",
        ),
    ],
)
def test_a_recovery_store_of_another_shape_is_refused(
    tmp_path: Path, other: Intake[list[Out]], message: str
) -> None:
    recovery = store(tmp_path / "db")
    run(intake(FakeOrigin({"a": seconds(1)})), recovery)
    with pytest.raises(BytewaxRuntimeError) as caught:
        run(other, recovery)
    cause = root_cause(caught.value)
    assert isinstance(cause, SnapshotError)
    assert str(cause).startswith(message)


def test_a_snapshot_of_another_version_is_refused() -> None:
    source = intake(FakeOrigin({"a": seconds(1)}))
    with pytest.raises(SnapshotError, match="fake:x/a: the snapshot is of another version"):
        source.build_part("in", "fake:x/a", msgspec.msgpack.encode({"type": "intake.v0"}))


def test_a_partition_with_few_calls_emits_as_much_as_in_good_epochs() -> None:
    source = intake(FakeOrigin({"a": seconds(*range(100))}, size=1))
    part = source.build_part("in", "fake:x/a", None)
    assert len(poll(part, 10)) == 10
    part.snapshot()
    assert len(poll(part)) == 1
    part.snapshot()  # an epoch with a single call
    assert len(poll(part)) == 10


def test_polls_less_and_less_often_while_there_is_nothing_to_read() -> None:
    live = FakeOrigin({"a": seconds(1)}, bounded=False)
    part = intake(live).build_part("in", "fake:x/a", None)
    assert poll(part)
    assert part.next_awake() is None
    waits = []
    for _ in range(10):
        assert poll(part) == []
        awake = part.next_awake()
        assert awake is not None
        waits.append((awake - START).total_seconds())
    assert waits[:3] == [0.001, 0.002, 0.004]
    assert waits[-1] == 0.1
    live.parts["a"] += seconds(2)
    assert poll(part)
    assert part.next_awake() is None


def test_the_same_partition_twice_is_refused() -> None:
    origin = FakeOrigin({"a": []})
    with pytest.raises(ValueError, match="read once, got 'fake:x/a' twice"):
        intake(origin, origin)


def test_the_reader_is_closed_at_the_end() -> None:
    origin = FakeOrigin({"a": seconds(1)})
    run(intake(origin))
    assert origin.readers["a"].closed


@pytest.mark.parametrize("field", ["max_skew_s", "idle_s", "max_chunks_per_call"])
def test_settings_out_of_range_are_refused(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} must be in .* got -1"):
        msgspec.convert({field: -1}, IntakeSettings)
