"""Rejects in a topic, read back: the raw bytes, and in the headers why and from where.

A topic is read once, from its first record to what was its last when it was opened.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from connectors.dead_letter import Letter
from connectors.kafka_client import (
    Contact,
    KafkaUnavailableError,
    asking,
    find_partitions,
    make_consumer,
)
from connectors.kafka_settings import KafkaClient
from schema import Reject

AT_ONCE = 1000
POLL_S = 0.5
STALL_S = 30.0  # without a record and before the end, it gives up


class Extent(NamedTuple):
    """The records of one partition: `last` is the first that is not read."""

    partition: int
    first: int
    last: int


class DeadLetterTopic:
    """A topic that `KafkaDeadLetterSink` wrote.

    Raises: KafkaUnavailableError within `connect_timeout_s` if no broker answers or there is no
    such topic.
    """

    def __init__(self, settings: KafkaClient, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._contact = Contact(f"kafka:{topic}", settings)
        consumer = make_consumer(settings, self._contact)
        try:
            partitions = find_partitions(settings, self._contact, consumer, topic)
            if partitions is None:
                raise KafkaUnavailableError(f"kafka:{topic}: no such topic at {settings.brokers}")
            self.extents = [self._extent(consumer, partition) for partition in partitions]
        finally:
            consumer.close()

    def read(self) -> Iterator[Letter | bytes]:
        """Yield its letters, partition by partition; a record that holds none as it is."""
        consumer = make_consumer(self._settings, self._contact)
        try:
            for extent in self.extents:
                if extent.last > extent.first:
                    yield from self._read(consumer, extent)
        finally:
            consumer.close()

    def _extent(self, consumer: Consumer, partition: int) -> Extent:
        with asking(self._settings, self._contact, f"kafka:{self._topic}/{partition}: offsets"):
            here = TopicPartition(self._topic, partition)
            first, last = consumer.get_watermark_offsets(here, self._settings.connect_timeout_s)
        return Extent(partition, first, last)

    def _read(self, consumer: Consumer, extent: Extent) -> Iterator[Letter | bytes]:
        consumer.assign([TopicPartition(self._topic, extent.partition, extent.first)])
        at, heard_s = extent.first, time.monotonic()
        while at < extent.last:
            for message in consumer.consume(AT_ONCE, POLL_S):
                error, offset = message.error(), message.offset()
                if message.partition() != extent.partition or offset is None:
                    continue
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:  # behind a gap before the end
                        return
                    raise KafkaUnavailableError(f"kafka:{self._topic}: {error.str()}")
                if offset >= extent.last:
                    return
                at, heard_s = offset + 1, time.monotonic()
                letter = _letter(message)
                yield (message.value() or b"") if letter is None else letter
            if time.monotonic() - heard_s > STALL_S:
                raise KafkaUnavailableError(
                    f"kafka:{self._topic}/{extent.partition}: nothing came for {STALL_S:g} s: "
                    f"{self._contact.reason or 'no answer'}"
                )


def _letter(message: Message) -> Letter | None:
    """Return what a record holds, None if it was not written as a reject."""
    given = message.headers() or []
    pairs = given.items() if isinstance(given, dict) else given
    headers = {
        name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""
        for name, value in pairs
    }
    raw = message.value() or b""
    try:
        reject = Reject(
            headers["reason"],
            headers["detail"],
            headers["source"],
            headers["partition"],
            int(headers["position"]),
            raw,
            int(headers.get("points", "1")),
        )
        return Letter(reject, max(int(headers["raw_bytes"]), len(raw)))
    except (KeyError, ValueError):
        return None
