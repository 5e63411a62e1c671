"""A model is promoted by hand while `foreshock run` reads a topic: no restart, no sample lost."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import msgspec
import pytest

from config.app import load_app
from connectors.incident_wire import decode_transition, encode_transition
from connectors.kafka_settings import KafkaSource
from connectors.model_registry import Registry
from connectors.source import wall_clock
from flows.assemble import catalogue_of
from flows.replay import replay
from flows.trainer import Trainer
from foreshock import main
from tests.flows.feature_rows import batch
from tests.kafka.cluster import Cluster

ROOT = Path(__file__).parent.parent.parent
WITHIN_S = 120.0  # the first run after an edit compiles
PAST_S = 400  # seconds of samples that are there when the worker starts
HOT_S = 8
METRICS = ("cpu.utilization",)
SETTINGS = """
sources: [{{type: kafka, brokers: "{bootstrap}", topics: [{topic}], format: foreshock-json}}]
sinks: [{{type: jsonl, path: {folder}/incidents.jsonl}}]
models: {folder}/models
recovery: {{dir: {folder}/recovery, snapshot_interval_s: 1}}
intake: {{idle_s: 1}}
ingest: {{tick_s: 1, groups: 2, out_of_order_s: 2}}
detect: {{isolation_forest: {{trees: 10, max_samples: 64, min_rows: 120}},
         rules: [{{name: saturated, metric: cpu.utilization, above: 90, for_ticks: 3}}]}}
metrics_port: {port}
"""


def point(resource: int, second: int, value: float) -> bytes:
    return msgspec.json.encode(
        {
            "resource": f"i-{resource}",
            "cloud": "aws",
            "service": "aws.ec2",
            "account": str(resource),  # each an incident of its own
            "region": "eu-west-1",
            "metric": "cpu.utilization",
            "ts_ms": second * 1000,
            "value": value,
        }
    )


class Feeder:
    """Writes a sample a resource and second, up to now, into one partition."""

    def __init__(self, kafka: Cluster, topic: str) -> None:
        self._kafka, self._topic = kafka, topic
        self._next = int(wall_clock().timestamp()) - PAST_S
        self._hot = (1, self._next + 62)  # resource, and since when
        self.sent = 0

    def saturate(self) -> None:
        """Let another resource be at its limit for the next seconds."""
        self._hot = (2, self._next)

    def feed(self) -> None:
        """Write what has come up since the last time."""
        until = int(wall_clock().timestamp())
        points, stamps = [], []
        for second in range(self._next, until):
            for resource in range(3):
                hot = resource == self._hot[0] and 0 <= second - self._hot[1] < HOT_S
                points.append(point(resource, second, 97.0 if hot else 20.0 + second * 7 % 5))
                stamps.append(second * 1000)
        if points:
            self._kafka.produce(self._topic, *points, stamps_ms=tuple(stamps))
        self.sent += len(points)
        self._next = max(self._next, until)


@contextmanager
def running(settings: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with (settings.parent / "log.txt").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "foreshock", "run", "-c", str(settings)],
            cwd=settings.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield worker
        finally:
            worker.kill()
            worker.wait()


def samples_taken(port: int) -> float:
    with urlopen(f"http://localhost:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return sum(map(float, re.findall(r"^foreshock_samples_total\{[^}]*\} (\S+)$", text, re.M)))


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@pytest.mark.integration
def test_a_promotion_is_taken_up_without_a_restart_and_without_a_loss(
    kafka: Cluster, tmp_path: Path
) -> None:
    topic, port = kafka.topic("swapped.metrics"), free_port()
    settings, log = tmp_path / "settings.yaml", tmp_path / "log.txt"
    settings.write_text(
        SETTINGS.format(bootstrap=kafka.bootstrap, topic=topic, folder=tmp_path, port=port)
    )
    app = load_app(str(settings))
    trainer = Trainer(app, catalogue_of(app))
    since = int(wall_clock().timestamp()) // 60 - 10_000
    trainer.train([batch(1, since=since, metrics=METRICS)], lambda _: 0)
    (candidate,) = trainer.train([batch(2, since=since, metrics=METRICS)], lambda _: None)
    feeder = Feeder(kafka, topic)
    feeder.feed()
    events = tmp_path / "incidents.jsonl"

    def opened() -> int:
        return events.read_bytes().count(b'"event":"opened"') if events.exists() else 0

    with running(settings) as worker:

        def go_on_until(what: Callable[[], bool]) -> None:
            deadline = time.monotonic() + WITHIN_S
            while not what():
                assert worker.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                feeder.feed()
                threading.Event().wait(0.1)  # the samples of the next tick come no sooner

        go_on_until(lambda: opened() == 1)
        assert main(["models", "promote", candidate.version, "-c", str(settings)]) == 0
        go_on_until(lambda: f"{candidate.version} is taken up" in log.read_text())
        feeder.saturate()
        go_on_until(lambda: opened() == 2)
        sent = feeder.sent
        go_on_until(lambda: samples_taken(port) >= sent)
        assert samples_taken(port) <= feeder.sent
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    live = [encode_transition(decode_transition(line)) for line in events.read_bytes().splitlines()]
    ended = tuple(
        msgspec.structs.replace(source, end="now")
        for source in app.sources
        if isinstance(source, KafkaSource)
    )
    known = replay(msgspec.structs.replace(app, sources=ended, sinks=(), metrics_port=None))
    again = [encode_transition(said) for said in known.transitions]
    assert len(live) >= 2
    assert live == again[: len(live)]
    assert known.counts.samples == feeder.sent
    assert Registry(tmp_path / "models").active_version("aws.ec2") == candidate.version
