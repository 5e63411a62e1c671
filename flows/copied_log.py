"""The log of incident events, copied out of a topic into a store of notification's own.

A store keeps an event once by incident and revision, so what a flow repeats after a crash is not
told again, and what was read again after ours changes nothing.
"""

import msgspec

from config.app import App
from connectors.incident_store import IncidentStorePart
from connectors.incident_topic import IncidentTopic
from connectors.kafka_settings import KafkaOutput
from connectors.outbox import Outbox

PLACE = "topic"  # in what notification remembers


class _Place(msgspec.Struct):
    topic: str
    offsets: dict[int, int]


def topic_of(app: App) -> KafkaOutput:
    """Return the topic that the settings' flow writes incidents to; ValueError if there is none."""
    found = next((sink for sink in app.sinks if isinstance(sink, KafkaOutput)), None)
    if found is None:
        raise ValueError(
            "sinks must have a topic (type: kafka) where notify.log is topic, got none"
        )
    return found


class CopiedLog:
    """Copies what comes; goes on where it stood."""

    def __init__(self, settings: KafkaOutput, store: IncidentStorePart, outbox: Outbox) -> None:
        self._topic_name = settings.topic
        self._store = store
        self._outbox = outbox
        kept = outbox.state().get(PLACE)
        place = msgspec.json.decode(kept, type=_Place) if kept else _Place("", {})
        offsets = place.offsets if place.topic == settings.topic else {}
        self._topic = IncidentTopic(settings, offsets)

    def step(self) -> bool:
        """Copy what has come; return whether it is all there is, as far as brokers answer."""
        while True:
            before = self._topic.offsets()
            found, answered = self._topic.read()
            offsets = self._topic.offsets()
            if offsets == before:
                return answered
            self._store.write_batch(found)
            place = msgspec.json.encode(_Place(self._topic_name, offsets)).decode()
            self._outbox.decide({PLACE: place}, [])

    def close(self) -> None:
        """Close the topic."""
        self._topic.close()
