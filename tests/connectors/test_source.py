"""The source: resumed equals unbroken, a stop is no end, other shapes are refused."""

import threading
from pathlib import Path

import msgspec
import pytest
from bytewax.errors import BytewaxRuntimeError
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.control_log import FileControlLog, IdleMark
from connectors.source import Intake, IntakeSettings, SnapshotError
from schema import Chunk
from tests.connectors.fakes import (
    START,
    Crash,
    FakeOrigin,
    FakeStage,
    Out,
    by_partition,
    intake,
    poll,
    root_cause,
    run,
    seconds,
    store,
)


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
            intake(FakeOrigin({"a": seconds(1), "0": []})),
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


def test_partitions_may_come_later_and_go_behind_the_others(tmp_path: Path) -> None:
    recovery = store(tmp_path / "db")
    first = run(intake(FakeOrigin({"b": seconds(1)}), store=tmp_path), recovery)
    grown = intake(FakeOrigin({"a": seconds(5), "b": seconds(1)}), store=tmp_path)
    assert grown.names == ["fake:x/b", "fake:x/a"]
    second = run(grown, recovery)
    assert {o.partition for o in first} == {"b"}
    assert [(o.partition, o.what) for o in second] == [("a", "record"), ("a", "end")]


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
