"""What the flow finds is in the log before the frontier says that it has been judged."""

from pathlib import Path

from connectors.control_log import FileControlLog, Record
from connectors.control_sink import ControlSink
from connectors.pace import Pace
from tests.operators.made_commands import drift


def test_findings_are_written_before_the_frontier_moves(tmp_path: Path) -> None:
    frontier = Pace.local(1)
    seen: list[tuple[Record, int | None]] = []

    class Watched(FileControlLog):
        def append(self, record: Record) -> None:
            seen.append((record, frontier.lowest_ms()))
            super().append(record)

    log = Watched(tmp_path / "log")
    outlet = ControlSink(lambda: log, frontier).build_part("step", "log", None)
    outlet.write_batch([(60_000, ()), (120_000, (drift(1, 6), drift(2, 7)))])
    assert seen == [(drift(1, 6), 60_000), (drift(2, 7), 60_000)]
    assert log.read() == [drift(1, 6), drift(2, 7)]
    assert frontier.lowest_ms() == 120_000


def test_a_resumed_flow_makes_its_frontier_known_again(tmp_path: Path) -> None:
    log, frontier = FileControlLog(tmp_path / "log"), Pace.local(1)
    outlet = ControlSink(lambda: log, frontier).build_part("step", "log", None)
    assert outlet.snapshot() is None
    outlet.write_batch([(60_000, ())])
    fresh = Pace.local(1)
    ControlSink(lambda: log, fresh).build_part("step", "log", outlet.snapshot())
    assert fresh.lowest_ms() == 60_000
