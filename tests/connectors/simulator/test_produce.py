"""A simulation on Kafka."""

import json
import time
from pathlib import Path

import pytest
from confluent_kafka import Message

from connectors.kafka_client import KafkaUnavailableError
from connectors.kafka_settings import KafkaOutput
from connectors.simulator.origin import SimulatorOrigin
from connectors.simulator.produce import KafkaRun
from connectors.simulator.settings import SimulatorSource
from tests.kafka.broker import free_ports
from tests.kafka.cluster import Cluster


def origin(folder: Path) -> SimulatorOrigin:
    return SimulatorOrigin(SimulatorSource(days=0.05, resources=12, state_dir=str(folder)))


def test_each_cloud_goes_to_its_topic_stamped_with_event_time(
    kafka: Cluster, tmp_path: Path
) -> None:
    prefix = kafka.topic("metrics.aws").removesuffix(".aws")
    for cloud in ("azure", "gcp", "deploys"):
        kafka.topic(f"metrics.{cloud}")
    simulated = origin(tmp_path)
    told: list[int] = []
    run = KafkaRun(simulated, KafkaOutput(brokers=kafka.bootstrap, topic=prefix, partitions=1))
    run.run(told.append)
    assert told[-1] == 3 * simulated.settings.steps
    read: list[Message] = kafka.read_all(f"{prefix}.aws")
    times = set()
    points = 0
    for message in read:
        value, stamp_ms = message.value(), message.timestamp()[1]
        assert isinstance(value, bytes)
        found = [json.loads(line) for line in value.splitlines()]
        points += len(found)
        times |= {point["timestamp"] for point in found}
        assert max(point["timestamp"] for point in found) <= stamp_ms
    assert len(times) == simulated.settings.steps
    others = [kafka.read_all(f"{prefix}.{name}") for name in ("azure", "gcp", "deploys")]
    assert len(read) + sum(map(len, others)) == run.records
    assert 0 < points < run.points
    assert (tmp_path / "truth.json").exists()


def test_missing_topics_are_created_and_never_expire(real_kafka: Cluster, tmp_path: Path) -> None:
    prefix = real_kafka.name("made")
    target = KafkaOutput(brokers=real_kafka.bootstrap, topic=prefix, partitions=2)
    KafkaRun(origin(tmp_path), target).run(lambda _: None)
    assert real_kafka.partitions(f"{prefix}.gcp") == 2
    of: dict[str, set[int]] = {}
    for message in real_kafka.read_all(f"{prefix}.aws"):
        value = message.value()
        assert isinstance(value, bytes)
        for line in value.splitlines():
            name = str(json.loads(line)["dimensions"])
            of.setdefault(name, set()).add(message.partition() or 0)
    assert all(len(partitions) == 1 for partitions in of.values())
    assert {p for partitions in of.values() for p in partitions} == {0, 1}


def test_no_broker_is_one_clear_error_in_bounded_time(tmp_path: Path) -> None:
    target = KafkaOutput(
        brokers=f"127.0.0.1:{free_ports(1)[0]}", topic="metrics", connect_timeout_s=1.0
    )
    began_s = time.monotonic()
    with pytest.raises(KafkaUnavailableError, match="no Kafka broker at"):
        KafkaRun(origin(tmp_path), target).run(lambda _: None)
    assert time.monotonic() - began_s < 10
