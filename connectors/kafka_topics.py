"""Which topics a source reads, at the start and later: what it names, and what the brokers have."""

import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException

from connectors.kafka_client import (
    VANISHED,
    Contact,
    KafkaChangedError,
    KafkaUnavailableError,
    find_partitions,
    list_topics,
)
from connectors.kafka_settings import KafkaSource, Topic

LOOK_WITHIN_S = 1.0
CONFIRM_S = 2.0  # a broker that has just come back may not know all topics yet


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
        there = sorted(list_topics(settings, contact, consumer))
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


class TopicWatch:
    """Whether a topic is still what it was when the run started; its readers call `look`.

    The reader of the topic's first partition asks every `check_partitions_s`; the others only when
    the brokers have said that the topic is gone. The first topic of a source looks for new ones.
    """

    def __init__(
        self,
        settings: KafkaSource,
        found: Found,
        read: Collection[str],
        ours: Collection[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topic = found.topic.name
        self._count = len(found.partitions)
        self._asks = min(found.partitions)
        first = self._topic == min(read)
        patterns = [entry for entry in settings.entries() if entry.is_pattern]
        self._patterns = patterns if first else []
        self._known = frozenset((*read, *ours))
        self._every_s = settings.check_partitions_s
        self._bounded = settings.end != "never"  # what is new does not belong to the range
        self._monotonic = monotonic
        self._due_s = monotonic() + self._every_s
        self._doubt_s: float | None = None  # since when the topic has seemed to be gone

    def look(self, partition: int, consumer: Consumer, contact: Contact) -> None:
        """Ask the brokers if it is time to.

        Raises: KafkaChangedError if the topic is gone, has other partitions, or there is a new one.
        """
        now_s = self._monotonic()
        if contact.vanished:
            contact.vanished = False
            if self._doubt_s is None:
                self._doubt_s = self._due_s = now_s
        if now_s < self._due_s or contact.lost:
            return
        if self._doubt_s is None and (partition != self._asks or self._bounded):
            return
        self._due_s = now_s + (self._every_s if self._doubt_s is None else CONFIRM_S)
        try:
            there = self._there(consumer)
        except KafkaException:
            return  # of an outage others tell
        if self._topic in there:
            self._doubt_s = None
            self._due_s = now_s + self._every_s
            self._compare(there)
        elif self._doubt_s is None:
            self._doubt_s, self._due_s = now_s, now_s + CONFIRM_S
        elif now_s - self._doubt_s >= CONFIRM_S:
            raise KafkaChangedError(
                f"kafka:{self._topic}: the topic was deleted, or may no longer be described"
            )

    def _there(self, consumer: Consumer) -> dict[str, int]:
        """Return the topics that are there, and how many partitions each has."""
        if self._patterns:
            found = consumer.list_topics(timeout=LOOK_WITHIN_S).topics
        else:
            found = consumer.list_topics(self._topic, timeout=LOOK_WITHIN_S).topics
        return {
            name: len(topic.partitions)
            for name, topic in found.items()
            if topic.error is None or topic.error.code() not in VANISHED
        }

    def _compare(self, there: dict[str, int]) -> None:
        if self._bounded:
            return
        count = there[self._topic]
        if count not in {0, self._count}:  # 0: an error hides them
            raise KafkaChangedError(
                f"kafka:{self._topic} has {count} partitions now, {self._count} when this run "
                "started: start again to read all of them"
            )
        for pattern in self._patterns:
            new = sorted(name for name in there if pattern.matches(name))
            new = [name for name in new if name not in self._known]
            if new:
                raise KafkaChangedError(
                    f"kafka:{new[0]} matches {pattern.name!r} and has come since this run "
                    "started: start again to read it too"
                )
