"""What `foreshock run` made of a topic as it came, `foreshock backtest` makes of it again.

FORESHOCK_LIVED_HOURS says how much of it: `make live-replay` takes a day.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

import pytest
from confluent_kafka import Producer

from connectors import kafka_export
from connectors.control_log import FileControlLog, IdleMark
from connectors.incident_wire import decode_transition, outcome_digest
from connectors.kafka_reader import KafkaReader
from foreshock import main
from schema import Chunk, Drift, Transition
from tests.acceptance.lived_hours import MINUTE_MS, PARTITIONS, RESTS, START_MS, Hours
from tests.kafka.broker import free_ports
from tests.kafka.cluster import Cluster
from tests.operators.made_commands import drift

ROOT = Path(__file__).parent.parent.parent
HOURS = Hours(int(os.environ.get("FORESHOCK_LIVED_HOURS", "6")))
WITHIN_S = 60.0 + 30.0 * HOURS.hours
STOP_WITHIN_S = 20.0
SETTINGS = """
sources: [{{type: kafka, brokers: "{brokers}", topics: [{topic}], format: foreshock-json}}]
sinks: [{{type: jsonl, path: {folder}/incidents.jsonl}}]
recovery: {{dir: {folder}/recovery, snapshot_interval_s: 1}}
intake: {{idle_s: 0.5}}
ingest: {{groups: 2}}
metrics_port: {port}
detect:
  isolation_forest: {{trees: 10, max_samples: 64, min_rows: 128, reservoir_rows: 256}}
  half_space_trees: {{trees: 5, height: 5, window: 50}}
  rules: [{{name: saturated, metric: cpu.utilization, above: 90, for_ticks: 3}}]
"""


class Lived(NamedTuple):
    """A topic, and what was made of it as it came."""

    topic: str
    brokers: str
    settings: Path
    told: list[Transition]

    @property
    def digest(self) -> str:
        return outcome_digest(self.told)

    @property
    def log(self) -> Path:
        return self.settings.parent / "recovery" / "control.jsonl"


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


def produce(brokers: str, topic: str, first_ms: int, until_ms: int) -> None:
    """Write what was sent in [first_ms, until_ms)."""
    producer = Producer({"bootstrap.servers": brokers})
    for record in HOURS.records():
        if first_ms <= record.sent_ms < until_ms:
            producer.produce(
                topic, record.payload, partition=record.partition, timestamp=record.sent_ms
            )
    assert producer.flush(30.0) == 0


def accepted() -> Drift:
    """Return the word that the service whose level moves for good has another normal."""
    moved = round(HOURS.moves + START_MS / MINUTE_MS)
    return drift(moved + 30, moved + 45, service="aws.rds")


@pytest.fixture(scope="module")
def lived(kafka: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """Let the hours be lived: a partition rests until the flow has noticed, then goes on."""
    if not kafka.real:
        pytest.skip(f"needs a real broker, this is {kafka.said}")
    folder = tmp_path_factory.mktemp("lived")
    topic = kafka.topic("lived.metrics", PARTITIONS, retention_ms="-1")
    settings, log, events = folder / "s.yaml", folder / "log.txt", folder / "incidents.jsonl"
    (port,) = free_ports(1)
    settings.write_text(
        SETTINGS.format(brokers=kafka.bootstrap, topic=topic, folder=folder, port=port)
    )
    wake_ms = START_MS + HOURS.rest[1] * MINUTE_MS

    def told() -> list[Transition]:
        lines = events.read_bytes() if events.exists() else b""
        return [decode_transition(line) for line in lines[: lines.rfind(b"\n") + 1].splitlines()]

    def noticed() -> bool:
        marks = FileControlLog(folder / "recovery" / "control.jsonl").read()
        name = f"kafka:{topic}/{RESTS}"
        return any(
            isinstance(mark, IdleMark)
            and mark.partition == name
            and mark.effective_ms > wake_ms - 600_000
            for mark in marks
        )

    def all_read() -> bool:
        with urlopen(f"http://localhost:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        counts = re.findall(r"^foreshock_(?:samples|late)_total\{[^}]*\} (\S+)$", text, re.M)
        return sum(map(float, counts)) == len(HOURS.records())

    recovery = folder / "recovery"
    recovery.mkdir()
    FileControlLog(recovery / "control.jsonl").append(accepted())
    with running(settings) as worker:

        def wait_until(what: Callable[[], bool]) -> None:
            deadline = time.monotonic() + WITHIN_S
            while not what():
                assert worker.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                threading.Event().wait(0.1)

        produce(kafka.bootstrap, topic, 0, wake_ms)
        wait_until(noticed)
        produce(kafka.bootstrap, topic, wake_ms, 2**62)
        wait_until(
            all_read
        )  # what is still to be judged then is minutes, and nothing happens there
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(STOP_WITHIN_S) == 0, log.read_text()
    return Lived(topic, kafka.bootstrap, settings, told())


def backtest(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    assert main(["backtest", *args, "--json"]) == 0, capsys.readouterr().err
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.integration
@pytest.mark.parametrize("more", [(), ("--workers", "2")], ids=["one worker", "two workers"])
def test_a_replay_of_the_topic_comes_to_what_was_lived(
    lived: Lived, more: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    found = backtest(capsys, "-c", str(lived.settings), *more)
    assert found["outcome_digest"] == lived.digest
    assert found["incident_count"] == len({said.incident.id for said in lived.told}) >= 3
    assert found["late"] > 0
    assert found["partial"] == ""


@pytest.mark.integration
def test_so_does_one_whose_partitions_are_read_at_very_different_rates(
    lived: Lived, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = KafkaReader.read
    asked = [0] * PARTITIONS

    def slowly(self: KafkaReader) -> Chunk | None:
        asked[self._partition] += 1
        if asked[self._partition] % (1 + 20 * self._partition) and not self._moved:
            return None
        return read(self)

    monkeypatch.setattr(KafkaReader, "read", slowly)
    topic, brokers = f"kafka:{lived.topic}", lived.brokers
    log = ("-c", str(lived.settings), "--control-log", str(lived.log))
    found = backtest(capsys, topic, "--brokers", brokers, *log)
    assert found["outcome_digest"] == lived.digest


@pytest.mark.integration
def test_the_control_log_is_a_part_of_what_was_lived(
    lived: Lived, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = lived.log.read_bytes()
    (tmp_path / "none.jsonl").touch()
    nothing = ("--control-log", str(tmp_path / "none.jsonl"))
    without = backtest(capsys, "-c", str(lived.settings), *nothing)
    known = backtest(capsys, "-c", str(lived.settings))
    assert without["late"] < known["late"]
    assert without["outcome_digest"] != known["outcome_digest"] == lived.digest
    assert lived.log.read_bytes() == before


@pytest.mark.integration
def test_a_range_ends_by_the_times_of_records_in_every_partition(
    lived: Lived, capsys: pytest.CaptureFixture[str]
) -> None:
    bounds = [START_MS + minute * MINUTE_MS for minute in (60, 150)]
    times = ("--from", "2026-03-02T01:00Z", "--to", "2026-03-02T02:30Z")
    found = backtest(capsys, "-c", str(lived.settings), *times)
    sent = [record.sent_ms for record in HOURS.records()]
    assert found["payloads"] == sum(bounds[0] <= each < bounds[1] for each in sent) > 0


@pytest.mark.integration
def test_an_export_comes_to_what_the_topic_does_and_is_gone_on_with(
    lived: Lived,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "archive"
    monkeypatch.setattr(kafka_export, "ROWS_A_FILE", 500)
    command = ["export", lived.topic, "-c", str(lived.settings), "--out", str(folder)]
    assert main(command) == 0
    assert f"{len(HOURS.records()):,} records of 3 partitions" in capsys.readouterr().out
    files = sorted(folder.rglob("*.parquet"))
    sizes = [file.read_bytes() for file in files]
    manifest = folder / "archive.json"
    manifest.write_text(manifest.read_text().replace("true", "false"))
    files[-1].unlink()
    assert main(["backtest", str(folder)]) == 2
    assert "must be a complete export" in capsys.readouterr().err
    assert main(command) == 0
    assert "in 1 new files" in capsys.readouterr().out
    assert [file.read_bytes() for file in files] == sizes
    assert main([*command, "--to", "2026-03-02T01:00Z"]) == 2
    assert "must be of the same topic and range" in capsys.readouterr().err
    log = ("-c", str(lived.settings), "--control-log", str(lived.log))
    assert backtest(capsys, str(folder), *log)["outcome_digest"] == lived.digest
    times = ("--from", "2026-03-02T01:00Z", "--to", "2026-03-02T02:30Z")
    part = backtest(capsys, str(folder), *log, *times)
    same = backtest(capsys, "-c", str(lived.settings), *times)
    assert part["payloads"] == same["payloads"] > 0
    assert part["outcome_digest"] == same["outcome_digest"]
