"""What a worker answers an orchestrator."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client import generate_latest

from connectors.health import HealthServer, HealthSettings, readiness
from connectors.meters import Meters
from connectors.pace import Pace
from connectors.partition_meters import Position

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)


@pytest.fixture
def meters() -> Meters:
    found, pace = Meters(clock=lambda: NOW), Pace.local(4)
    found.partitions.follow(pace)
    found.partitions.opened(0, "m", "0")
    found.partitions.opened(2, "m", "1")
    pace.move(0, NOW_MS - 60_000)
    pace.move(1, NOW_MS - 9_000_000)  # another process reads it
    pace.rest(2, NOW_MS - 120_000)
    return found


@pytest.fixture
def port(meters: Meters) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = int(probe.getsockname()[1])
    settings = HealthSettings(ready_within_s=90.0, host="127.0.0.1")
    server = HealthServer(free, settings, meters.registry, meters.partitions.positions)
    yield free
    server.close()


def ask(port: int, page: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{page}", timeout=5.0) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as ex:
        with ex:
            return ex.code, ex.read().decode()


def test_a_worker_that_answers_is_alive(port: int) -> None:
    assert ask(port, "/healthz") == (200, '{"alive": true}\n')
    assert ask(port, "/metrics")[0] == 200
    assert ask(port, "/other")[0] == 404


def test_ready_says_who_is_behind(port: int) -> None:
    status, said = ask(port, "/readyz")
    assert status == 503
    assert json.loads(said) == {
        "ready": False, "ready_within_s": 90.0, "behind": 1, "lag_s": {"m/1": 120},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("lag_s", "ended", "ready"),
    [(89.0, False, True), (90.0, False, True), (90.1, False, False), (9e9, True, True)],
)
def test_ready_is_within_the_setting_to_the_second(lag_s: float, ended: bool, ready: bool) -> None:
    position = Position("m", "0", 1, lag_s, idle=False, ended=ended)
    assert readiness([position], 90.0)[0] == ready


def test_a_partition_that_has_read_nothing_is_not_ready_and_a_worker_without_any_is() -> None:
    unread = Position("m", "0", None, float("inf"), idle=False, ended=False)
    assert readiness([unread], 1e9) == (
        False, {"ready": False, "ready_within_s": 1e9, "behind": 1, "lag_s": {"m/0": None}},
    )  # fmt: skip
    assert readiness([], 1.0)[0]


def test_how_far_behind_is_by_partitions_that_are_read_here(meters: Meters) -> None:
    served = generate_latest(meters.registry).decode()
    assert 'foreshock_watermark_lag_seconds{partition="0",topic="m"} 60.0' in served
    assert 'foreshock_watermark_lag_seconds{partition="1",topic="m"} 120.0' in served
    assert 'foreshock_partition_idle{partition="1",topic="m"} 1.0' in served
    assert served.count("foreshock_watermark_timestamp_seconds{") == 2


def test_who_sends_half_a_request_keeps_nobody_waiting(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert ask(port, "/healthz")[0] == 200


@pytest.mark.parametrize("within_s", [0.0, -1.0, float("nan"), 1e9])
def test_ready_needs_a_time(within_s: float) -> None:
    with pytest.raises(ValueError, match="ready_within_s must be in"):
        HealthSettings(ready_within_s=within_s)
