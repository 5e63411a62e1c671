"""What the flow itself decides, into the control log, and then how far it has judged."""

from collections.abc import Callable

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.control_log import ControlLog
from connectors.pace import Pace
from schema import Drift

Judged = tuple[int, tuple[Drift, ...]]
"""The frontier, event time before which everything has been judged, and what was found on the way
to it since the last one."""


class ControlSink(FixedPartitionedSink[Judged, int | None]):
    """Writes what was found, then moves the frontier, which `ControlPartition` follows.

    In that order: whoever has seen the frontier finds in the log all that was decided before it.
    A flow that goes on after a crash writes again what it has written; the reader drops repeats.
    """

    def __init__(self, log: Callable[[], ControlLog], frontier: Pace) -> None:
        self._log = log
        self._frontier = frontier

    def list_parts(self) -> list[str]:
        """Return the one partition, which one worker writes."""
        return ["log"]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> "_ControlOutlet":
        """Open the log; the frontier of the state is that of the flow."""
        return _ControlOutlet(self._log(), self._frontier, resume_state)


class _ControlOutlet(StatefulSinkPartition[Judged, int | None]):
    def __init__(self, log: ControlLog, frontier: Pace, passed_ms: int | None) -> None:
        self._log = log
        self._frontier = frontier
        self._passed_ms = passed_ms
        if passed_ms is not None:
            frontier.move(0, passed_ms)

    def write_batch(self, values: list[Judged]) -> None:
        for passed_ms, found in values:
            for drift in found:
                self._log.append(drift)
            self._passed_ms = passed_ms
            self._frontier.move(0, passed_ms)

    def snapshot(self) -> int | None:
        return self._passed_ms
