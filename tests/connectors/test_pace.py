"""The pace: lowest watermarks by state, in one process and across processes."""

import multiprocessing
from pathlib import Path

import pytest

from connectors.pace import Pace


def test_partitions_that_nobody_has_opened_do_not_count() -> None:
    pace = Pace.local(3)
    assert pace.lowest_ms() is None
    pace.move(1, 500)
    assert pace.lowest_ms() == 500
    assert pace.lowest_other_ms(1) is None


def test_idle_partitions_hold_the_pace_but_set_no_mark() -> None:
    pace = Pace.local(3)
    pace.move(0, 500)
    pace.rest(1, 100)
    pace.move(2, 300)
    assert pace.lowest_ms() == 100
    assert pace.lowest_other_ms(0) == 300
    assert pace.lowest_other_ms(2) == 500


def test_ended_partitions_do_not_count() -> None:
    pace = Pace.local(2)
    pace.move(0, 500)
    pace.move(1, 100)
    pace.end(1)
    assert pace.lowest_ms() == 500
    assert pace.lowest_other_ms(0) is None


def _move(path: Path, index: int, watermark_ms: int) -> None:
    Pace.shared(path, 2).move(index, watermark_ms)


def test_processes_see_each_other(tmp_path: Path) -> None:
    pace = Pace.shared(tmp_path / "pace", 2)
    pace.move(0, 500)
    args = (tmp_path / "pace", 1, -(1 << 62))
    other = multiprocessing.get_context("spawn").Process(target=_move, args=args)
    other.start()
    other.join(60)
    assert other.exitcode == 0
    assert pace.lowest_ms() == -(1 << 62)


def test_a_file_of_another_number_of_partitions_is_refused(tmp_path: Path) -> None:
    Pace.shared(tmp_path / "pace", 2)
    with pytest.raises(ValueError, match="a pace of 3 partitions must have 72 bytes, got 48"):
        Pace.shared(tmp_path / "pace", 3)
