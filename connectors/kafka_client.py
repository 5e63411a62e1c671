"""What every Kafka client of ours needs: its properties, a quiet log, and clear errors."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin._metadata import ClusterMetadata, TopicMetadata

from connectors.kafka_reasons import explained, scrubbed
from connectors.kafka_settings import KafkaClient, Property

logger = logging.getLogger(__name__)

REFUSAL = frozenset((KafkaError._AUTHENTICATION, KafkaError._SSL))
# one broker of several may go and come; these mean that nothing can be reached at all
OUTAGE = frozenset((KafkaError._ALL_BROKERS_DOWN, *REFUSAL))
SILENCE = frozenset((KafkaError._TRANSPORT, KafkaError._TIMED_OUT))
UNANSWERED = SILENCE | OUTAGE
REFUSED_WAIT_S = 2.0  # how long the other brokers have, if one refuses us
ASK_S = 0.5  # the first request; the next ones wait longer
YOUNG = frozenset(  # what brokers say of a topic that has just been created
    (None, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.LEADER_NOT_AVAILABLE)
)
VANISHED = frozenset(  # what they, or librdkafka, say of one that has been deleted
    (
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_TOPIC_ID,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    )
)
RETRY_S = 0.05
CLOSED = "the connection was closed"  # librdkafka gives no reason for that
CRITICAL = 2  # syslog level; what librdkafka would log beneath it reaches us as errors

Config = dict[str, Property]


class KafkaUnavailableError(RuntimeError):
    """Kafka does not answer, or not as it must; the message is one line for a person."""


class KafkaChangedError(RuntimeError):
    """Topics are no longer those that the run started with; it must start again, or end."""


class Contact:
    """Whether brokers answer a client. Logs that they stopped, and that they are back, once each.

    librdkafka itself would say so hundreds of times. Nothing is logged before the first answer:
    whoever asks in vain raises. `report` is told of every change.
    """

    def __init__(
        self, name: str, settings: KafkaClient, report: Callable[[bool], None] | None = None
    ) -> None:
        self._name = name
        self._settings = settings
        self._report = report
        self._lock = threading.Lock()
        self._met = False
        self.lost = False
        self.refused = False  # a broker answered, and will not have us
        self.vanished = False  # a topic or partition is said to be gone
        self.reason = ""  # the last that went wrong, in librdkafka's words

    def error(self, error: KafkaError) -> None:
        """Take an error that belongs to no message."""
        code = error.code()
        with self._lock:
            self.vanished = self.vanished or code in VANISHED
            self.refused = self.refused or code in REFUSAL
            if code != KafkaError._ALL_BROKERS_DOWN:
                self.reason = error.str()
            if code not in OUTAGE or self.lost:
                return
            self.lost = True
        if self._met:
            said = self.reason or CLOSED
            said = (explained if self.refused else scrubbed)(said, self._settings)
            logger.warning("%s: no Kafka broker answers: %s; waiting for one", self._name, said)
        if self._report is not None:
            self._report(False)

    def answered(self) -> None:
        """Take a sign of life."""
        if self._met and not self.lost:
            return
        with self._lock:
            said, self._met = self.lost and self._met, True
            self.lost = self.refused = False
            self.reason = ""
        if said:
            logger.info("%s: Kafka answers again", self._name)
        if self._report is not None:
            self._report(True)


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


def list_topics(
    settings: KafkaClient, contact: Contact, consumer: Consumer, topic: str | None = None
) -> dict[str, TopicMetadata]:
    """Return what the brokers tell of one topic, or of all that they show us.

    Raises: KafkaUnavailableError if none answers within `connect_timeout_s`.
    """
    what = "kafka: list of topics" if topic is None else f"kafka:{topic}: list of partitions"
    only = {} if topic is None else {"topic": topic}
    began = time.monotonic()
    limit_s = settings.connect_timeout_s
    with asking(settings, contact, what):
        while True:
            elapsed_s = time.monotonic() - began
            wait_s = max(0.0, min(max(ASK_S, elapsed_s), limit_s - elapsed_s))
            try:
                found: ClusterMetadata = consumer.list_topics(**only, timeout=wait_s)
            except KafkaException as ex:
                consumer.poll(0)  # lets `contact` hear why
                if contact.refused:
                    limit_s = min(limit_s, REFUSED_WAIT_S)
                over = time.monotonic() - began + RETRY_S >= limit_s
                if over or ex.args[0].code() not in SILENCE:
                    raise
            else:
                return found.topics
            time.sleep(RETRY_S)


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
        found = list_topics(settings, contact, consumer, topic)[topic]
        code = None if found.error is None else found.error.code()
        led = all(p.leader >= 0 for p in found.partitions.values())
        if code is None and found.partitions and led:
            return sorted(found.partitions)
        if code == KafkaError.UNKNOWN_TOPIC_OR_PART and not new:
            return None
        if code not in YOUNG or time.monotonic() > deadline:
            reason = "it has no leader" if found.error is None else found.error.str()
            raise KafkaUnavailableError(
                f"kafka:{topic} at {settings.brokers}: {explained(reason, settings)}"
            )
        time.sleep(RETRY_S)


@contextmanager
def _configured(settings: KafkaClient) -> Iterator[None]:
    try:
        yield
    except KafkaException as ex:
        raise ValueError(f"properties: {scrubbed(ex.args[0].str(), settings)}") from None


@contextmanager
def asking(settings: KafkaClient, contact: Contact, what: str) -> Iterator[None]:
    """Turn the failure of a request into one line: what, at which brokers, why, what to check."""
    try:
        yield
    except KafkaException as ex:
        error = ex.args[0]
        where = f"{what}: no Kafka broker at {settings.brokers}"
        if error.code() not in UNANSWERED:
            said = f"{what}: {explained(error.str(), settings)}"
        elif contact.refused:
            said = f"{where} lets us in: {explained(contact.reason, settings)}"
        else:
            reason = explained(contact.reason or CLOSED, settings)
            said = f"{where} answered within {settings.connect_timeout_s:g} s: {reason}"
        raise KafkaUnavailableError(said) from None
