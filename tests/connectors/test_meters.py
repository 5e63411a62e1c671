"""What a run counts, in the log and for Prometheus."""

import logging
import socket
from collections.abc import Sequence
from urllib.request import urlopen

import numpy as np
import pytest
from prometheus_client import generate_latest

from connectors.metered_decoder import MeteredDecoder
from connectors.meters import Counted, Meters, TallyMeter
from schema import Closed, Decoded, Reject, SampleBatch, SeriesTable, Tally


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_sums_are_logged_once_a_minute_and_begin_anew(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    part = TallyMeter(Meters(clock)).build("tally", 0, 1)
    for clock.now in (1.0, 59.0, 61.0, 100.0):
        part.write_batch([Tally("s", "p", 2, 10, 1, 3), Tally("s", "q", 1, 1, 0, 0)])
    assert [record.getMessage() for record in caplog.records] == [
        "in 61 s: 9 payloads, 33 samples, 3 late, 9 rejected"
    ]
    part.close()
    part.close()
    assert [record.getMessage() for record in caplog.records][1:] == [
        "in 39 s: 3 payloads, 11 samples, 1 late, 3 rejected"
    ]


def test_only_the_first_worker_greets(caplog: pytest.LogCaptureFixture) -> None:
    for worker in (1, 0):
        TallyMeter(Meters(), greeting="reading a").build("tally", worker, 2).close()
    assert [record.getMessage() for record in caplog.records] == ["reading a"]


def shown(meters: Meters) -> set[str]:
    lines = generate_latest(meters.registry).decode().splitlines()
    return {line for line in lines if not line.startswith("#") and "_created" not in line}


def test_counters_are_served_until_the_run_ends() -> None:
    port, meters = free_port(), Meters()
    part = TallyMeter(meters, port - 1).build("tally", 1, 2)
    part.write_batch([Tally("kafka:m", "0", 2, 10, 1, 3), Tally("kafka:m", "0", 1, 5, 0, 0)])
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5.0) as answer:
        served = answer.read().decode().splitlines()
    assert 'foreshock_samples_total{partition="0",topic="m"} 15.0' in served
    assert 'foreshock_late_total{topic="m"} 1.0' in served
    part.close()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_rejects_are_counted_by_topic_and_reason() -> None:
    meters = Meters()
    part = Counted(meters.reject).build("rejects", 0, 1)
    part.write_batch([Reject("truncated", "", "kafka:m", "0", i, b"") for i in range(3)])
    part.write_batch([Reject("empty", "", "files", "a", 0, b"")])
    assert {
        'foreshock_rejects_total{reason="truncated",topic="m"} 3.0',
        'foreshock_rejects_total{reason="empty",topic="files"} 1.0',
    } <= shown(meters)


def test_what_key_groups_made_of_samples_is_counted() -> None:
    meters = Meters()
    assert {"foreshock_absorbed_total 0.0", "foreshock_joined_late_total 0.0"} <= shown(meters)
    part = Counted(meters.closed).build("words", 0, 1)
    part.write_batch([Closed(0, 60_000, False, absorbed=2), Closed(1, 60_000, False, late=5)])
    part.write_batch([Closed(0, 120_000, True, absorbed=1)])
    assert {"foreshock_absorbed_total 3.0", "foreshock_joined_late_total 5.0"} <= shown(meters)


def test_a_source_is_up_or_down_with_all_its_topics() -> None:
    meters = Meters()
    take = meters.kafka.up(["m", "n"])
    for up in (True, False):
        take(up)
        assert {
            f'foreshock_kafka_up{{topic="m"}} {float(up)}',
            f'foreshock_kafka_up{{topic="n"}} {float(up)}',
        } <= shown(meters)


def test_a_partition_has_a_lag_as_it_is_and_counts_its_loss() -> None:
    meters, lag = Meters(), [70.0]
    reader = meters.kafka.reader("m", "3")
    reader.lag(lambda: lag[-1])
    assert {
        'foreshock_consumer_lag_messages{partition="3",topic="m"} 70.0',
        'foreshock_lost_messages_total{partition="3",topic="m"} 0.0',
    } <= shown(meters)
    lag.append(60.0)
    reader.lost(4)
    reader.lost(5)
    assert {
        'foreshock_consumer_lag_messages{partition="3",topic="m"} 60.0',
        'foreshock_lost_messages_total{partition="3",topic="m"} 9.0',
    } <= shown(meters)


class Decoding:
    """Takes two seconds and finds a sample a payload, an hour apart; none in empty ones."""

    format = "made-up"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, payloads: Sequence[bytes], table: SeriesTable) -> Decoded:
        self._clock.now += 2.0
        good = np.array([i for i, payload in enumerate(payloads) if payload], np.int32)
        batch = SampleBatch(
            np.zeros_like(good), good.astype(np.int64) * 3_600_000, good.astype(np.float64), good
        )
        return Decoded(batch, [(0, "empty", "")])


def test_decoding_is_measured_and_left_as_it_is() -> None:
    meters, clock, table = Meters(), Clock(), SeriesTable()
    plain = Decoding(clock)
    metered = MeteredDecoder(plain, meters.decode, "kafka:m", "3", clock)
    assert metered.format == "made-up"
    assert len(metered([b"", b""], table).batch.ts_ms) == 0
    assert "foreshock_event_time_seconds" not in "".join(shown(meters))
    assert metered([b"abc", b"de"], table).rejects == plain([b"abc", b"de"], table).rejects
    assert {
        'foreshock_decode_seconds_total{topic="m"} 4.0',
        'foreshock_payloads_total{topic="m"} 4.0',
        'foreshock_payload_bytes_total{topic="m"} 5.0',
        'foreshock_event_time_seconds{partition="3",topic="m"} 3600.0',
    } <= shown(meters)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104  # as the server would
        taken.listen()
        port = int(taken.getsockname()[1])
        with pytest.raises(OSError, match=f"metrics_port {port}"):
            TallyMeter(Meters(), port).build("tally", 0, 1)
