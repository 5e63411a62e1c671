"""The Kafka that the tests use: the one given, else a real broker, else librdkafka's mock."""

import os
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

    def topic(self, name: str, partitions: int = 1, **properties: str) -> str:
        """Create a topic; the mock cluster makes all of them with its own number of partitions."""
        if not self.real:
            producer = self._producer()
            producer.list_topics(name, timeout=DEADLINE_S)
            return name
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        config = {key.replace("_", "."): value for key, value in properties.items()}
        new = NewTopic(name, num_partitions=partitions, replication_factor=1, config=config)
        admin.create_topics([new], operation_timeout=DEADLINE_S)[name].result()
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
        """Write values in a transaction, whose marker takes an offset of its own."""
        producer = Producer(
            {"bootstrap.servers": self.bootstrap, "transactional.id": f"test.{topic}"}
        )
        producer.init_transactions(DEADLINE_S)
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value=value, partition=0)
        producer.commit_transaction(DEADLINE_S)

    def delete_before(self, topic: str, offset: int) -> None:
        """Delete records as retention would."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        asked = TopicPartition(topic, 0, offset)
        admin.delete_records([asked])[asked].result()

    def read(self, topic: str, count: int, partition: int = 0) -> list[Message]:
        """Return the first `count` messages of a partition, by a plain consumer."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "test"})
        try:
            consumer.assign([TopicPartition(topic, partition, 0)])
            found = consumer.consume(count, DEADLINE_S)
        finally:
            consumer.close()
        assert all(message.error() is None for message in found)
        return found

    def _producer(self) -> Producer:
        return Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0})


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Yield a Kafka and end it afterwards, if it was started here."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield Cluster(given, True, f"the one at {given} (KAFKA_BOOTSTRAP_SERVERS)")
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
