"""What readers of topics measure, by topic and partition, for Prometheus."""

from collections.abc import Callable, Collection

from prometheus_client import CollectorRegistry, Counter, Gauge

BY = ("topic", "partition")


class KafkaMeters:
    """The meters of one process. Memory: two numbers a partition that it has open, one a topic."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._up = Gauge(
            "foreshock_kafka_up",
            "Whether a broker answers the readers of the topic's source: 1 or 0",
            ["topic"],
            registry=registry,
        )
        self._lag = Gauge(
            "foreshock_consumer_lag_messages",
            "Messages known to be in the partition that have not been read",
            BY,
            registry=registry,
        )
        self._lost = Counter(
            "foreshock_lost_messages",
            "Messages that retention deleted before they were read",
            BY,
            registry=registry,
        )

    def up(self, topics: Collection[str]) -> Callable[[bool], None]:
        """Return what takes whether brokers answer, for all topics of a source.

        For all at once: a partition that waits for the others does not hear of its brokers.
        """
        gauges = [self._up.labels(topic) for topic in sorted(topics)]

        def take(up: bool) -> None:
            for gauge in gauges:
                gauge.set(up)

        return take

    def reader(self, topic: str, partition: str) -> "ReaderMeter":
        """Return the meter of one partition; its loss is 0 from now on, not absent."""
        return ReaderMeter(self._lag.labels(topic, partition), self._lost.labels(topic, partition))


class ReaderMeter:
    """What one reader tells."""

    def __init__(self, lag: Gauge, lost: Counter) -> None:
        self._lag = lag
        self._lost = lost

    def lag(self, messages: Callable[[], float]) -> None:
        """Take what tells, in any thread, how many messages there are beyond the position."""
        self._lag.set_function(messages)

    def lost(self, messages: int) -> None:
        """Count messages that cannot be read any more."""
        self._lost.inc(messages)
