"""A topology in a topic: what is read, what is deleted, what is bad."""

import json
import logging

import pytest
from confluent_kafka import Producer

from connectors.topology_topic import TopologyTopic, read_topology_topic
from schema import Edge, TopologyMap
from tests.kafka.cluster import Cluster

DEADLINE_S = 15.0


def write(kafka: Cluster, topic: str, *records: tuple[str, object, int]) -> None:
    """Write (key, value, partition) one after the other; None deletes."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for key, value, partition in records:
        raw = None if value is None else json.dumps(value).encode()
        producer.produce(topic, key=key.encode(), value=raw, partition=partition)
        assert producer.flush(DEADLINE_S) == 0


def settings(kafka: Cluster, topic: str) -> TopologyTopic:
    return TopologyTopic(brokers=kafka.bootstrap, topic=topic)


def test_the_last_record_of_a_key_counts_and_one_without_value_deletes(kafka: Cluster) -> None:
    topic = kafka.topic("topology", 2, cleanup_policy="compact")
    write(
        kafka, topic,
        ("1", {"caller": "web", "callee": "old"}, 0),
        ("1", {"caller": "web", "callee": "cart"}, 0),
        ("2", {"caller": "cart", "callee": "db", "type": "calls"}, 1),
        ("3", {"caller": "cart", "callee": "gone"}, 1),
        ("3", None, 1),
        ("4", {"node": "batch"}, 0),
        ("5", {"node": "db", "type": "mysql"}, 0),
        ("6", {"node": "db", "type": "aws.rds"}, 1),
    )  # fmt: skip
    assert read_topology_topic(settings(kafka, topic)) == TopologyMap(
        ("batch", "db"), (("db", "aws.rds"),), (Edge("cart", "db"), Edge("web", "cart"))
    )


def test_bad_records_are_counted_and_the_others_are_read(
    kafka: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    topic = kafka.topic("topology-untidy", 1)
    write(
        kafka, topic,
        ("1", {"caller": "web", "callee": "cart"}, 0),
        ("2", {"caller": "web"}, 0),
        ("3", {"node": "db", "caller": "web"}, 0),
        ("4", ["web"], 0),
        ("5", {"caller": "web", "callee": "cart", "type": "likes"}, 0),
        ("6", {"node": ""}, 0),
    )  # fmt: skip
    caplog.set_level(logging.INFO, "connectors.kafka_table")
    found = read_topology_topic(settings(kafka, topic))
    assert found == TopologyMap((), (), (Edge("web", "cart"),))
    where = f"kafka:{topic}: topology"
    said = [message.split("; ")[0] for message in caplog.messages]
    assert said == [f"{where}: records ignored: 5, not an entry", f"{where} of 1 entries"]


def test_an_empty_topic_knows_nothing(kafka: Cluster) -> None:
    assert read_topology_topic(settings(kafka, kafka.topic("topology-empty", 1))) == TopologyMap()
