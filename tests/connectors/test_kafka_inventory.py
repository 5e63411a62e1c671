"""An inventory in a topic: what is read, what is deleted, what is bad."""

import json
import logging

import msgspec
import pytest
from confluent_kafka import Producer

from connectors.kafka_client import KafkaUnavailableError
from connectors.kafka_inventory import InventoryTopic, read_inventory_topic
from schema import Resource
from tests.kafka.broker import free_ports
from tests.kafka.cluster import Cluster

WEB = Resource("aws", "aws.ec2", "1", "eu-west-1", "web-1")
DEADLINE_S = 15.0


def settings(kafka: Cluster, topic: str) -> InventoryTopic:
    return InventoryTopic(brokers=kafka.bootstrap, topic=topic)


def write(kafka: Cluster, topic: str, *records: tuple[bytes | None, bytes | None, int]) -> None:
    """Write (key, value, partition) one after the other."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for key, value, partition in records:
        producer.produce(topic, key=key, value=value, partition=partition)
        assert producer.flush(DEADLINE_S) == 0


def team(name: str, /, **match: str) -> bytes:
    entry: dict[str, object] = {"attributes": {"team": name}}
    return json.dumps(entry | ({"match": match} if match else {})).encode()


def test_the_last_record_of_a_key_counts_and_one_without_value_deletes(kafka: Cluster) -> None:
    topic = kafka.topic("inventory", 2, cleanup_policy="compact")
    write(
        kafka, topic,
        (b"web-1", team("old"), 0),
        (b"web-1", team("shop"), 0),
        (b"web-2", team("gone"), 1),
        (b"web-2", None, 1),
        (WEB.key.replace("web-1", "web-3").encode(), team("three"), 1),
        (b"all-db", team("data", name="db-*", account="1"), 0),
    )  # fmt: skip
    found = read_inventory_topic(settings(kafka, topic))
    assert len(found) == 3
    asked = [msgspec.structs.replace(WEB, name=f"{name}") for name in
             ("web-1", "web-2", "web-3", "db-7", "all-db")]  # fmt: skip
    assert [dict(found.attributes(resource)).get("team") for resource in asked] == [
        "shop", None, "three", "data", None,
    ]  # fmt: skip
    other = msgspec.structs.replace(WEB, name="web-3", account="2")
    assert found.attributes(other) == ()


def test_bad_records_are_counted_and_logged_once_a_kind(
    kafka: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    topic = kafka.topic("untidy", 1)
    write(
        kafka, topic,
        (b"web-1", team("shop"), 0),
        (b"a", b"not json", 0),
        (b"b", b"{", 0),
        (b"c", b'{"attributes":{}}', 0),
        (b"d", b'{"attributes":{"a":"b"},"match":{}}', 0),
        (b"e", b"[]", 0),
        (None, team("x"), 0),
        (b"\xff", team("x"), 0),
        (b"web-2", team("shop"), 0),
        (b"web-2", b"broken since", 0),
    )  # fmt: skip
    caplog.set_level(logging.INFO, "connectors.kafka_table")
    found = read_inventory_topic(settings(kafka, topic))
    assert found.attributes(WEB) == (("team", "shop"),)
    assert len(found) == 1
    where = f"kafka:{topic}: inventory"
    said = [message.split("; ")[0] for message in caplog.messages]
    assert said == [
        f"{where}: records ignored: 1, no key",
        f"{where}: records ignored: 3, not JSON",
        f"{where}: records ignored: 1, not UTF-8",
        f"{where}: records ignored: 3, not an entry",
        f"{where} of 1 entries",
    ]
    assert "the first is 0@1: " in caplog.messages[1]


def test_an_empty_topic_knows_nothing(kafka: Cluster) -> None:
    found = read_inventory_topic(settings(kafka, kafka.topic("nothing", 1)))
    assert len(found) == 0
    assert found.attributes(WEB) == ()


def test_a_topic_that_is_not_there_is_named(kafka: Cluster) -> None:
    if not kafka.real:
        pytest.skip("the mock cluster makes every topic that is asked for")
    with pytest.raises(KafkaUnavailableError, match=r"kafka:.*nowhere.*: no such topic"):
        read_inventory_topic(settings(kafka, kafka.name("nowhere")))


def test_brokers_that_are_not_there_are_named_in_time() -> None:
    (port,) = free_ports(1)
    nobody = InventoryTopic(brokers=f"127.0.0.1:{port}", topic="inventory", connect_timeout_s=1.0)
    with pytest.raises(KafkaUnavailableError, match=rf"no Kafka broker at 127\.0\.0\.1:{port}"):
        read_inventory_topic(nobody)


def test_a_topic_must_have_a_name_that_kafka_takes_and_no_secret_is_shown() -> None:
    with pytest.raises(ValueError, match="topic must be of letters"):
        InventoryTopic(brokers="a:1", topic="a b")
    shown = InventoryTopic(brokers="a:1", topic="t", properties={"sasl.password": "hunter2"})
    assert "hunter2" not in repr(shown)
