"""What a run counts, in the log and for Prometheus."""

import logging
import socket
from urllib.request import urlopen

import pytest

from connectors.meters import Meters, RejectMeter, TallyMeter
from schema import Reject, Tally


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


def test_counters_are_served_until_the_run_ends() -> None:
    port, meters = free_port(), Meters()
    part = TallyMeter(meters, port - 1).build("tally", 1, 2)
    part.write_batch([Tally("kafka:m", "0", 2, 10, 1, 3), Tally("kafka:m", "0", 1, 5, 0, 0)])
    rejects = RejectMeter(meters).build("rejects", 1, 2)
    rejects.write_batch([Reject("truncated", "", "kafka:m", "0", i, b"") for i in range(3)])
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5.0) as answer:
        shown = answer.read().decode().splitlines()
    assert 'foreshock_samples_total{partition="0",source="kafka:m"} 15.0' in shown
    assert "foreshock_late_total 1.0" in shown
    assert 'foreshock_rejects_total{reason="truncated"} 3.0' in shown
    part.close()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104  # as the server would
        taken.listen()
        port = int(taken.getsockname()[1])
        with pytest.raises(OSError, match=f"metrics_port {port}"):
            TallyMeter(Meters(), port).build("tally", 0, 1)
