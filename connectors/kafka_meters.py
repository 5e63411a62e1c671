"""What readers of topics measure, by topic and partition, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge

BY = ("topic", "partition")


class KafkaMeters:
    """The meters of one process. Memory: three numbers a partition that it has open."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._up = Gauge(
            "foreshock_kafka_up",
            "Whether a broker answers the reader of the partition: 1 or 0",
            BY,
            registry=registry,
        )
        self._lag = Gauge(
            "foreshock_consumer_lag_messages",
            "Messages in the partition that have not been read",
            BY,
            registry=registry,
        )
        self._lost = Counter(
            "foreshock_lost_messages",
            "Messages that retention deleted before they were read",
            BY,
            registry=registry,
        )

    def reader(self, topic: str, partition: str) -> "ReaderMeter":
        """Return the meter of one partition; its loss is 0 from now on, not absent."""
        by = (topic, partition)
        return ReaderMeter(self._up.labels(*by), self._lag.labels(*by), self._lost.labels(*by))


class ReaderMeter:
    """What one reader tells."""

    def __init__(self, up: Gauge, lag: Gauge, lost: Counter) -> None:
        self._up = up
        self._lag = lag
        self._lost = lost

    def up(self, up: bool) -> None:
        """Take whether a broker answers."""
        self._up.set(up)

    def lag(self, messages: int) -> None:
        """Take how many messages there are beyond the position."""
        self._lag.set(messages)

    def lost(self, messages: int) -> None:
        """Count messages that cannot be read any more."""
        self._lost.inc(messages)
