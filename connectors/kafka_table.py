"""A compacted topic as a table: what each key holds now, read to its end once."""

import logging
from collections.abc import Callable
from typing import TypeVar

import msgspec
from confluent_kafka import Message

from connectors.kafka_client import (
    Contact,
    KafkaUnavailableError,
    asking,
    find_partitions,
    make_consumer,
)
from connectors.kafka_settings import KafkaClient
from connectors.kafka_to_end import read_to_end

logger = logging.getLogger(__name__)

X = TypeVar("X")


def read_table(
    settings: KafkaClient, topic: str, what: str, parse: Callable[[str, bytes], X]
) -> list[X]:
    """Return what the keys hold, ordered by key, whatever the order of partitions.

    `parse` makes an entry of a key and a value, or raises ValueError. A record without a value
    deletes its key's entry, and so does a bad one; bad ones are counted, and logged once a kind.
    Raises: KafkaUnavailableError if no broker answers in time or there is no such topic.
    """
    where = f"kafka:{topic}"
    contact = Contact(where, settings)
    consumer = make_consumer(settings, contact)
    entries: dict[bytes, X] = {}
    bad: dict[str, list[str]] = {}
    try:
        partitions = find_partitions(settings, contact, consumer, topic)
        if partitions is None:
            raise KafkaUnavailableError(f"{where}: no such topic at {settings.brokers}")
        for partition in partitions:
            with asking(settings, contact, f"{where}/{partition}: read"):
                for message in read_to_end(settings, consumer, topic, partition):
                    _take(message, parse, entries, bad)
    finally:
        consumer.close()
    for kind, places in sorted(bad.items()):
        logger.warning(
            "%s: %s: records ignored: %d, %s; the first is %s",
            where, what, len(places), kind, places[0],
        )  # fmt: skip
    logger.info("%s: %s of %d entries", where, what, len(entries))
    return [entries[key] for key in sorted(entries)]


def _take(
    message: Message,
    parse: Callable[[str, bytes], X],
    entries: dict[bytes, X],
    bad: dict[str, list[str]],
) -> None:
    key, value = message.key(), message.value()
    raw = key.encode() if isinstance(key, str) else key or b""
    try:
        name = raw.decode()
        if not name:
            raise ValueError("no key")  # noqa: TRY301 (one of several ways to be bad)
        if value is None:
            entries.pop(raw, None)
        else:
            entries[raw] = parse(name, value.encode() if isinstance(value, str) else value)
    except (ValueError, RecursionError) as ex:
        entries.pop(raw, None)  # what the key said before is no longer said
        place = f"{message.partition()}@{message.offset()}"
        bad.setdefault(_kind(ex), []).append(f"{place}: {ex}")


def _kind(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return "not an entry"
    if isinstance(error, msgspec.DecodeError | RecursionError):
        return "not JSON"
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
