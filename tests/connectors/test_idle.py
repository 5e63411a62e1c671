"""Partitions keep together: the idle follow by marks, those far ahead wait."""

import threading
from pathlib import Path

import pytest
from bytewax.inputs import StatefulSourcePartition

from connectors.control_log import FileControlLog, IdleMark
from connectors.source import Intake, IntakeSettings
from schema import Chunk
from tests.connectors.fakes import (
    START,
    Clock,
    FakeOrigin,
    FakeStage,
    Out,
    intake,
    poll,
    run,
    seconds,
)


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
