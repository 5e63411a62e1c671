"""Writing topics: what is in a record, topics that are made, brokers that are not there."""

import json
import re
import time
from typing import TypeVar

import bytewax.operators as op
import msgspec
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource, run_main
from confluent_kafka import Message

from connectors.kafka_client import KafkaUnavailableError
from connectors.kafka_settings import KafkaOutput
from connectors.kafka_sink import KafkaDeadLetterSink, KafkaIncidentSink, KafkaLateSink, KafkaSink
from schema import Incident, LateSample, Reject, Resource, Series, Severity, Transition
from tests.kafka.broker import free_ports
from tests.kafka.cluster import Cluster, mock

X = TypeVar("X")
RESOURCE = Resource("aws", "aws.ec2", "1", "eu-west-1", "i-1")


def transition(incident: str, revision: int) -> Transition:
    return Transition(
        event="opened" if revision == 1 else "updated",
        ts_ms=60_000 * revision,
        actor="foreshock",
        reason="",
        incident=Incident(
            id=incident,
            revision=revision,
            state="open",
            severity=Severity.HIGH,
            reasons=(),
            title="",
            hint="",
            scope=(),
            opened_ms=0,
            onset_ms=0,
            updated_ms=0,
            resolved_ms=None,
            confidence=0.9,
            member_count=0,
            members=(),
        ),
    )


def encode(one: Transition) -> bytes:
    return f"{one.event} {one.incident.id}".encode()


def output(kafka: Cluster, topic: str) -> KafkaOutput:
    return KafkaOutput(brokers=kafka.bootstrap, topic=topic, delivery_timeout_s=10.0)


def write(sink: KafkaSink[X], *items: X) -> None:
    flow = Dataflow("flow")
    op.output("out", op.input("in", flow, TestingSource(items)), sink)
    run_main(flow)


def headers(message: Message) -> dict[str, str]:
    found = message.headers()
    assert isinstance(found, list)
    return {k: v.decode() for k, v in found if isinstance(v, bytes)}


def test_transitions_are_keyed_by_incident_with_id_and_revision(kafka: Cluster) -> None:
    topic = kafka.topic("incidents")
    sink = KafkaIncidentSink(output(kafka, topic), encode)
    write(sink, *(transition("inc-1", revision) for revision in range(1, 51)))
    written = kafka.read_all(topic)
    assert [m.key() for m in written] == [b"inc-1"] * 50
    assert written[0].value() == b"opened inc-1"
    assert [headers(m) for m in written] == [
        {"id": f"inc-1.{revision}", "revision": str(revision)} for revision in range(1, 51)
    ]


def test_a_missing_topic_is_created_as_set(real_kafka: Cluster) -> None:
    topic = real_kafka.name("created")
    settings = msgspec.structs.replace(output(real_kafka, topic), partitions=3)
    write(KafkaIncidentSink(settings, encode), transition("inc-1", 1))
    assert real_kafka.partitions(topic) == 3
    write(KafkaIncidentSink(output(real_kafka, topic), encode), transition("inc-1", 2))
    assert real_kafka.partitions(topic) == 3


def test_a_topic_that_cannot_be_created_is_one_clear_error(real_kafka: Cluster) -> None:
    settings = msgspec.structs.replace(
        output(real_kafka, real_kafka.name("too.safe")), replication=5
    )
    with pytest.raises(KafkaUnavailableError, match=r"too.safe: .* cannot be created: .*repl"):
        KafkaIncidentSink(settings, encode)


def test_a_reject_keeps_its_bytes_and_says_why_and_from_where(kafka: Cluster) -> None:
    topic = kafka.topic("rejects")
    settings = msgspec.structs.replace(output(kafka, topic), max_payload_bytes=1_000)
    raws = (b"\xff\x00{", b"", b"x" * 2_000_000)
    rejects = [
        Reject("truncated", "at byte 2", "kafka:metrics", "3", position, raw)
        for position, raw in enumerate(raws)
    ]
    write(KafkaDeadLetterSink(settings), *rejects)
    written = kafka.read_all(topic)
    written.sort(key=lambda m: headers(m)["position"])
    assert [m.value() for m in written] == [raws[0], b"", b"x" * 1_000]
    assert headers(written[0]) == {
        "reason": "truncated",
        "detail": "at byte 2",
        "source": "kafka:metrics",
        "partition": "3",
        "position": "0",
        "raw_bytes": "3",
        "points": "1",
    }
    assert headers(written[2])["raw_bytes"] == "2000000"


def test_a_late_sample_is_json(kafka: Cluster) -> None:
    topic = kafka.topic("late")
    late = LateSample(Series(RESOURCE, "cpu.utilization"), 60_000, 0.5, "kafka:metrics", "3", 7)
    write(KafkaLateSink(output(kafka, topic)), late)
    (message,) = kafka.read_all(topic)
    assert message.key() == RESOURCE.key.encode()
    value = json.loads(message.value() or b"")
    assert (value["ts_ms"], value["series"]["resource"]["name"]) == (60_000, "i-1")
    assert msgspec.json.decode(message.value() or b"", type=LateSample) == late


def test_a_record_too_large_is_one_clear_error(kafka: Cluster) -> None:
    topic = kafka.topic("large")
    sink = KafkaIncidentSink(output(kafka, topic), lambda _: b"x" * 2_000_000)
    part = sink.build("out", 0, 1)
    with pytest.raises(KafkaUnavailableError, match="large: a record of 2000000 bytes was"):
        part.write_batch([transition("inc-1", 1)])


def test_a_dead_broker_is_one_clear_error_in_bounded_time() -> None:
    settings = KafkaOutput(
        brokers=f"127.0.0.1:{free_ports(1)[0]}", topic="t", connect_timeout_s=0.5
    )
    began = time.monotonic()
    with pytest.raises(KafkaUnavailableError) as caught:
        KafkaDeadLetterSink(settings)
    assert time.monotonic() - began < 3.0
    said = r"kafka:t: list of partitions: no Kafka broker at 127.0.0.1:\d+ answered within 0.5 s"
    assert re.match(said, str(caught.value))


def test_a_broker_that_dies_stops_the_flow_after_the_delivery_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connectors.kafka_sink.FLUSH_MARGIN_S", 3.0)
    with mock() as bootstrap:
        there = Cluster(bootstrap, real=False, said="")
        settings = msgspec.structs.replace(
            output(there, there.topic("dies")), delivery_timeout_s=2.0
        )
        part = KafkaIncidentSink(settings, encode).build("out", 0, 1)
        part.write_batch([transition("inc-1", 1)])
    with pytest.raises(KafkaUnavailableError, match="kafka:dies: 2 of 2 records not delivered"):
        part.write_batch([transition("inc-1", 2), transition("inc-1", 3)])
