"""The control log in a topic of one partition, for flows on several hosts."""

import time

import msgspec
from confluent_kafka import Consumer, KafkaError, TopicPartition

from connectors.control_log import IdleMark, Record, decode, encode
from connectors.kafka_client import Contact, KafkaUnavailableError, asking, make_consumer
from connectors.kafka_settings import KafkaOutput
from connectors.kafka_sink import Outgoing, Outlet, ensure_topic

TOPIC_PROPERTIES = {"cleanup.policy": "delete", "retention.ms": "-1"}  # a replay needs all of it
POLL_SIZE, POLL_S = 1_000, 0.05


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

    def _fetch(self, consumer: Consumer) -> None:
        topic, wait_s = self._settings.topic, self._settings.connect_timeout_s
        first, last = consumer.get_watermark_offsets(TopicPartition(topic, 0), wait_s)
        position = first if self._next is None else self._next
        consumer.assign([TopicPartition(topic, 0, position)])
        deadline = time.monotonic() + wait_s
        while position < last:
            messages = consumer.consume(POLL_SIZE, POLL_S)
            if messages:
                deadline = time.monotonic() + wait_s
            elif time.monotonic() > deadline:
                raise KafkaUnavailableError(f"kafka:{topic}: stands at {position} of {last}")
            for message in messages:
                error, offset = message.error(), message.offset()
                if offset is None:
                    continue
                if error is None:
                    where = f"kafka:{topic}@{offset}"
                    self._records.append(decode(message.value() or b"", where))
                    position = offset + 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    position = offset
                else:
                    raise KafkaUnavailableError(f"kafka:{topic}: {error.str()}")
                self._next = position


def _one_partition(settings: KafkaOutput) -> KafkaOutput:
    if settings.partitions not in {None, 1}:
        raise ValueError(f"partitions of a control log must be 1, got {settings.partitions!r}")
    return msgspec.structs.replace(settings, partitions=1)
