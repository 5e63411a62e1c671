"""A decoder that measures what another one costs and how fresh its samples are."""

import time
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge

from connectors.formats.tabular import size_of
from schema import Decoded, NamedDecoder, SeriesTable


def topic_of(source: str) -> str:
    """Return what meters call a source: a topic by its name, another one by its own."""
    return source.removeprefix("kafka:")


class DecodeMeters:
    """What decoding costs by topic, in one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Counter(
            "foreshock_decode_seconds",
            "Processor time spent on decoding",
            ["topic"],
            registry=registry,
        )
        self.payload_bytes = Counter(
            "foreshock_payload_bytes", "Bytes of payloads decoded", ["topic"], registry=registry
        )
        self.payloads = Counter(
            "foreshock_payloads", "Payloads decoded", ["topic"], registry=registry
        )
        self.event_time = Gauge(
            "foreshock_event_time_seconds",
            "Newest event time of the last payloads with samples, since 1970",
            ["topic", "partition"],
            registry=registry,
        )


class MeteredDecoder:
    """A decoder over another one; see `schema.Decoder`. The result is the other's."""

    def __init__(
        self,
        decoder: NamedDecoder,
        meters: DecodeMeters,
        source: str,
        partition: str,
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        topic = topic_of(source)
        self._decode = decoder
        self._seconds = meters.seconds.labels(topic)
        self._bytes = meters.payload_bytes.labels(topic)
        self._payloads = meters.payloads.labels(topic)
        self._event_time = meters.event_time  # absent until there is one
        self._by = (topic, partition)
        self._clock = clock

    @property
    def format(self) -> str:
        """What the other decoder says of itself."""
        return self._decode.format

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        """Decode, and measure."""
        began_s = self._clock()
        decoded = self._decode(payloads, table)
        self._seconds.inc(self._clock() - began_s)
        self._bytes.inc(size_of(payloads))
        self._payloads.inc(len(payloads))
        if len(decoded.batch.ts_ms):
            self._event_time.labels(*self._by).set(int(decoded.batch.ts_ms.max()) / 1000)
        return decoded
