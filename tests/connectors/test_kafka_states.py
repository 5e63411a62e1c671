"""What becomes of a reader when its topic or its broker changes while it reads."""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions
from prometheus_client import CollectorRegistry

from connectors.kafka_client import KafkaChangedError
from connectors.kafka_meters import KafkaMeters
from connectors.kafka_reader import KafkaReader
from connectors.kafka_settings import KafkaSource
from connectors.kafka_source import KafkaOrigin, kafka_origins
from tests.kafka.broker import Broker, BrokerError
from tests.kafka.cluster import DEADLINE_S, Cluster

OFTEN, NEVER = 0.2, 86_400.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.kafka_topics.CONFIRM_S", 0.3)


def noon() -> datetime:
    return datetime(2026, 3, 1, 12, tzinfo=UTC)


def origins(
    kafka: Cluster, topic: str, meters: KafkaMeters | None = None, **settings: object
) -> list[KafkaOrigin]:
    fields = {"type": "kafka", "brokers": kafka.bootstrap, "topics": [topic], **settings}
    return kafka_origins(msgspec.convert(fields, KafkaSource), noon, meters=meters)


def read_until(reader: KafkaReader, done: Callable[[], bool]) -> list[bytes]:
    got: list[bytes] = []
    deadline = time.monotonic() + DEADLINE_S
    while not done():
        assert time.monotonic() < deadline, "it did not come to that"
        chunk = reader.read()
        got += [] if chunk is None else chunk.payloads
        assert reader.caught_up in {True, False}
    return got


def changed(reader: KafkaReader, message: str) -> None:
    """Read until it raises, which must come before the deadline."""
    with pytest.raises(KafkaChangedError, match=message):
        read_until(reader, lambda: False)
    reader.close()


def admin(kafka: Cluster) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka.bootstrap})


def delete(kafka: Cluster, topic: str) -> None:
    client = admin(kafka)
    client.delete_topics([topic])[topic].result()


def add_partitions(kafka: Cluster, topic: str, total: int) -> None:
    client = admin(kafka)
    client.create_partitions([NewPartitions(topic, total)])[topic].result()


def test_a_deleted_topic_is_found_by_the_check(real_kafka: Cluster) -> None:
    topic = real_kafka.topic("deleted")
    real_kafka.produce(topic, b"a")
    reader = origins(real_kafka, topic, check_partitions_s=OFTEN)[0].open("0", None)
    reader.read()
    delete(real_kafka, topic)
    changed(reader, "deleted: the topic was deleted, or may no longer be described")


def test_a_deleted_topic_is_found_by_a_reader_that_asks_whether_it_is_idle(
    real_kafka: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.kafka_reader.VERIFY_EVERY_S", 0.1)
    topic = real_kafka.topic("deleted.idle", partitions=2)
    reader = origins(real_kafka, topic, check_partitions_s=NEVER)[0].open("1", None)
    read_until(reader, lambda: reader.caught_up)
    delete(real_kafka, topic)
    changed(reader, "deleted.idle: the topic was deleted")


def test_a_deleted_topic_is_found_when_librdkafka_says_so(real_kafka: Cluster) -> None:
    topic = real_kafka.topic("deleted.silently", partitions=2)
    quick = {"topic.metadata.propagation.max.ms": 200, "topic.metadata.refresh.interval.ms": 200}
    origin = origins(real_kafka, topic, check_partitions_s=NEVER, properties=quick)[0]
    reader = origin.open("1", None)
    reader.read()
    delete(real_kafka, topic)
    changed(reader, "the topic was deleted")


def test_new_partitions_are_said_with_both_numbers(real_kafka: Cluster) -> None:
    topic = real_kafka.topic("grown", partitions=2)
    reader = origins(real_kafka, topic, check_partitions_s=OFTEN)[0].open("0", None)
    add_partitions(real_kafka, topic, 3)
    changed(
        reader,
        "grown has 3 partitions now, 2 when this run started: start again to read all of them",
    )


def test_one_reader_a_topic_looks_for_new_partitions(real_kafka: Cluster) -> None:
    topic = real_kafka.topic("grown.quietly", partitions=2)
    origin = origins(real_kafka, topic, check_partitions_s=OFTEN)[0]
    first, second = origin.open("0", None), origin.open("1", None)
    add_partitions(real_kafka, topic, 3)
    until = time.monotonic() + 5 * OFTEN
    read_until(second, lambda: time.monotonic() > until)
    second.close()
    changed(first, "grown.quietly has 3 partitions")


def test_a_run_that_ends_now_reads_what_there_was_at_its_start(real_kafka: Cluster) -> None:
    topic = real_kafka.topic("grown.late")
    real_kafka.produce(topic, b"a")
    origin = origins(real_kafka, topic, check_partitions_s=0.001, end="now")[0]
    reader = origin.open("0", None)
    add_partitions(real_kafka, topic, 2)
    assert read_until(reader, lambda: reader.ended) == [b"a"]
    reader.close()


def test_a_new_topic_that_a_pattern_matches_is_named(real_kafka: Cluster) -> None:
    real_kafka.topic("series.a")
    real_kafka.topic("series.c")
    pattern = "^" + real_kafka.name("series").replace(".", r"\.")
    first, second = origins(real_kafka, pattern, check_partitions_s=OFTEN)
    readers = [first.open("0", None), second.open("0", None)]
    real_kafka.topic("series.b")
    changed(readers[0], r"series\.b matches .* and has come since this run started: start again")
    readers[1].close()


def value(registry: CollectorRegistry, name: str) -> float | None:
    (family,) = {
        tuple(sorted(sample.labels.items()))
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == name
    }
    return registry.get_sample_value(name, dict(family))


def test_what_is_still_to_be_read_is_measured(real_kafka: Cluster) -> None:
    registry = CollectorRegistry()
    topic = real_kafka.topic("lagging")
    real_kafka.produce(topic, *(b"%d" % i for i in range(10)))
    meters = KafkaMeters(registry)
    reader = origins(real_kafka, topic, meters, poll_size=4)[0].open("0", None)
    lags: list[float | None] = []

    def all_read() -> bool:
        lags.append(value(registry, "foreshock_consumer_lag_messages"))
        return lags[-1] == 0 and reader.caught_up

    read_until(reader, all_read)
    assert {6.0, 2.0} <= set(lags)
    assert value(registry, "foreshock_kafka_up") == 1
    reader.close()
    assert value(registry, "foreshock_consumer_lag_messages") == 0  # asks a closed consumer nothing


@pytest.mark.parametrize(
    ("policy", "position", "lost"), [("earliest", 1, 2), ("latest", 1, 4), ("latest", 9, 2)]
)
def test_what_retention_has_deleted_is_counted(
    real_kafka: Cluster,
    policy: str,
    position: int,
    lost: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = CollectorRegistry()
    topic = real_kafka.topic(f"lost.{policy}.{position}")
    real_kafka.produce(topic, b"0", b"1", b"2", b"3", b"4")
    real_kafka.delete_before(topic, 3)
    origin = origins(real_kafka, topic, KafkaMeters(registry), on_offset_gone=policy)[0]
    reader = origin.open("0", position)
    assert value(registry, "foreshock_lost_messages_total") == 0
    read_until(reader, lambda: bool(caplog.records))
    assert value(registry, "foreshock_lost_messages_total") == lost
    target = 3 if policy == "earliest" else 5
    assert caplog.messages == [
        f"kafka:{topic}/0: offset {position} is gone, the partition now holds 3 to 5: "
        f"going on at {target}, {lost} messages lost"
    ]
    reader.close()


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """A broker that may be killed."""
    try:
        with Broker() as own:
            yield own
    except BrokerError as ex:
        pytest.skip(str(ex))


def test_a_broker_that_is_killed_is_waited_for(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    registry = CollectorRegistry()
    kafka = Cluster(broker.bootstrap, real=True, said="")
    topic = kafka.topic("killed")
    kafka.produce(topic, b"0", b"1")
    reader = origins(kafka, topic, KafkaMeters(registry))[0].open("0", None)
    got = read_until(reader, lambda: reader.caught_up)
    assert value(registry, "foreshock_kafka_up") == 1
    broker.kill()
    got += read_until(reader, lambda: "no Kafka broker answers" in caplog.text)
    assert value(registry, "foreshock_kafka_up") == 0
    assert not reader.caught_up
    broker.revive()
    kafka.produce(topic, b"2", b"3")
    got += read_until(reader, lambda: "answers again" in caplog.text)
    assert value(registry, "foreshock_kafka_up") == 1
    got += read_until(reader, lambda: reader.caught_up)
    assert got == [b"0", b"1", b"2", b"3"]
    assert len(caplog.records) == 2
    reader.close()
