"""An inventory in a compacted topic, read to its end once, at the start.

A record's key is the name or the key of a resource, its value an entry as JSON, which may leave out
`match`: then the key says it. A record without a value deletes the entry of its key.
"""

import logging
import time
from collections.abc import Iterator

import msgspec
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from connectors.inventory import Attributes, Entry, Inventory, Match
from connectors.kafka_client import (
    Contact,
    KafkaUnavailableError,
    asking,
    find_partitions,
    make_consumer,
)
from connectors.kafka_settings import KafkaClient, check_topic

logger = logging.getLogger(__name__)

POLL_SIZE, POLL_S = 1_000, 0.05
_KEY_BARS = 4  # in a resource's key: cloud|account|region|service|name


class InventoryTopic(
    KafkaClient, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="kafka"
):
    """The topic and how it is reached."""

    topic: str

    def __post_init__(self) -> None:
        super().__post_init__()
        check_topic("topic", self.topic)


class _Value(msgspec.Struct, forbid_unknown_fields=True):
    attributes: Attributes
    match: Match | None = None


def read_inventory_topic(settings: InventoryTopic) -> Inventory:
    """Read what the topic holds now; bad records are counted by kind, and logged once a kind.

    Entries are ordered by key, whatever the order of partitions.
    Raises: KafkaUnavailableError if no broker answers in time or there is no such topic.
    """
    where = f"kafka:{settings.topic}"
    contact = Contact(where, settings)
    consumer = make_consumer(settings, contact)
    entries: dict[bytes, Entry] = {}
    bad: dict[str, list[str]] = {}
    try:
        partitions = find_partitions(settings, contact, consumer, settings.topic)
        if partitions is None:
            raise KafkaUnavailableError(f"{where}: no such topic at {settings.brokers}")
        for partition in partitions:
            with asking(settings, contact, f"{where}/{partition}: read"):
                for message in _messages(settings, consumer, partition):
                    _take(message, entries, bad)
    finally:
        consumer.close()
    for kind, places in sorted(bad.items()):
        logger.warning(
            "%s: inventory: records ignored: %d, %s; the first is %s",
            where, len(places), kind, places[0],
        )  # fmt: skip
    logger.info("%s: inventory of %d entries", where, len(entries))
    return Inventory(entries[key] for key in sorted(entries))


def _messages(settings: InventoryTopic, consumer: Consumer, partition: int) -> Iterator[Message]:
    wait_s = settings.connect_timeout_s
    where = f"kafka:{settings.topic}/{partition}"
    here = TopicPartition(settings.topic, partition)
    position, last = consumer.get_watermark_offsets(here, wait_s)
    consumer.assign([TopicPartition(settings.topic, partition, position)])
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
                continue
            if error is None:
                yield message
            position = offset if error is not None else offset + 1


def _take(message: Message, entries: dict[bytes, Entry], bad: dict[str, list[str]]) -> None:
    key, value = message.key(), message.value()
    raw = key.encode() if isinstance(key, str) else key or b""
    try:
        name = raw.decode()
        if not name:
            raise ValueError("no key")  # noqa: TRY301 (one of several ways to be bad)
        if value is None:
            entries.pop(raw, None)
        else:
            entries[raw] = _entry(name, value.encode() if isinstance(value, str) else value)
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


def _entry(key: str, value: bytes) -> Entry:
    found = msgspec.json.decode(value, type=_Value)
    match = Match(key=key) if key.count("|") >= _KEY_BARS else Match(resource=key)
    return Entry(found.match or match, found.attributes)
