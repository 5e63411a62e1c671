"""The control log in a topic of one partition, for flows on several hosts."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.control_log import IdleMark, Record, decode, encode
from connectors.kafka_client import (
    Contact,
    KafkaUnavailableError,
    asking,
    make_consumer,
)
from connectors.kafka_settings import KafkaClient, KafkaOutput
from connectors.kafka_sink import Outgoing, Outlet, ensure_topic
from connectors.kafka_to_end import POLL_S, POLL_SIZE, read_to_end, read_topic

TOPIC_PROPERTIES = {"cleanup.policy": "delete", "retention.ms": "-1"}  # a replay needs all of it
TAIL_WAIT_S = 0.5  # for the brokers' answer, inside the flow

X = TypeVar("X")


class KafkaControlLog:
    """A control log in Kafka; `settings.topic` is made with one partition and kept for ever.

    Raises: KafkaUnavailableError, also when the topic exists with more than one partition;
    ValueError if it holds a record that we do not know.
    """

    def __init__(self, settings: KafkaOutput) -> None:
        partitions = ensure_topic(_one_partition(settings), TOPIC_PROPERTIES)
        if partitions != 1:
            raise KafkaUnavailableError(
                f"kafka:{settings.topic}: a control log must have 1 partition, got {partitions}"
            )
        self._settings = settings
        self._outlet = Outlet(settings)
        self._contact = Contact(f"kafka:{settings.topic}", settings)
        self._records: list[Record] = []  # read so far
        self._next: int | None = None
        self.read()

    def append(self, record: Record) -> None:
        """Write a record and wait until the brokers have it."""
        key = record.partition.encode() if isinstance(record, IdleMark) else None
        self._outlet.write([Outgoing(key, encode(record), [])])

    def read(self) -> list[Record]:
        """Return the records in the topic; only those that came since the last call are fetched."""
        consumer = make_consumer(self._settings, self._contact)
        try:
            with asking(self._settings, self._contact, f"kafka:{self._settings.topic}: read"):
                self._fetch(consumer)
        finally:
            consumer.close()
        return list(self._records)

    def tail(self, position: int | None) -> "KafkaTail[Record]":
        """Open the topic at an offset."""
        return KafkaTail(self._settings, self._settings.topic, position, decode)

    def _fetch(self, consumer: Consumer) -> None:
        topic = self._settings.topic
        for message in read_to_end(self._settings, consumer, topic, 0, self._next):
            offset = message.offset() or 0
            self._records.append(decode(message.value() or b"", f"kafka:{topic}@{offset}"))
            self._next = offset + 1


def read_control_topic(settings: KafkaOutput) -> list[Record]:
    """Return the records of a control log in a topic, which is only looked at.

    Raises: KafkaUnavailableError if it cannot be read, or there is none.
    """
    return [decode(value, where) for where, value in read_topic(settings, settings.topic)]


class KafkaTail(Generic[X]):
    """Reads the records that a partition has got since, by a consumer that stays open."""

    def __init__(
        self,
        settings: KafkaClient,
        topic: str,
        position: int | None,
        decode: Callable[[bytes, str], X],
        partition: int = 0,
    ) -> None:
        self._topic = topic
        self._partition = partition
        self._decode = decode
        contact = Contact(f"kafka:{topic}", settings)
        self._consumer = make_consumer(settings, contact)
        self._next = position
        self._assigned = False

    @property
    def position(self) -> int:
        """Return the offset of the next record."""
        return self._next or 0

    def read(self, most: int | None = None) -> list[X] | None:
        """Return the records up to the topic's end; None while the brokers do not answer.

        With `most`, about so many of them.
        Raises: KafkaUnavailableError where the next one is gone: retention was faster.
        """
        partition = TopicPartition(self._topic, self._partition)
        try:
            first, last = self._consumer.get_watermark_offsets(partition, TAIL_WAIT_S)
        except KafkaException:
            return None  # the consumer's own contact has logged why
        if self._next is None:
            self._next = first
        if not self._assigned:
            self._consumer.assign([TopicPartition(self._topic, self._partition, self._next)])
            self._assigned = True
        return self._read_until(last if most is None else min(last, self.position + most))

    def _read_until(self, last: int) -> list[X] | None:
        """Return what is before offset `last`; None, and begin again, if it does not come."""
        records: list[X] = []
        at = self.position
        deadline = time.monotonic() + TAIL_WAIT_S
        while at < last:
            if time.monotonic() > deadline:
                self._assigned = False
                return None
            for message in self._consumer.consume(POLL_SIZE, POLL_S):
                error, offset = message.error(), message.offset()
                if offset is None or offset < at:
                    continue
                if error is None:
                    where = f"kafka:{self._topic}@{offset}"
                    records.append(self._decode(message.value() or b"", where))
                    at = offset + 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    at = max(at, offset)
                elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                    raise KafkaUnavailableError(f"kafka:{self._topic}: {error.str()}")
        self._next = at
        return records

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()


def _one_partition(settings: KafkaOutput) -> KafkaOutput:
    if settings.partitions not in {None, 1}:
        raise ValueError(f"partitions of a control log must be 1, got {settings.partitions!r}")
    return msgspec.structs.replace(settings, partitions=1)
