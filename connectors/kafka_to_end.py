"""Read a partition of a topic to where it ends now."""

import time
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from connectors.kafka_client import (
    Contact,
    KafkaUnavailableError,
    asking,
    find_partitions,
    make_consumer,
)
from connectors.kafka_settings import KafkaClient

POLL_SIZE, POLL_S = 1_000, 0.05


def read_topic(settings: KafkaClient, topic: str) -> list[tuple[str, bytes]]:
    """Return where each record of a topic is, and its value; the topic is only looked at.

    Raises: KafkaUnavailableError if it cannot be read, or there is none.
    """
    name = f"kafka:{topic}"
    contact = Contact(name, settings)
    consumer = make_consumer(settings, contact)
    try:
        partitions = find_partitions(settings, contact, consumer, topic)
        if partitions is None:
            raise KafkaUnavailableError(f"{name}: no such topic at {settings.brokers}")
        with asking(settings, contact, f"{name}: read"):
            return [
                (f"{name}@{message.offset()}", message.value() or b"")
                for partition in partitions
                for message in read_to_end(settings, consumer, topic, partition)
            ]
    finally:
        consumer.close()


def read_to_end(
    settings: KafkaClient,
    consumer: Consumer,
    topic: str,
    partition: int,
    start: int | None = None,
    end: int | None = None,
) -> Iterator[Message]:
    """Yield the messages from offset `start` (None: the first kept) to the partition's end.

    Or to before offset `end`, if that comes first.

    The consumer is assigned to that partition alone.
    Raises: KafkaUnavailableError where nothing comes for `connect_timeout_s`.
    """
    wait_s = settings.connect_timeout_s
    where = f"kafka:{topic}/{partition}"
    first, last = consumer.get_watermark_offsets(TopicPartition(topic, partition), wait_s)
    last = last if end is None else min(last, end)
    position = first if start is None else start
    consumer.assign([TopicPartition(topic, partition, position)])
    deadline = time.monotonic() + wait_s
    while position < last:
        messages = consumer.consume(POLL_SIZE, POLL_S)
        if messages:
            deadline = time.monotonic() + wait_s
        elif time.monotonic() > deadline:
            raise KafkaUnavailableError(f"{where}: stands at {position} of {last}")
        for message in messages:
            error, offset = message.error(), message.offset()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaUnavailableError(f"{where}: {error.str()}")
            if offset is None or message.partition() != partition:
                continue  # the last assignment's
            if error is None and offset < last:
                yield message
            position = offset if error is not None else offset + 1
