"""How far the partitions that a process reads have got, for Prometheus and for readiness."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connectors.pace import ENDED, IDLE, Pace

_BY = ("topic", "partition")


class Position(NamedTuple):
    """Where a partition stands."""

    topic: str
    partition: str
    watermark_ms: int | None  # event time; None: nothing has been read
    lag_s: float  # by the clock, infinite where nothing has been read
    idle: bool
    ended: bool


class PartitionMeters(Collector):
    """Reads the pace when it is asked, so that a sample costs nothing. Memory: a name a partition.

    A partition is this process's from when its stage was made here.
    """

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._pace: Pace | None = None
        self._names: dict[int, tuple[str, str]] = {}
        registry.register(self)

    def follow(self, pace: Pace) -> None:
        """Take where the partitions of this host say how far they have got."""
        self._pace = pace

    def opened(self, index: int, topic: str, partition: str) -> None:
        """Note that this process reads the partition with this place in the list of all."""
        self._names[index] = (topic, partition)

    def positions(self) -> list[Position]:
        """Return where each partition of this process stands, by name."""
        pace, now_s = self._pace, self._clock().timestamp()
        if pace is None:
            return []
        out = []
        for index, (topic, partition) in sorted(self._names.items(), key=lambda item: item[1]):
            state, found_ms = pace.standing(index)
            watermark_ms = found_ms if found_ms > 0 else None
            lag_s = float("inf") if watermark_ms is None else max(now_s - watermark_ms / 1000, 0.0)
            out.append(
                Position(topic, partition, watermark_ms, lag_s, state == IDLE, state == ENDED)
            )
        return out

    def collect(self) -> Iterator[Metric]:
        """Yield what Prometheus asks for."""
        watermark = GaugeMetricFamily(
            "foreshock_watermark_timestamp_seconds",
            "Event time before which the partition expects nothing more, since 1970",
            labels=_BY,
        )
        lag = GaugeMetricFamily(
            "foreshock_watermark_lag_seconds",
            "How far the partition's watermark is behind the clock",
            labels=_BY,
        )
        idle = GaugeMetricFamily(
            "foreshock_partition_idle", "Whether the partition has nothing to read", labels=_BY
        )
        for each in self.positions():
            if each.ended:
                continue
            by = (each.topic, each.partition)
            idle.add_metric(by, float(each.idle))
            if each.watermark_ms is not None:
                watermark.add_metric(by, each.watermark_ms / 1000)
                lag.add_metric(by, each.lag_s)
        yield from (watermark, lag, idle)
