"""Incident events out of the topic that a flow writes, from where one stands."""

import logging
from collections.abc import Mapping

from connectors.incident_wire import decode_transition
from connectors.kafka_client import Contact, KafkaUnavailableError, find_partitions, make_consumer
from connectors.kafka_control_log import KafkaTail
from connectors.kafka_settings import KafkaOutput
from schema import Transition

_log = logging.getLogger(__name__)

BATCH = 500  # events of a partition at once


class IncidentTopic:
    """The partitions of the topic, each at an offset; those that are not named, at the first kept.

    An event may come again, by the crash of a flow: whoever reads drops what it has by incident and
    revision. A record that is no event is logged and skipped.
    Raises: KafkaUnavailableError if no broker answers, or there is no such topic.
    """

    def __init__(self, settings: KafkaOutput, offsets: Mapping[int, int]) -> None:
        self._settings = settings
        contact = Contact(f"kafka:{settings.topic}", settings)
        consumer = make_consumer(settings, contact)
        try:
            partitions = find_partitions(settings, contact, consumer, settings.topic)
        finally:
            consumer.close()
        if partitions is None:
            raise KafkaUnavailableError(
                f"kafka:{settings.topic}: no such topic at {settings.brokers}"
            )
        self._tails = {each: self._tail(each, offsets.get(each)) for each in partitions}

    def read(self) -> tuple[list[Transition], bool]:
        """Return what came next, and whether all partitions answered."""
        found: list[Transition] = []
        answered = True
        for partition, tail in self._tails.items():
            try:
                events = tail.read(BATCH)
            except KafkaUnavailableError as ex:  # retention was faster than we
                _log.warning("%s: going on at the first event that is kept", ex)
                tail.close()
                self._tails[partition] = self._tail(partition, None)
                answered = False
                continue
            answered = answered and events is not None
            found += [each for each in events or () if each is not None]
        return found, answered

    def offsets(self) -> dict[int, int]:
        """Return where each partition stands."""
        return {partition: tail.position for partition, tail in self._tails.items()}

    def close(self) -> None:
        """Close the consumers."""
        for tail in self._tails.values():
            tail.close()

    def _tail(self, partition: int, offset: int | None) -> KafkaTail[Transition | None]:
        return KafkaTail(self._settings, self._settings.topic, offset, _heard, partition)


def _heard(value: bytes, where: str) -> Transition | None:
    try:
        return decode_transition(value)
    except (ValueError, RecursionError) as ex:
        _log.warning("%s: is no incident event, and skipped: %s", where, ex)
        return None
