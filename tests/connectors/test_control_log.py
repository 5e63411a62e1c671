"""The control log: durable, ordered, one for all processes, nothing skipped in silence."""

import multiprocessing
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.control_log import (
    ControlLog,
    FileControlLog,
    IdleMark,
    decode,
    encode,
    idle_marks,
    soonest_ms,
)
from connectors.kafka_client import KafkaUnavailableError
from connectors.kafka_control_log import KafkaControlLog
from connectors.kafka_settings import KafkaOutput
from tests.connectors.fakes import START
from tests.kafka.cluster import Cluster
from tests.operators.made_commands import drift, feedback

START_MS = int(START.timestamp() * 1000)


def mark(position: int, effective_ms: int = 0, partition: str = "kafka:t/0") -> IdleMark:
    return IdleMark(partition, position, effective_ms)


def test_the_wire_form_names_its_kind() -> None:
    line = b'{"kind":"idle","partition":"kafka:t/0","position":7,"effective_ms":60000}'
    assert encode(mark(7, 60_000)) == line
    assert decode(line, "log:1") == mark(7, 60_000)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"kind":"magic","effective_ms":0}', "log:1: Invalid value 'magic'"),
        (b'{"kind":"idle","partition":"p","position":1}', "log:1: .*`effective_ms`"),
    ],
)
def test_a_record_that_we_do_not_know_is_refused_not_skipped(line: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode(line, "log:1")


def test_reads_back_in_order_what_was_appended(tmp_path: Path) -> None:
    log: ControlLog = FileControlLog(tmp_path / "control.jsonl")
    assert log.read() == []
    for position in (3, 1, 2):
        log.append(mark(position))
    assert FileControlLog(tmp_path / "control.jsonl").read() == [mark(3), mark(1), mark(2)]


@pytest.mark.parametrize("torn", [b'{"kind":"id', b"{", b"\xff"])
def test_a_torn_last_line_is_skipped_and_what_follows_is_kept(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "control.jsonl"
    log = FileControlLog(path)
    log.append(mark(1))
    path.write_bytes(path.read_bytes() + torn)
    assert log.read() == [mark(1)]
    log.append(mark(2))
    log.append(mark(3))
    assert log.read() == [mark(1), mark(2), mark(3)]


def test_an_unknown_kind_in_a_file_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "control.jsonl"
    FileControlLog(path).append(mark(1))
    path.write_bytes(path.read_bytes() + b'{"kind":"magic"}\n')
    with pytest.raises(ValueError, match=r"control.jsonl:2: Invalid value 'magic'"):
        FileControlLog(path).read()


def _append_many(path: Path, partition: str) -> None:
    log = FileControlLog(path)
    for position in range(20):
        log.append(mark(position, partition=partition))


def test_records_of_several_processes_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "control.jsonl"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_append_many, args=(path, name)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    records = FileControlLog(path).read()
    for name in ("a", "b"):
        assert [
            r.position for r in records if isinstance(r, IdleMark) and r.partition == name
        ] == list(range(20))


def test_marks_of_a_partition_come_by_position_with_the_furthest_of_equals(tmp_path: Path) -> None:
    log = FileControlLog(tmp_path / "control.jsonl")
    for one in (mark(5, 50), mark(2, 20), mark(2, 40), mark(2, 30), mark(1, 99, "other")):
        log.append(one)
    assert idle_marks(log, "kafka:t/0") == [mark(2, 40), mark(5, 50)]


def test_a_tail_returns_what_was_added_since_and_goes_on_at_its_position(tmp_path: Path) -> None:
    path = tmp_path / "control.jsonl"
    log = FileControlLog(path)
    tail = log.tail(None)
    assert tail.read() == []
    log.append(mark(1))
    log.append(drift(1, 2))
    assert tail.read() == [mark(1), drift(1, 2)]
    assert tail.read() == []
    log.append(feedback(3))
    assert log.tail(tail.position).read() == [feedback(3)]
    assert tail.read() == [feedback(3)]
    assert log.tail(tail.position).read() == []


def test_a_tail_leaves_a_line_that_is_still_being_written(tmp_path: Path) -> None:
    path = tmp_path / "control.jsonl"
    log = FileControlLog(path)
    log.append(mark(1))
    tail = log.tail(None)
    line = encode(mark(2))
    path.write_bytes(path.read_bytes() + line[:9])
    assert tail.read() == [mark(1)]
    path.write_bytes(path.read_bytes() + line[9:] + b"\n")
    assert tail.read() == [mark(2)]


def test_a_log_that_has_become_shorter_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "control.jsonl"
    log = FileControlLog(path)
    log.append(mark(1))
    tail = log.tail(None)
    tail.read()
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="a control log is only added to"):
        tail.read()
    with pytest.raises(ValueError, match="must have at least 1 lines to go on, got 0"):
        log.tail(tail.position)


@pytest.mark.parametrize(
    ("second", "minute"), [(0.0, 3), (59.9, 3), (60.0, 4)], ids=["at", "within", "next"]
)
def test_two_whole_ticks_lie_before_the_soonest_time(second: float, minute: int) -> None:
    assert soonest_ms(START + timedelta(seconds=second), 60) == START_MS + minute * 60_000


def settings(kafka: Cluster, topic: str) -> KafkaOutput:
    return KafkaOutput(brokers=kafka.bootstrap, topic=topic, delivery_timeout_s=10.0)


def test_a_topic_keeps_records_in_order_for_other_processes(real_kafka: Cluster) -> None:
    topic = real_kafka.name("control")
    log: ControlLog = KafkaControlLog(settings(real_kafka, topic))
    assert log.read() == []
    log.append(mark(2))
    log.append(mark(1))
    assert log.read() == [mark(2), mark(1)]
    log.append(mark(3))
    assert log.read() == [mark(2), mark(1), mark(3)]
    assert KafkaControlLog(settings(real_kafka, topic)).read() == [mark(2), mark(1), mark(3)]
    assert real_kafka.partitions(topic) == 1
    tail = log.tail(None)
    assert tail.read() == [mark(2), mark(1), mark(3)]
    assert tail.read() == []
    log.append(drift(1, 2))
    assert log.tail(tail.position).read() == [drift(1, 2)]
    assert tail.read() == [drift(1, 2)]


def test_a_topic_of_several_partitions_is_refused(kafka: Cluster) -> None:
    topic = kafka.topic("control.many", partitions=4)
    with pytest.raises(KafkaUnavailableError, match="a control log must have 1 partition, got 4"):
        KafkaControlLog(settings(kafka, topic))
