"""`make bench-latency`: from a tick's close to its triaged incident events stored, in the flow.

Words of all key groups go through the barrier, triage and the sink of the incident store in a real
Bytewax flow, a tick at a time. The clock starts where the last group's word arrives at triage, and
stops where `write_batch` has returned: the event is on disk. Every event counts.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.inputs import DynamicSource, StatelessSourcePartition
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.testing import run_main
from sqlalchemy.engine import make_url

from benchmarks.stored import ACCOUNTS
from benchmarks.words import GROUPS, words
from connectors.incident_store import IncidentStorePart, IncidentStoreSink, SqlSink
from operators.triage import TriageSettings, transitions_of, triage_alerts
from schema import Closed, Transition

RATES = (10, 1_000, 10_000)
GOAL_P99_MS = 20.0
WARM_TICKS = 20  # in which alerts come and none goes, and statements are prepared


class Clock:
    """When the last word of the tick under way came to triage, and what its events took."""

    def __init__(self) -> None:
        self.arrived_ns = 0
        self.took_ms: list[float] = []
        self.ticks = 0

    def arrive(self, item: tuple[str, Closed]) -> tuple[str, Closed]:
        """Note a word that passes."""
        self.arrived_ns = time.perf_counter_ns()
        return item

    def stored(self, count: int) -> None:
        """Note that so many events are stored."""
        if self.ticks > WARM_TICKS:
            took_ms = (time.perf_counter_ns() - self.arrived_ns) / 1e6
            self.took_ms += [took_ms] * count


class _Words(StatelessSourcePartition[Closed]):
    """A tick a call: Bytewax takes it all the way before it asks again."""

    def __init__(self, ticks: Iterator[list[Closed]], clock: Clock) -> None:
        self._ticks, self._clock = ticks, clock

    def next_batch(self) -> list[Closed]:
        tick = next(self._ticks, None)
        if tick is None:
            raise StopIteration
        self._clock.ticks += 1
        return tick


class _Source(DynamicSource[Closed]):
    def __init__(self, ticks: Iterator[list[Closed]], clock: Clock) -> None:
        self._ticks, self._clock = ticks, clock

    def build(self, _step_id: str, _worker: int, _workers: int) -> _Words:
        return _Words(self._ticks, self._clock)


class _TimedPart(StatefulSinkPartition[Transition, None]):
    def __init__(self, inner: IncidentStorePart, clock: Clock) -> None:
        self._inner, self._clock = inner, clock

    def write_batch(self, values: list[Transition]) -> None:
        self._inner.write_batch(values)
        self._clock.stored(len(values))

    def snapshot(self) -> None:
        self._inner.snapshot()

    def close(self) -> None:
        self._inner.close()


class _TimedSink(FixedPartitionedSink[Transition, None]):
    def __init__(self, url: str, clock: Clock) -> None:
        self._inner, self._clock = IncidentStoreSink(SqlSink(url)), clock

    def list_parts(self) -> list[str]:
        return self._inner.list_parts()

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _TimedPart:
        return _TimedPart(self._inner.build_part(step_id, for_part, resume_state), self._clock)


class Result(NamedTuple):
    """What the events of a run took."""

    a_minute: int
    events: int
    mean_ms: float
    p50_ms: float
    p99_ms: float
    worst_ms: float


def measure(url: str, a_minute: int, ticks: int, accounts: int = len(ACCOUNTS)) -> Result:
    """Return what the events of so many ticks took, after those that warm up."""
    clock = Clock()
    flow = Dataflow("latency")
    made = list(words(a_minute, WARM_TICKS + ticks, a_minute, accounts))
    said = op.input("read", flow, _Source(iter(made), clock))
    keyed = op.key_on("group", said, lambda word: str(word.group))
    arrived = op.map("arrived", keyed, clock.arrive)
    told = triage_alerts("triage", arrived, TriageSettings(), GROUPS)
    transitions = transitions_of("transitions", told)
    events = op.key_on("one_key", op.key_rm("events", transitions), lambda _: "all")
    op.output("store", events, _TimedSink(url, clock))
    run_main(flow)
    took = np.array(clock.took_ms or [np.nan])
    p50, p99 = np.percentile(took, (50, 99))
    return Result(a_minute, len(clock.took_ms), took.mean(), p50, p99, took.max())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=200)
    parser.add_argument("--rates", type=int, nargs="+", default=RATES)
    parser.add_argument(
        "--accounts", type=int, default=len(ACCOUNTS), help="fewer: fewer and larger incidents"
    )
    parser.add_argument("url", nargs="?", help="of a database without a store; default: a file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="foreshock-bench-") as folder:
        url = options.url or f"sqlite:///{folder}/incidents.db"
        for a_minute in options.rates:
            result = measure(url, a_minute, options.ticks, options.accounts)
            say(make_url(url).get_backend_name(), result)


def say(name: str, result: Result) -> None:
    """Print a line."""
    over = "" if result.p99_ms < GOAL_P99_MS else "  over the goal"
    print(
        f"{name:<14} {result.a_minute:>6,} anomalies a minute, {result.events:>6,} events: mean "
        f"{result.mean_ms:6.1f} ms  p50 {result.p50_ms:6.1f}  p99 {result.p99_ms:6.1f}  worst "
        f"{result.worst_ms:6.1f}{over}",
        flush=True,
    )


if __name__ == "__main__":
    main()
