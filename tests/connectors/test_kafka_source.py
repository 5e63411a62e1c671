"""Reading topics: where it starts, where it ends, what it does about gaps and outages."""

import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest

from connectors.kafka_client import KafkaUnavailableError
from connectors.kafka_reader import KafkaReader
from connectors.kafka_settings import KafkaSource
from connectors.kafka_source import KafkaOrigin, kafka_origins
from schema import Chunk
from tests.kafka.broker import free_ports
from tests.kafka.cluster import DEADLINE_S, Cluster, mock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)


def later() -> datetime:
    return NOON


def source(kafka: Cluster, topic: str, **settings: object) -> KafkaSource:
    fields = {"brokers": kafka.bootstrap, "topics": (topic,), "format": "foreshock-json"}
    return msgspec.convert({"type": "kafka", **fields, **settings}, KafkaSource)


def origin(kafka: Cluster, topic: str, **settings: object) -> KafkaOrigin:
    return kafka_origins(source(kafka, topic, **settings), later)[0]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "nothing came"
        threading.Event().wait(0.005)


def drain(reader: KafkaReader, count: int) -> list[Chunk]:
    """Read until `count` payloads have come."""
    chunks: list[Chunk] = []

    def enough() -> bool:
        chunk = reader.read()
        if chunk is not None:
            chunks.append(chunk)
        return sum(len(c.payloads) for c in chunks) >= count

    wait_for(enough)
    return chunks


def read_to_end(reader: KafkaReader) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []

    def ended() -> bool:
        chunk = reader.read()
        if chunk is not None:
            found.extend(zip(chunk.positions, chunk.payloads, strict=True))
        return chunk is None and reader.ended

    wait_for(ended)
    reader.close()
    return found


def test_reads_what_was_written_with_offsets_and_stamps(kafka: Cluster) -> None:
    topic = kafka.topic("round.trip")
    kafka.produce(topic, b"a", b"b", b"c", stamps_ms=(NOON_MS, NOON_MS + 1, NOON_MS + 2))
    found = origin(kafka, topic)
    assert found.name == f"kafka:{topic}"
    assert "0" in found.partitions()
    reader = found.open("0", None)
    first, *rest = drain(reader, 3)
    assert (first.payloads, first.next_position) == ([], 0)
    assert [p for c in rest for p in c.payloads] == [b"a", b"b", b"c"]
    assert [p for c in rest for p in c.positions] == [0, 1, 2]
    stamps = [int(s) for c in rest if c.stamps_ms is not None for s in c.stamps_ms]
    assert stamps == [NOON_MS, NOON_MS + 1, NOON_MS + 2]
    assert rest[-1].next_position == 3
    reader.close()


def test_opens_at_the_position_of_a_snapshot(kafka: Cluster) -> None:
    topic = kafka.topic("resume")
    kafka.produce(topic, b"a", b"b", b"c")
    assert read_to_end(origin(kafka, topic, start="latest", end="now").open("0", 1)) == [
        (1, b"b"),
        (2, b"c"),
    ]


def test_starts_at_the_latest_and_says_where_that_is(kafka: Cluster) -> None:
    topic = kafka.topic("latest")
    kafka.produce(topic, b"old")
    reader = origin(kafka, topic, start="latest").open("0", None)
    told = reader.read()
    assert told is not None
    assert (told.payloads, told.next_position) == ([], 1)
    kafka.produce(topic, b"new")
    assert drain(reader, 1)[-1].payloads == [b"new"]
    reader.close()


def test_starts_and_ends_at_a_timestamp(real_kafka: Cluster) -> None:
    topic = real_kafka.topic("timestamps")
    stamps = tuple(NOON_MS + ms for ms in (-2000, -1000, 0, 1000, 2000))
    real_kafka.produce(topic, b"0", b"1", b"2", b"3", b"4", stamps_ms=stamps)
    between = origin(
        real_kafka, topic, start="2026-03-01T11:59:59Z", end="2026-03-01T13:00:01+01:00"
    )
    assert read_to_end(between.open("0", None)) == [(1, b"1"), (2, b"2")]
    after = origin(real_kafka, topic, start="2026-03-01T12:00:03Z", end="now")
    assert read_to_end(after.open("0", None)) == []


def test_an_end_time_that_is_past_ends_a_topic_whose_records_are_older(kafka: Cluster) -> None:
    topic = kafka.topic("past")
    kafka.produce(topic, b"0", stamps_ms=(NOON_MS - 5000,))
    reader = origin(kafka, topic, end="2026-03-01T11:59:59Z").open("0", None)
    assert read_to_end(reader) == [(0, b"0")]


def test_ends_at_the_end_found_at_the_start(kafka: Cluster) -> None:
    topic = kafka.topic("now")
    kafka.produce(topic, b"a", b"b")
    reader = origin(kafka, topic, end="now").open("0", None)
    kafka.produce(topic, b"too late")
    assert read_to_end(reader) == [(0, b"a"), (1, b"b")]
    assert not reader.caught_up


def test_an_empty_topic_ends_at_once(kafka: Cluster) -> None:
    topic = kafka.topic("empty")
    assert read_to_end(origin(kafka, topic, end="now").open("0", None)) == []


def test_a_tombstone_is_an_empty_payload(kafka: Cluster) -> None:
    topic = kafka.topic("tombstones")
    kafka.produce(topic, b"a", None, b"c")
    reader = origin(kafka, topic, end="now").open("0", None)
    assert read_to_end(reader) == [(0, b"a"), (1, b""), (2, b"c")]


def test_is_caught_up_at_the_end_and_not_before(kafka: Cluster) -> None:
    topic = kafka.topic("caught.up")
    kafka.produce(topic, b"a")
    reader = origin(kafka, topic).open("0", None)
    assert not reader.caught_up
    drain(reader, 1)
    assert not reader.ended

    def caught_up() -> bool:
        assert reader.read() is None
        return reader.caught_up

    wait_for(caught_up)
    kafka.produce(topic, b"b")
    drain(reader, 1)
    wait_for(caught_up)
    reader.close()


def test_a_gap_at_the_end_moves_the_position(real_kafka: Cluster) -> None:
    topic = real_kafka.topic("gap")
    real_kafka.produce_in_transaction(topic, b"a", b"b")  # offset 2 is the transaction's marker
    reader = origin(real_kafka, topic, end="now").open("0", None)
    positions = []

    def ended() -> bool:
        chunk = reader.read()
        if chunk is not None:
            positions.append((len(chunk.payloads), chunk.next_position))
        return chunk is None and reader.ended

    wait_for(ended)
    assert positions[0] == (0, 0)
    assert sum(count for count, _ in positions) == 2
    assert positions[-1] == (0, 3)
    reader.close()


@pytest.mark.parametrize(("policy", "first"), [("earliest", b"c"), ("latest", b"new")])
def test_an_offset_that_is_gone_leaves_a_gap_if_so_set(
    real_kafka: Cluster, policy: str, first: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    topic = real_kafka.topic(f"gone.{policy}")
    real_kafka.produce(topic, b"a", b"b", b"c")
    real_kafka.delete_before(topic, 2)
    reader = origin(real_kafka, topic, on_offset_gone=policy).open("0", 0)

    def warned() -> bool:
        chunk = reader.read()
        assert chunk is None or not chunk.payloads or policy == "earliest"
        got.extend(chunk.payloads if chunk is not None else [])
        return "offset 0 is gone, the partition now holds 2 to 3" in caplog.text

    got: list[bytes] = []
    wait_for(warned)
    real_kafka.produce(topic, b"new")
    got += [p for c in drain(reader, 1) for p in c.payloads]
    assert got[0] == first
    reader.close()


def test_an_offset_that_is_gone_stops_the_flow_otherwise(real_kafka: Cluster) -> None:
    topic = real_kafka.topic("gone.stop")
    real_kafka.produce(topic, b"a", b"b", b"c")
    real_kafka.delete_before(topic, 2)
    reader = origin(real_kafka, topic).open("0", 0)
    with pytest.raises(KafkaUnavailableError, match=r"gone.stop/0: offset 0 is gone.* 2 to 3"):
        drain(reader, 1)
    reader.close()


def dead(**properties: str) -> KafkaSource:
    return KafkaSource(
        brokers=f"127.0.0.1:{free_ports(1)[0]}",
        topics=("t",),
        format="foreshock-json",
        connect_timeout_s=0.5,
        properties={**properties},
    )


def test_a_dead_broker_is_one_clear_error_in_bounded_time() -> None:
    began = time.monotonic()
    with pytest.raises(KafkaUnavailableError) as caught:
        kafka_origins(dead(), later)
    assert time.monotonic() - began < 3.0
    said = r"kafka:t: list of partitions: no Kafka broker at 127.0.0.1:\d+ answered within 0.5 s: "
    assert re.match(said + ".*refused", str(caught.value))


def test_no_secret_is_in_an_error_or_a_repr() -> None:
    settings = dead(
        **{
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": "ops",
            "sasl.password": "hunter2",
        }
    )
    with pytest.raises(KafkaUnavailableError) as caught:
        kafka_origins(settings, later)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "hunter2" not in repr(settings)
    assert "'sasl.password': '***'" in repr(settings)


def test_properties_that_librdkafka_refuses_are_bad_settings() -> None:
    with pytest.raises(ValueError, match=r'properties: No such configuration property: "sasl.x"'):
        kafka_origins(dead(**{"sasl.x": "1"}), later)


def test_a_broker_that_dies_is_said_once_and_its_partition_is_not_idle(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.kafka_reader.VERIFY_EVERY_S", 0.0)
    monkeypatch.setattr("connectors.kafka_reader.VERIFY_WITHIN_S", 0.05)
    with mock() as bootstrap:
        there = Cluster(bootstrap, real=False, said="")
        topic = there.topic("dies")
        reader = origin(there, topic).open("0", None)

        def caught_up() -> bool:
            reader.read()
            return reader.caught_up

        wait_for(caught_up)

    def lost() -> bool:
        reader.read()
        return "no Kafka broker answers" in caplog.text

    wait_for(lost)
    for _ in range(20):
        reader.read()
        assert not reader.caught_up
    assert len(caplog.records) == 1
    reader.close()
