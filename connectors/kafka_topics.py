"""Which topics a source reads: its names and patterns, held against what the brokers have."""

from collections.abc import Collection
from typing import NamedTuple

from confluent_kafka import Consumer

from connectors.kafka_client import (
    Contact,
    KafkaUnavailableError,
    asking,
    find_partitions,
)
from connectors.kafka_settings import KafkaSource, Topic


class Found(NamedTuple):
    """A topic that is there."""

    topic: Topic  # its full name, format and encoding
    partitions: tuple[int, ...]


def find_topics(
    settings: KafkaSource, contact: Contact, consumer: Consumer, ours: Collection[str] = ()
) -> list[Found]:
    """Return the topics to read, sorted by name. An entry that is a name beats any pattern.

    Patterns do not match `ours`: topics that we write to.

    Raises: KafkaUnavailableError within `connect_timeout_s` if no broker answers, a topic does not
    exist, or a pattern matches none.
    """
    entries = settings.entries()
    chosen = {entry.name: entry for entry in entries if not entry.is_pattern}
    patterns = [entry for entry in entries if entry.is_pattern]
    if patterns:
        with asking(settings, contact, f"kafka:{patterns[0].name}: list of topics"):
            try:
                there = sorted(consumer.list_topics(timeout=settings.connect_timeout_s).topics)
            finally:
                consumer.poll(0)  # lets `contact` hear why
        for pattern in patterns:
            matching = [name for name in there if pattern.matches(name) and name not in ours]
            if not matching:
                raise KafkaUnavailableError(
                    f"kafka:{pattern.name}: no topic at {settings.brokers} matches; brokers show "
                    "a client only the topics that it may describe"
                )
            for name in matching:
                chosen.setdefault(name, Topic(name, pattern.format, pattern.encoding))
    found: list[Found] = []
    for name in sorted(chosen):
        partitions = find_partitions(settings, contact, consumer, name)
        if partitions is None:
            raise KafkaUnavailableError(f"kafka:{name}: no such topic at {settings.brokers}")
        found.append(Found(chosen[name], tuple(partitions)))
    return found
