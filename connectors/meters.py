"""What a run counts: in the log about once a minute, and for Prometheus where a port is named.

Each worker process counts what its own source partitions bring, and serves its own numbers.
"""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from bytewax.outputs import DynamicSink, StatelessSinkPartition
from prometheus_client import CollectorRegistry, Counter, ProcessCollector

from connectors.drift_meters import DriftMeters
from connectors.feedback_meters import FeedbackMeters
from connectors.health import HealthServer, HealthSettings
from connectors.kafka_meters import KafkaMeters
from connectors.metered_decoder import DecodeMeters, topic_of
from connectors.outcome_meters import OutcomeMeters
from connectors.partition_meters import PartitionMeters
from connectors.source import wall_clock
from connectors.standing_meters import StandingMeters
from connectors.step_meters import StepMeters
from schema import Closed, Reject, Tally

LOG_EVERY_S = 60.0

X = TypeVar("X")

_log = logging.getLogger(__name__)


class Meters:
    """The counters of one process. `topic` is a topic's name, or that of another source.

    Memory: a few numbers a source partition and a number a reason of rejects.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._monotonic = monotonic
        self._since_s = monotonic()
        self._fresh = Tally("", "")  # since it was last said
        self.registry = CollectorRegistry()
        self.kafka = KafkaMeters(self.registry)
        self.decode = DecodeMeters(self.registry)
        self.standings = StandingMeters(self.registry)
        self.drifts = DriftMeters(self.registry)
        self.feedback = FeedbackMeters(self.registry)
        self.partitions = PartitionMeters(self.registry, clock)
        self.steps = StepMeters(self.registry)
        self.outcomes = OutcomeMeters(self.registry, monotonic)
        ProcessCollector(registry=self.registry)
        self._samples = self._counter("samples", "Samples taken", "topic", "partition")
        self._late = self._counter("late", "Samples that came after their tick", "topic")
        self._rejects = self._counter("rejects", "Points rejected", "topic", "reason")
        self._absorbed = self._counter(
            "absorbed", "Samples that gave no value, such as the first of a counter"
        )
        self._refused = self._counter("models_refused", "Models not taken up", "service")
        self._joined_late = self._counter(
            "joined_late", "Samples of a partition that joined after their ticks had closed"
        )

    def take(self, tallies: Sequence[Tally]) -> None:
        """Count chunks; log the sums since the last time if a minute has passed."""
        for tally in tallies:
            topic = topic_of(tally.source)
            self._samples.labels(topic, tally.partition).inc(tally.samples)
            self._late.labels(topic).inc(tally.late)
        self._fresh = Tally(
            "",
            "",
            self._fresh.payloads + sum(t.payloads for t in tallies),
            self._fresh.samples + sum(t.samples for t in tallies),
            self._fresh.late + sum(t.late for t in tallies),
            self._fresh.rejected + sum(t.rejected for t in tallies),
        )
        if self._monotonic() - self._since_s >= LOG_EVERY_S:
            self.say()

    def reject(self, rejects: Sequence[Reject]) -> None:
        """Count rejects by topic and reason."""
        for reject in rejects:
            self._rejects.labels(topic_of(reject.source), reject.reason).inc(reject.points)

    def model_refused(self, service: str) -> None:
        """Count a model that was damaged or did not fit, whose turn had come."""
        self._refused.labels(service).inc()

    def closed(self, words: Sequence[Closed]) -> None:
        """Count what key groups made of samples and how they stand, when they say so."""
        self.standings.take(words)
        self.outcomes.closed(words)
        self._absorbed.inc(sum(word.absorbed for word in words))
        self._joined_late.inc(sum(word.late for word in words))

    def say(self) -> None:
        """Log what came since the last time, if anything did."""
        now_s, fresh = self._monotonic(), self._fresh
        if fresh.payloads:
            _log.info(
                "in %.0f s: %d payloads, %d samples, %d late, %d rejected",
                now_s - self._since_s,
                fresh.payloads,
                fresh.samples,
                fresh.late,
                fresh.rejected,
            )
        self._since_s, self._fresh = now_s, Tally("", "")

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(f"foreshock_{name}", words, labels, registry=self.registry)


class TallyMeter(DynamicSink[Tally]):
    """Takes the tallies; worker i serves its health at `port` + i, worker 0 says `greeting`.

    Raises: OSError naming the port if it is taken.
    """

    def __init__(
        self,
        meters: Meters,
        port: int | None = None,
        greeting: str = "",
        health: HealthSettings | None = None,
    ) -> None:
        self._meters = meters
        self._port = port
        self._greeting = greeting
        self._health = health or HealthSettings()

    def build(self, _step_id: str, worker_index: int, _worker_count: int) -> "TallyMeterPart":
        """Begin to serve."""
        if worker_index == 0 and self._greeting:
            _log.info("%s", self._greeting)
        if self._port is None:
            return TallyMeterPart(self._meters, None)
        port, meters = self._port + worker_index, self._meters
        server = HealthServer(port, self._health, meters.registry, meters.partitions.positions)
        _log.info("health at http://localhost:%d/readyz, counters at /metrics", port)
        return TallyMeterPart(meters, server)


class TallyMeterPart(StatelessSinkPartition[Tally]):
    """A worker's share of the tallies."""

    def __init__(self, meters: Meters, server: HealthServer | None) -> None:
        self._meters = meters
        self._server = server

    def write_batch(self, items: list[Tally]) -> None:
        """Count."""
        self._meters.take(items)

    def close(self) -> None:
        """Log the last figures, and serve no more."""
        self._meters.say()
        if self._server is not None:
            self._server.close()


class Counted(DynamicSink[X]):
    """Gives items of each worker to a meter of its process."""

    def __init__(self, take: Callable[[list[X]], None]) -> None:
        self._take = take

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> "CountedPart[X]":
        """Begin to count."""
        return CountedPart(self._take)


class CountedPart(StatelessSinkPartition[X]):
    """A worker's share."""

    def __init__(self, take: Callable[[list[X]], None]) -> None:
        self._take = take

    def write_batch(self, items: list[X]) -> None:
        """Count."""
        self._take(items)
