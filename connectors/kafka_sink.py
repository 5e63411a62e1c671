"""Incidents, rejects and late samples, written to topics.

A Bytewax sink repeats itself after a crash: readers drop what they have by the `id` header of an
incident, and by partition and position of a reject or a late sample.
"""

import time
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import msgspec
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from connectors.kafka_client import (
    Contact,
    KafkaUnavailableError,
    client_config,
    find_partitions,
    make_consumer,
    make_producer,
)
from connectors.kafka_settings import KafkaOutput
from schema import LateSample, Reject, Transition

FLUSH_MARGIN_S = 5.0  # librdkafka reports a message that timed out a little after its time

X = TypeVar("X")


class Outgoing(NamedTuple):
    """A Kafka record."""

    key: bytes | None
    value: bytes
    headers: list[tuple[str, str | bytes | None]]
    partition: int = -1  # -1: by the key, else any


def ensure_topic(settings: KafkaOutput, config: dict[str, str] | None = None) -> int:
    """Create the topic if it is missing, with `config` as its own properties.

    Returns the number of its partitions.

    Raises: KafkaUnavailableError within `connect_timeout_s` if no broker answers or it refuses.
    """
    topic = settings.topic
    contact = Contact(f"kafka:{topic}", settings)
    consumer = make_consumer(settings, contact)  # it creates no topic by asking
    try:
        found = find_partitions(settings, contact, consumer, topic)
        if found is None:
            _create(settings, config or {})
            found = find_partitions(settings, contact, consumer, topic, new=True) or []
        return len(found)
    finally:
        consumer.close()


def _create(settings: KafkaOutput, config: dict[str, str]) -> None:
    topic = settings.topic
    new = NewTopic(
        topic,
        num_partitions=-1 if settings.partitions is None else settings.partitions,
        replication_factor=-1 if settings.replication is None else settings.replication,
        config=config,
    )
    admin = AdminClient(client_config(settings))
    wait_s = settings.connect_timeout_s
    created = admin.create_topics([new], operation_timeout=wait_s, request_timeout=wait_s)[topic]
    try:
        created.result()
    except KafkaException as ex:
        refused = ex.args[0]
        if refused.code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process was faster
            raise KafkaUnavailableError(
                f"kafka:{topic}: the topic is missing and cannot be created: {refused.str()}"
            ) from None


class Outlet:
    """A producer for one topic that has either delivered everything or raised."""

    def __init__(self, settings: KafkaOutput) -> None:
        self._settings = settings
        self._contact = Contact(f"kafka:{settings.topic}", settings)
        self._producer = make_producer(settings, self._contact, settings.delivery_timeout_s)
        self._failed: list[str] = []

    def write(self, records: list[Outgoing]) -> None:
        """Send records and wait until the brokers have them.

        Raises: KafkaUnavailableError when librdkafka gives up on one, after its own retries.
        """
        topic, limit_s = self._settings.topic, self._settings.delivery_timeout_s + FLUSH_MARGIN_S
        deadline = time.monotonic() + limit_s
        for record in records:
            self._produce(record, deadline)
        left = self._producer.flush(max(0.0, deadline - time.monotonic()))
        failed, self._failed = self._failed, []
        if left or failed:
            reason = failed[0] if failed else self._contact.reason or "no answer"
            raise KafkaUnavailableError(
                f"kafka:{topic}: {left + len(failed)} of {len(records)} records not delivered "
                f"within {self._settings.delivery_timeout_s:g} s: {reason}"
            )
        self._contact.answered()

    def _produce(self, record: Outgoing, deadline: float) -> None:
        while True:
            try:
                self._producer.produce(
                    self._settings.topic,
                    value=record.value,
                    key=record.key,
                    headers=record.headers,
                    partition=record.partition,
                    on_delivery=self._delivered,
                )
            except BufferError:  # the queue is full: wait for deliveries
                if time.monotonic() > deadline:
                    raise
                self._producer.poll(0.1)
            except KafkaException as ex:
                raise KafkaUnavailableError(
                    f"kafka:{self._settings.topic}: a record of {len(record.value)} bytes was "
                    f"refused: {ex.args[0].str()}"
                ) from None
            else:
                return

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed.append(error.str())


class _OutletPartition(StatelessSinkPartition[X]):
    def __init__(self, outlet: Outlet, describe: Callable[[X], Outgoing]) -> None:
        self._outlet = outlet
        self._describe = describe

    def write_batch(self, items: list[X]) -> None:
        self._outlet.write([self._describe(item) for item in items])


class KafkaSink(DynamicSink[X], Generic[X]):
    """Writes each item as one record; every batch is flushed before the flow goes on."""

    def __init__(self, settings: KafkaOutput, describe: Callable[[X], Outgoing]) -> None:
        ensure_topic(settings)
        self._settings = settings
        self._describe = describe

    def build(
        self, step_id: str, worker_index: int, worker_count: int
    ) -> StatelessSinkPartition[X]:
        """Return a worker's own producer."""
        return _OutletPartition(Outlet(self._settings), self._describe)


class KafkaIncidentSink(KafkaSink[Transition]):
    """Transitions, keyed by incident, so that those of one stay in order."""

    def __init__(self, settings: KafkaOutput, encode: Callable[[Transition], bytes]) -> None:
        def describe(transition: Transition) -> Outgoing:
            incident = transition.incident
            headers: list[tuple[str, str | bytes | None]] = [
                ("id", transition.id),
                ("revision", str(incident.revision)),
            ]
            return Outgoing(incident.id.encode(), encode(transition), headers)

        super().__init__(settings, describe)


class KafkaDeadLetterSink(KafkaSink[Reject]):
    """Rejects: the raw bytes, and in the headers why and from where.

    Raw bytes beyond `max_payload_bytes` are cut off; the header `raw_bytes` has their number.
    """

    def __init__(self, settings: KafkaOutput) -> None:
        def describe(reject: Reject) -> Outgoing:
            headers: list[tuple[str, str | bytes | None]] = [
                ("reason", reject.reason),
                ("detail", reject.detail),
                ("source", reject.source),
                ("partition", reject.partition),
                ("position", str(reject.position)),
                ("raw_bytes", str(len(reject.raw))),
                ("points", str(reject.points)),
            ]
            return Outgoing(None, reject.raw[: settings.max_payload_bytes], headers)

        super().__init__(settings, describe)


class KafkaLateSink(KafkaSink[LateSample]):
    """Late samples, as JSON."""

    def __init__(self, settings: KafkaOutput) -> None:
        encoder = msgspec.json.Encoder()

        def describe(late: LateSample) -> Outgoing:
            return Outgoing(late.series.resource.key.encode(), encoder.encode(late), [])

        super().__init__(settings, describe)
