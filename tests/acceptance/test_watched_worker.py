"""A real Prometheus scrapes a live worker: its queries find data, and one of our rules fires."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.prometheus.server import MISSING, Prometheus, binary
from tests.test_deploy import NAME, RULES, queries, rules

ROOT = Path(__file__).parent.parent.parent
WITHIN_S = 90.0
SETTINGS = """
sources:
  - {{type: simulator, days: 14, seed: 1, speed: 3600, state_dir: {folder}/simulator}}
sinks: [{{type: jsonl, path: {folder}/incidents.jsonl}}]
recovery: {{dir: {folder}/recovery, snapshot_interval_s: 1}}
metrics_port: {port}
limits: {{account_resources: 16}}
log_format: json
"""
NOT_HERE = (  # without Kafka, a registry, and the time that a drift takes; nothing was late
    "foreshock_kafka_up", "foreshock_consumer_lag_messages", "foreshock_lost_messages_total",
    "foreshock_model_info", "foreshock_models_refused_total", "foreshock_drifts_total",
    "foreshock_rejects_total", "foreshock_anomalies_total", "foreshock_incident_events_total",
    "foreshock_drift_state", "foreshock_drift_odd_ratio", "foreshock_feedback_total",
    "foreshock_detector_feedback_total", "foreshock_notify_",
)  # fmt: skip

pytestmark = pytest.mark.integration


T = TypeVar("T")


def until(found: Callable[[], T | None], what: str) -> T:
    """Return what is found, as soon as it is."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        if (it := found()) is not None:
            return it
        time.sleep(0.1)  # between two questions
    pytest.fail(f"{what}: not in {WITHIN_S:g} s")


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    if binary() is None:
        pytest.skip(MISSING)
    folder = tmp_path_factory.mktemp("worker")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    (folder / "run.yaml").write_text(SETTINGS.format(folder=folder, port=port))
    log = folder / "log"
    command = [sys.executable, "foreshock.py", "run", "-c", str(folder / "run.yaml")]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, stderr=out, stdout=out, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    try:
        until(lambda: ask(f"127.0.0.1:{port}", "/healthz"), "alive")
        yield f"127.0.0.1:{port}", log
    finally:
        process.terminate()
        assert process.wait(30) == 0, log.read_text()


def ask(address: str, page: str) -> tuple[int, bytes] | None:
    try:
        with urlopen(f"http://{address}{page}", timeout=5.0) as answer:
            return answer.status, answer.read()
    except HTTPError as ex:
        with ex:
            return ex.code, ex.read()
    except OSError:
        return None


@pytest.fixture(scope="module")
def prometheus(
    worker: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    with Prometheus(folder, worker[0], job="foreshock", rules=RULES) as server:
        yield server


def test_a_rule_fires(prometheus: Prometheus) -> None:
    def firing() -> dict[str, Any] | None:
        alerts = prometheus.ask("alerts")["alerts"]
        named = [a for a in alerts if a["labels"]["alertname"] == "ForeshockLimitReached"]
        return named[0] if named and named[0]["state"] == "firing" else None

    alert = until(firing, "an alert")
    assert alert["labels"]["limit"] == "account_resources"
    assert "new names are refused" in alert["annotations"]["summary"]


def test_every_panel_finds_what_it_asks_for(prometheus: Prometheus) -> None:
    here = [q for q in queries() if not any(n.startswith(NOT_HERE) for n in NAME.findall(q))]
    assert len(here) > 25

    def missing() -> list[str] | None:
        empty = [q for q in here if not prometheus.ask("query", query=q)["result"]]
        return None if empty else []

    until(missing, "every panel's data")


def test_every_other_query_is_one_that_prometheus_understands(prometheus: Prometheus) -> None:
    for query in (*queries(), *(rule["expr"] for rule in rules())):
        prometheus.ask("query", query=query)  # raises where it is not
    (group,) = prometheus.ask("rules")["groups"]
    assert [rule["health"] for rule in group["rules"]] == ["ok"] * len(rules())


def test_a_worker_far_behind_in_event_time_is_alive_and_not_ready(
    worker: tuple[str, Path],
) -> None:
    """The simulator's time began long ago."""
    answer = ask(worker[0], "/readyz")
    assert answer is not None
    status, said = answer
    assert status == 503
    assert json.loads(said)["behind"] > 0


def test_the_log_is_json_and_says_the_limit(worker: tuple[str, Path]) -> None:
    lines = [json.loads(line) for line in worker[1].read_text().splitlines()]
    said = [line["message"] for line in lines if line["level"] == "WARNING"]
    assert any("limits.account_resources reached by account" in message for message in said)
