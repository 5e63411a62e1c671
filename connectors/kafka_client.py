"""What every Kafka client of ours needs: its properties, a quiet log, and clear errors."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from connectors.kafka_settings import SECRET, KafkaClient, Property

logger = logging.getLogger(__name__)

# one broker of several may go and come; these mean that nothing can be reached at all
OUTAGE = frozenset((KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION, KafkaError._SSL))
UNANSWERED = frozenset((KafkaError._TRANSPORT, KafkaError._TIMED_OUT, *OUTAGE))
YOUNG = frozenset(  # what brokers say of a topic that has just been created
    (None, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.LEADER_NOT_AVAILABLE)
)
YOUNG_WAIT_S = 0.05
CRITICAL = 2  # syslog level; what librdkafka would log beneath it reaches us as errors

Config = dict[str, Property]


class KafkaUnavailableError(RuntimeError):
    """Kafka does not answer, or not as it must; the message is one line for a person."""


class Contact:
    """Whether brokers answer a client. Logs that they stopped, and that they are back, once each.

    librdkafka itself would say so hundreds of times.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self.lost = False
        self.reason = ""  # the last that went wrong, in librdkafka's words

    def error(self, error: KafkaError) -> None:
        """Take an error that belongs to no message."""
        with self._lock:
            if error.code() != KafkaError._ALL_BROKERS_DOWN or not self.reason:
                self.reason = error.str()
            if error.code() not in OUTAGE or self.lost:
                return
            self.lost = True
        logger.warning("%s: no Kafka broker answers: %s", self._name, self.reason)

    def answered(self) -> None:
        """Take a sign of life."""
        if self.lost:
            with self._lock:
                self.lost = False
                self.reason = ""
            logger.info("%s: Kafka answers again", self._name)


def client_config(settings: KafkaClient) -> Config:
    """Return the properties that producers, consumers and admin clients share."""
    return {
        "log_level": CRITICAL,
        "log.connection.close": False,
        **settings.properties,
        "bootstrap.servers": settings.brokers,
        "client.id": settings.client_id,
    }


def make_consumer(settings: KafkaClient, contact: Contact) -> Consumer:
    """Return a consumer that keeps its own offsets and creates no topics."""
    config: Config = {
        "queued.max.messages.kbytes": 16_384,  # a partition; the default is four times that
        "allow.auto.create.topics": False,
        **client_config(settings),
        "group.id": settings.client_id,  # librdkafka wants one; nothing joins it
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
    }
    with _configured(settings):
        return Consumer({**config, "error_cb": contact.error})


def make_producer(settings: KafkaClient, contact: Contact, timeout_s: float) -> Producer:
    """Return an idempotent producer that gives a message up after `timeout_s`."""
    config: Config = {
        "linger.ms": 5,
        "allow.auto.create.topics": False,
        **client_config(settings),
        "enable.idempotence": True,
        "delivery.timeout.ms": round(timeout_s * 1000),
    }
    with _configured(settings):
        return Producer({**config, "error_cb": contact.error})


def find_partitions(
    settings: KafkaClient, contact: Contact, consumer: Consumer, topic: str, new: bool = False
) -> list[int] | None:
    """Return the numbers of a topic's partitions; None: there is no such topic.

    Brokers learn of a topic, and elect its leaders, a little after it was created: waits for
    leaders, and if the topic is `new` for the topic too, within `connect_timeout_s`.

    Raises: KafkaUnavailableError if no broker answers, or the topic cannot be read.
    """
    deadline = time.monotonic() + settings.connect_timeout_s
    while True:
        with asking(settings, contact, f"kafka:{topic}: list of partitions"):
            try:
                cluster = consumer.list_topics(topic, timeout=settings.connect_timeout_s)
            finally:
                consumer.poll(0)  # lets `contact` hear why
        found = cluster.topics[topic]
        code = None if found.error is None else found.error.code()
        led = all(p.leader >= 0 for p in found.partitions.values())
        if code is None and found.partitions and led:
            return sorted(found.partitions)
        if code == KafkaError.UNKNOWN_TOPIC_OR_PART and not new:
            return None
        if code not in YOUNG or time.monotonic() > deadline:
            reason = "it has no leader" if found.error is None else found.error.str()
            raise KafkaUnavailableError(f"kafka:{topic}: {reason} (brokers {settings.brokers})")
        time.sleep(YOUNG_WAIT_S)


@contextmanager
def _configured(settings: KafkaClient) -> Iterator[None]:
    try:
        yield
    except KafkaException as ex:
        raise ValueError(f"properties: {_scrubbed(ex.args[0].str(), settings)}") from None


@contextmanager
def asking(settings: KafkaClient, contact: Contact, what: str) -> Iterator[None]:
    """Turn the failure of a request into one line: what, at which brokers, why."""
    try:
        yield
    except KafkaException as ex:
        error = ex.args[0]
        reason = _scrubbed(contact.reason or error.str(), settings)
        if error.code() in UNANSWERED:
            raise KafkaUnavailableError(
                f"{what}: no Kafka broker at {settings.brokers} answered within "
                f"{settings.connect_timeout_s:g} s: {reason}"
            ) from None
        raise KafkaUnavailableError(f"{what}: {_scrubbed(error.str(), settings)}") from None


def _scrubbed(text: str, settings: KafkaClient) -> str:
    for name, value in settings.properties.items():
        if SECRET.search(name) and isinstance(value, str) and value:
            text = text.replace(value, "***")
    return text
