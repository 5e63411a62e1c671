"""The Kafka that the tests use: the one given, else a real broker, else librdkafka's mock."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.kafka.broker import Broker, BrokerError

DEADLINE_S = 15.0


@dataclass(frozen=True)
class Cluster:
    """Where Kafka is, and what it is."""

    bootstrap: str
    real: bool
    said: str  # one line: which Kafka, and why
    prefix: str = ""  # of topics, where they are not the only ones

    def name(self, name: str) -> str:
        """Return the full name of a topic, whether or not it exists."""
        return self.prefix + name

    def topic(self, name: str, partitions: int = 1, **properties: str) -> str:
        """Create a topic; the mock cluster makes all of them with its own number of partitions."""
        name = self.name(name)
        if not self.real:
            producer = self._producer()
            producer.list_topics(name, timeout=DEADLINE_S)
            return name
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        config = {key.replace("_", "."): value for key, value in properties.items()}
        new = NewTopic(name, num_partitions=partitions, replication_factor=1, config=config)
        admin.create_topics([new], operation_timeout=DEADLINE_S)[name].result()
        deadline = time.monotonic() + DEADLINE_S
        while admin.list_topics(name, timeout=DEADLINE_S).topics[name].error is not None:
            assert time.monotonic() < deadline, f"{name} was created and did not appear"
        return name

    def produce(
        self, topic: str, *values: bytes | None, partition: int = 0, stamps_ms: tuple[int, ...] = ()
    ) -> None:
        """Write values to one partition, with the time stamps given."""
        producer = self._producer()
        for number, value in enumerate(values):
            stamp_ms = stamps_ms[number] if stamps_ms else 0  # 0: now
            producer.produce(topic, value=value, partition=partition, timestamp=stamp_ms)
        assert producer.flush(DEADLINE_S) == 0

    def produce_in_transaction(self, topic: str, *values: bytes) -> None:
        """Write values to a new topic in a transaction, whose marker takes an offset of its own."""
        producer = Producer(
            {"bootstrap.servers": self.bootstrap, "transactional.id": f"test.{topic}"}
        )
        producer.init_transactions(DEADLINE_S)
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value=value, partition=0)
        producer.commit_transaction(DEADLINE_S)
        reader = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "test"})
        place, deadline = TopicPartition(topic, 0), time.monotonic() + DEADLINE_S
        while reader.get_watermark_offsets(place, DEADLINE_S) != (0, len(values) + 1):
            assert time.monotonic() < deadline, "the marker was not written"
        reader.close()

    def delete_before(self, topic: str, offset: int) -> None:
        """Delete records as retention would."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        asked = TopicPartition(topic, 0, offset)
        admin.delete_records([asked])[asked].result()

    def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has."""
        found = self._producer().list_topics(topic, timeout=DEADLINE_S).topics[topic]
        assert found.error is None
        return len(found.partitions)

    def read_all(self, topic: str) -> list[Message]:
        """Return what a topic holds, partition by partition, by a plain consumer."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "test"})
        messages: list[Message] = []
        try:
            for partition in range(self.partitions(topic)):
                place = TopicPartition(topic, partition, 0)
                _, last = consumer.get_watermark_offsets(place, DEADLINE_S)
                consumer.assign([place])
                found = consumer.consume(last, DEADLINE_S) if last else []
                assert len(found) == last
                messages += found
        finally:
            consumer.close()
        assert all(message.error() is None for message in messages)
        return messages

    def clear(self) -> None:
        """Delete the topics that have our prefix."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        ours = [
            t for t in admin.list_topics(timeout=DEADLINE_S).topics if t.startswith(self.prefix)
        ]
        for deleted in admin.delete_topics(ours).values() if ours and self.prefix else ():
            deleted.result()

    def _producer(self) -> Producer:
        return Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0})


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Yield a Kafka and end it afterwards, if it was started here."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        prefix = f"test.{os.getpid()}.{time.monotonic_ns()}."
        found = Cluster(given, True, f"the one at {given} (KAFKA_BOOTSTRAP_SERVERS)", prefix)
        try:
            yield found
        finally:
            found.clear()
        return
    broker = Broker()
    try:
        broker.__enter__()
    except BrokerError as ex:
        with mock() as bootstrap:
            yield Cluster(bootstrap, False, f"librdkafka's mock cluster, because: {ex}")
        return
    try:
        yield Cluster(broker.bootstrap, True, "Apache Kafka from tests/kafka/pom.xml")
    finally:
        broker.stop()


@contextmanager
def mock() -> Iterator[str]:
    """Yield the address of a mock cluster."""
    owner = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 2})
    brokers = owner.list_topics(timeout=DEADLINE_S).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    del owner  # the cluster lives as long as this
