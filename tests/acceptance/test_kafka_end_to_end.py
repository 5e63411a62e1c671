"""CloudWatch series from a topic to incidents on another, by `foreshock run`, as a user does it.

The series come to the topic by the script of docs/cloudwatch.md.
"""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Consumer
from jsonschema import Draft202012Validator

from tests.kafka.cluster import Cluster

ROOT = Path(__file__).parent.parent.parent
START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
DAYS, STEP_MIN = 9, 5
READ_WITHIN_S = 150.0  # the first run after an edit compiles
STOP_WITHIN_S = 10.0
SERIES = {  # name: namespace, metric, dimension, daily mean, daily swing, noise
    "web-b": ("AWS/EC2", "CPUUtilization", "InstanceId", 35.0, 8.0, 1.0),
    "orders": ("AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", 20.0, 5.0, 0.8),
    "front": ("AWS/ELB", "Latency", "LoadBalancerName", 0.2, 0.02, 0.004),
}
FAULTS = {  # name: when it begins, how long, how much is added (in deviations of the noise)
    "web-b": (timedelta(days=7, hours=14), timedelta(hours=3), 25.0),
    "orders": (timedelta(days=8, hours=8), timedelta(hours=2), 20.0),
}


def write_csv(name: str, folder: Path) -> str:
    """Write a series as a file; return how the script is told of it."""
    namespace, metric, dimension, mean, swing, noise = SERIES[name]
    draw = np.random.default_rng(list(SERIES).index(name))
    lines = ["timestamp,value"]
    for i in range(DAYS * 24 * 60 // STEP_MIN):
        after = timedelta(minutes=i * STEP_MIN)
        value = mean + swing * np.sin(after / timedelta(days=1) * 2 * np.pi)
        value += draw.normal(0.0, noise)
        if name in FAULTS:
            begin, length, size = FAULTS[name]
            value += size * noise if begin <= after < begin + length else 0.0
        lines.append(f"{START + after:%Y-%m-%d %H:%M:%S},{value:.4f}")
    path = folder / f"{name}.csv"
    path.write_text("\n".join(lines))
    return f"{path}={namespace},{metric},{dimension},{name}"


def documented_script(folder: Path) -> Path:
    """Return the script of the page, as a file."""
    found = re.search(
        r"```python\n(.*?)```", (ROOT / "docs" / "cloudwatch.md").read_text(), re.DOTALL
    )
    assert found is not None
    path = folder / "csv_to_kafka.py"
    path.write_text(found[1])
    return path


@contextmanager
def running(settings: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the workers in the settings' folder, and leave none behind."""
    with (settings.parent / "log.txt").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "foreshock", "run", "-c", str(settings)],
            cwd=settings.parent,
            env={"PYTHONPATH": str(ROOT), "HOME": str(Path.home()), "PATH": "/usr/bin:/bin"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield worker
        finally:
            worker.kill()
            worker.wait()


def read_events(
    kafka: Cluster, topic: str, worker: "subprocess.Popen[bytes]"
) -> Iterator[dict[str, Any]]:
    """Read the topic with a plain consumer, as long as the worker lives and time is left."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": "reader",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    deadline = time.monotonic() + READ_WITHIN_S
    try:
        while time.monotonic() < deadline and worker.poll() is None:
            message = consumer.poll(0.5)
            if message is None or message.error() is not None:
                continue
            event = json.loads(message.value() or b"")
            assert message.key() == event["incident"]["id"].encode()
            yield event
    finally:
        consumer.close()


@pytest.mark.integration
def test_series_from_one_topic_become_incidents_on_another(kafka: Cluster, tmp_path: Path) -> None:
    source, target = kafka.topic("streams.cloudwatch"), kafka.topic("foreshock.incidents")
    told = [write_csv(name, tmp_path) for name in SERIES]
    script = documented_script(tmp_path)
    subprocess.run([sys.executable, str(script), kafka.bootstrap, source, *told], check=True)
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        f"""
sources: [{{type: kafka, brokers: "{kafka.bootstrap}", topics: [{source}],
           format: cloudwatch-json}}]
sinks: [{{type: kafka, brokers: "{kafka.bootstrap}", topic: {target}}}]
recovery: {{dir: {tmp_path / "recovery"}, snapshot_interval_s: 1}}
intake: {{idle_s: 1}}
"""
    )
    schema = Draft202012Validator(json.loads((ROOT / "docs/incident.schema.json").read_text()))
    opened: dict[str, list[datetime]] = {name: [] for name in SERIES}
    resolved: set[str] = set()
    with running(settings) as worker:
        for event in read_events(kafka, target, worker):
            schema.validate(event)
            incident = event["incident"]
            for member in incident["members"]:
                name = member["resource"]["name"]
                if event["event"] == "opened":
                    opened[name].append(datetime.fromisoformat(incident["opened"]))
                elif event["event"] == "resolved":
                    resolved.add(name)
            if FAULTS.keys() <= resolved:
                break
        log = (tmp_path / "log.txt").read_text()
        assert FAULTS.keys() <= resolved, log
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(STOP_WITHIN_S) == 0
    for name, (begin, length, _) in FAULTS.items():
        assert any(START + begin <= at < START + begin + length for at in opened[name]), log
    assert f"reading kafka:{source} " in log
    assert "no control_log is set" in log
