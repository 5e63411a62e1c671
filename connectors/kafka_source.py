"""Topics as origins: which there are, and what is read of them."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from connectors.kafka_client import Contact, make_consumer
from connectors.kafka_meters import KafkaMeters
from connectors.kafka_reader import KafkaReader
from connectors.kafka_settings import KafkaSource
from connectors.kafka_topics import Found, TopicWatch, find_topics


def kafka_origins(
    settings: KafkaSource,
    clock: Callable[[], datetime],
    *,
    ours: Collection[str] = (),
    meters: KafkaMeters | None = None,
) -> list["KafkaOrigin"]:
    """Return an origin for each topic that is there, sorted by name; see `find_topics`.

    Raises: KafkaUnavailableError within `connect_timeout_s` if no broker answers or a topic does
    not exist; ValueError if librdkafka refuses the properties.
    """
    contact = Contact(f"kafka:{','.join(e.name for e in settings.entries())}", settings)
    consumer = make_consumer(settings, contact)
    try:
        found = find_topics(settings, contact, consumer, ours)
    finally:
        consumer.close()
    names = frozenset(each.topic.name for each in found)
    report = None if meters is None else meters.up(names)
    return [
        KafkaOrigin(settings, each, clock, TopicWatch(settings, each, names, ours), meters, report)
        for each in found
    ]


class KafkaOrigin:
    """One topic."""

    def __init__(
        self,
        settings: KafkaSource,
        found: Found,
        clock: Callable[[], datetime],
        watch: TopicWatch,
        meters: KafkaMeters | None = None,
        report: Callable[[bool], None] | None = None,
    ) -> None:
        self.name = f"kafka:{found.topic.name}"
        self.format = found.topic.format
        self.encoding = found.topic.encoding
        self._settings = settings
        self._topic = found.topic.name
        self._partitions: Sequence[int] = found.partitions
        self._clock = clock
        self._watch = watch
        self._meters = meters
        self._report = report

    def partitions(self) -> list[str]:
        """Return the partitions' numbers, as they were when the origin was made."""
        return sorted(str(partition) for partition in self._partitions)

    def open(self, partition: str, position: int | None) -> KafkaReader:
        """Open a partition at an offset, else at the configured start.

        With `end: now` the end is the one found here, also on resume.
        """
        meter = None if self._meters is None else self._meters.reader(self._topic, partition)
        contact = Contact(f"{self.name}/{partition}", self._settings, self._report)
        consumer = make_consumer(self._settings, contact)
        try:
            return KafkaReader(
                self._settings,
                self._topic,
                int(partition),
                position,
                consumer,
                contact,
                self._clock,
                self._watch,
                meter,
            )
        except BaseException:
            consumer.close()
            raise
