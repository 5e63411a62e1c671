"""A day of metrics from a real broker, read by workers that are killed again and again.

`Chaos` is the supervisor and the vandal: it starts `foreshock run`, kills worker processes,
restarts the broker, changes the number of workers, and takes the database away. A seed draws the
moments: how far the day has been read when a worker is killed.
"""

import http.client
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml
from confluent_kafka import Consumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from connectors.incident_store import IncidentStore
from connectors.incident_wire import decode_transition, encode_transition
from connectors.recovery_manifest import RecoveryError
from flows.recovery import inspect
from tests.kafka.broker import Broker, free_ports
from tests.postgres.server import Postgres

ROOT = Path(__file__).parent.parent.parent
TOPICS = ("metrics.aws", "metrics.azure", "metrics.gcp")
REACHED_WITHIN_S, ENDED_WITHIN_S = 600.0, 900.0  # the first run after an edit compiles
LOOK_S = 0.01
LOOKS = 20

Event = tuple[str, int, bytes]  # incident, revision, content


@dataclass(frozen=True)
class Plan:
    """What is done to a run."""

    kills: int
    processes: tuple[int, ...]  # one after the other, for the same share of the kills
    broker_restarts: int
    away_s: float  # how long the database is away, once
    seed: int = 7


@dataclass
class Told:
    """What was done, as it came to pass."""

    kills: int = 0
    with_open_work: int = 0
    stops: int = 0  # in order, to change the number of workers
    broker_restarts: int = 0


def simulate(broker: Broker, days: float, resources: int) -> None:
    """Write the day to the broker's topics."""
    command = [sys.executable, "-m", "foreshock", "simulate", "--days", str(days), "--seed", "1"]
    command += ["--resources", str(resources), "--points-per-payload", "20"]
    command += ["--faults-per-day", "100", "--quiet-days", "0.15", "--kafka", broker.bootstrap]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def settings(folder: Path, broker: Broker, url: str) -> Path:
    """Write settings that make many incidents of a day, told to SQL, Kafka and a file."""
    formats = ("cloudwatch-json", "azure-monitor", "gcp-timeseries")
    document = {
        "sources": [
            {
                "type": "kafka",
                "brokers": broker.bootstrap,
                "topics": [{"name": n, "format": f} for n, f in zip(TOPICS, formats, strict=True)],
                "end": "now",
                "poll_size": 50,
            }
        ],
        "sinks": [
            {"type": "sql", "url": url, "wait_s": 900},
            {"type": "kafka", "brokers": broker.bootstrap, "topic": f"incidents.{folder.name}"},
            {"type": "jsonl", "path": str(folder / "incidents.jsonl")},
        ],
        "control_log": str(folder / "control.jsonl"),
        "detect": {
            "fusion": {"threshold": 3.0},
            "alerts": {"least_effect": 2.0},
            "rules": [
                {"name": "busy", "metric": "cpu.utilization", "above": 45},
                {"name": "hot", "metric": "*cpu*", "above": 60},
                {"name": "slow", "metric": "*latency*", "above": 120},
            ],
        },
        "triage": {
            "window_s": 120,
            "quiet_s": 300,
            "reopen_s": 0,
            "derive_topology": False,
            "cause_hides_s": 0,
        },
        "recovery": {"dir": str(folder / "recovery"), "snapshot_interval_s": 0.5},
        "metrics_port": free_ports(1)[0],  # and three after it, as far as can be told
    }
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


class Run:
    """`foreshock run`, as a supervisor starts it."""

    def __init__(self, path: Path, processes: int) -> None:
        command = [sys.executable, "-m", "foreshock", "run", "-c", str(path)]
        self._log = (path.parent / "log.txt").open("ab")
        self._port = yaml.safe_load(path.read_text())["metrics_port"]
        self.processes = processes
        self.parent = subprocess.Popen(
            [*command, "--processes", str(processes)],
            cwd=ROOT,
            stdout=self._log,
            stderr=self._log,
        )

    def payloads(self) -> float:
        """Return how many payloads the workers have read, as far as they answer."""
        found = 0.0
        for i in range(self.processes):
            try:
                with urllib.request.urlopen(
                    f"http://127.0.0.1:{self._port + i}/metrics", timeout=2.0
                ) as answer:
                    text = answer.read().decode()
            except (OSError, http.client.HTTPException):
                continue
            found += sum(
                sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
                if sample.name == "foreshock_payloads_total"
            )
        return found

    def reached(self, payloads: float) -> bool:
        """Wait until it has read so many; False: it ended before."""
        deadline = time.monotonic() + REACHED_WITHIN_S
        while self.parent.poll() is None:
            if self.payloads() >= payloads:
                return True
            assert time.monotonic() < deadline, f"{payloads} payloads were not read"
            threading.Event().wait(LOOK_S)
        return False

    def kill_one(self, draw: random.Random) -> None:
        """Kill a worker process, if there are several one of them; wait until all have gone."""
        family = [
            child
            for child in psutil.Process(self.parent.pid).children(recursive=True)
            if "resource_tracker" not in " ".join(child.cmdline())
        ]
        victim = draw.choice(family).pid if family else self.parent.pid
        psutil.Process(victim).kill()
        self.wait()
        assert psutil.wait_procs(family, 30.0)[1] == []

    def wait(self) -> int:
        """Wait for the end."""
        code = self.parent.wait(ENDED_WITHIN_S)
        self._log.close()
        return code

    def stop(self) -> int:
        """Ask it to stop."""
        self.parent.send_signal(signal.SIGTERM)
        return self.wait()


class Chaos:
    """Runs to the end of the topics, whatever it does to the run on the way."""

    def __init__(self, path: Path, plan: Plan, broker: Broker, postgres: Postgres | None) -> None:
        self._path = path
        self._plan = plan
        self._broker = broker
        self._postgres = postgres
        self._draw = random.Random(plan.seed)
        self._store = path.parent / "recovery"
        self.told = Told()

    def run(self) -> Told:
        """Do all that is planned, then let it end."""
        plan = self._plan
        outages = {
            (i + 1) * plan.kills // (plan.broker_restarts + 1) for i in range(plan.broker_restarts)
        }
        away = plan.kills // 2
        share = -(-plan.kills // len(plan.processes))
        total = self._payloads()
        moments = sorted(self._draw.uniform(0.02, 0.9) * total for _ in range(plan.kills))
        for i in range(plan.kills):
            processes = plan.processes[i // share]
            if i and i % share == 0:
                self._stop_in_order(plan.processes[i // share - 1])
            with self._running(processes) as run:
                assert run.reached(1), "it ended early"
                if i in outages:
                    self._restart_broker()
                if i == away and self._postgres is not None and plan.away_s:
                    self._take_database_away(self._postgres)
                assert run.reached(max(1.0, moments[i] - self._base)), "it ended early"
                self._kill(run)
        last = Run(self._path, plan.processes[-1])
        assert last.wait() == 0
        return self.told

    @contextmanager
    def _running(self, processes: int) -> Iterator[Run]:
        self._base = self._read()
        run = Run(self._path, processes)
        try:
            yield run
        finally:
            run.parent.kill()
            run.parent.wait()

    def _kill(self, run: Run) -> None:
        payloads = run.payloads()
        for _ in range(LOOKS):  # until there is something that is read and not kept
            if self._base + payloads > self._read():
                break
            payloads = run.payloads()
        run.kill_one(self._draw)
        kept = self._read()
        self.told.kills += 1
        self.told.with_open_work += self._base + payloads > kept
        sys.stdout.write(
            f"kill {self.told.kills} of {run.processes}: {self._base + payloads:.0f} read, "
            f"{kept:.0f} kept\n"
        )
        sys.stdout.flush()  # what `make chaos` shows

    def _stop_in_order(self, processes: int) -> None:
        with self._running(processes) as run:
            assert run.reached(1), "it ended early"
            assert run.stop() == 0
            self.told.stops += 1

    def _restart_broker(self) -> None:
        self._broker.kill()
        threading.Event().wait(1.0)
        self._broker.revive()
        self.told.broker_restarts += 1

    def _take_database_away(self, postgres: Postgres) -> None:
        postgres.stop()
        threading.Event().wait(self._plan.away_s)
        postgres.start()

    def _payloads(self) -> int:
        """Return how many payloads there are to read."""
        consumer = Consumer({"bootstrap.servers": self._broker.bootstrap, "group.id": "chaos"})
        try:
            return sum(
                consumer.get_watermark_offsets(TopicPartition(topic, partition), 30.0)[1]
                for topic in TOPICS
                for partition in consumer.list_topics(topic, 30.0).topics[topic].partitions
            )
        finally:
            consumer.close()

    def _read(self) -> float:
        """Return how many payloads the store says have been read and need not be again."""
        try:
            return sum(place.position or 0 for place in inspect(self._store).places)
        except RecoveryError:
            return 0.0


def of_sql(url: str) -> list[Event]:
    """Return the events of the incident store, in its order."""
    store = IncidentStore(url)
    try:
        found = [each.transition for each in store.events_after(0, 1_000_000)]
    finally:
        store.close()
    return [(t.incident.id, t.incident.revision, encode_transition(t)) for t in found]


def of_kafka(broker: Broker, topic: str) -> tuple[list[Event], int]:
    """Return the events by the consumer rule of docs/cluster.md, and how many it dropped.

    Whatever it drops must be what it has.
    """
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "chaos"})
    events: list[Event] = []
    content: dict[tuple[str, int], bytes] = {}
    newest: dict[str, int] = {}
    dropped = 0
    for partition in consumer.list_topics(topic, 30.0).topics[topic].partitions:
        first, last = consumer.get_watermark_offsets(TopicPartition(topic, partition), 30.0)
        consumer.assign([TopicPartition(topic, partition, first)])
        at = first
        while at < last:
            message = consumer.poll(30.0)
            assert message is not None
            assert message.error() is None
            at = (message.offset() or 0) + 1
            raw = message.value() or b""
            incident = decode_transition(raw).incident
            key = (incident.id, incident.revision)
            if incident.revision <= newest.get(incident.id, 0):
                assert content[key] == raw
                dropped += 1
                continue
            newest[incident.id] = incident.revision
            content[key] = raw
            events.append((*key, raw))
    consumer.close()
    return events, dropped
