"""A broker killed in the middle of a stream and started again: nothing lost, nothing twice.

It is down for BROKER_DOWN_S seconds, 5 unless set; `make chaos` makes it a minute.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from confluent_kafka import Producer

from config.app import App
from connectors.kafka_settings import KafkaSource
from flows.detect import Outputs
from flows.outcome import Outcome
from flows.replay import replay, summary_of
from flows.summary import Summary
from schema import Tally
from tests.kafka.broker import Broker, BrokerError
from tests.kafka.cluster import Cluster

DOWN_S = float(os.environ.get("BROKER_DOWN_S", "5"))
START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
END = datetime(2099, 1, 1, tzinfo=UTC)  # of the stream: a record of that time ends a partition
DAYS, STEP_MIN, PARTITIONS = 9, 5, 2
COST = {"elapsed_s", "samples_per_s", "times_real_time", "cpu_s", "peak_rss_bytes"}
STEPS = DAYS * 24 * 60 // STEP_MIN
HALF = STEPS // 2
RESOURCES = ("web-a", "web-b", "web-c", "web-d")
FAULT = ("web-b", timedelta(days=7, hours=14), timedelta(hours=3))
BEGUN_WITHIN_S, ENDED_WITHIN_S = 240.0, 240.0  # the first run after an edit compiles


def payload(name: str, at: datetime, value: float) -> bytes:
    """Return a sample as CloudWatch's metric streams send it."""
    record = {
        "metric_stream_name": "all",
        "account_id": "111122223333",
        "region": "eu-west-1",
        "namespace": "AWS/EC2",
        "metric_name": "CPUUtilization",
        "dimensions": {"InstanceId": name},
        "timestamp": round(at.timestamp() * 1000),
        "value": {"count": 1.0, "sum": value, "max": value, "min": value},
        "unit": "Percent",
    }
    return json.dumps(record).encode()


def stream() -> list[list[tuple[int, bytes]]]:
    """Return for each step what is produced: partition and payload of every resource."""
    draw = np.random.default_rng(7)
    noise = draw.normal(0.0, 1.0, (STEPS, len(RESOURCES)))
    steps = []
    for i in range(STEPS):
        after = timedelta(minutes=i * STEP_MIN)
        daily = 35.0 + 8.0 * np.sin(after / timedelta(days=1) * 2 * np.pi)
        step = []
        for number, name in enumerate(RESOURCES):
            value = daily + noise[i, number]
            if name == FAULT[0] and FAULT[1] <= after < FAULT[1] + FAULT[2]:
                value += 40.0
            step.append((number % PARTITIONS, payload(name, START + after, float(value))))
        steps.append(step)
    return steps


def produce(producer: Producer, topic: str, steps: list[list[tuple[int, bytes]]]) -> None:
    """Hand records to the producer, which sends them when it can."""
    for step in steps:
        for partition, value in step:
            stamp_ms = json.loads(value)["timestamp"]
            producer.produce(topic, value=value, partition=partition, timestamp=stamp_ms)


def end_stream(producer: Producer, topic: str) -> None:
    for partition in range(PARTITIONS):
        stamp_ms = round(END.timestamp() * 1000)
        producer.produce(topic, value=b"{}", partition=partition, timestamp=stamp_ms)


class Count(DynamicSink[Tally]):
    """How many samples have come so far."""

    def __init__(self) -> None:
        self.samples = 0

    def build(self, _step: str, _worker: int, _workers: int) -> StatelessSinkPartition[Tally]:
        count = self

        class Part(StatelessSinkPartition[Tally]):
            def write_batch(self, items: list[Tally]) -> None:
                count.samples += sum(tally.samples for tally in items)

        return Part()

    def wait_for(self, samples: int, run: "Future[Outcome]") -> None:
        """Wait until as many have come, as long as the run goes on."""
        deadline = time.monotonic() + BEGUN_WITHIN_S
        while self.samples < samples and not run.done():
            assert time.monotonic() < deadline, f"{self.samples} samples have come"
            threading.Event().wait(0.002)


@pytest.fixture
def broker() -> Iterator[Broker]:
    try:
        with Broker() as own:
            yield own
    except BrokerError as ex:
        pytest.skip(f"needs a real broker: {ex}")


def settings(broker: Broker, topic: str) -> App:
    source = KafkaSource(
        brokers=broker.bootstrap,
        topics=(topic,),
        format="cloudwatch-json",
        end=END.isoformat(),
        poll_size=20,
    )
    return App(sources=(source,), sinks=())


def in_background(work: Callable[[], Outcome]) -> "Future[Outcome]":
    """Begin the work in a thread that does not outlive a test that fails."""
    future: Future[Outcome] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as ex:  # noqa: BLE001  # a Rust panic is a bare BaseException
            future.set_exception(ex)

    threading.Thread(target=run, daemon=True).start()
    return future


def shown(summary: Summary) -> dict[str, object]:
    """Return all that a run came to, but how long it took."""
    found = summary.to_json()
    return {k: v for k, v in found.items() if k not in COST}


@pytest.mark.integration
def test_a_broker_killed_in_mid_stream_changes_nothing(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    topic = Cluster(broker.bootstrap, real=True, said="").topic("metrics", PARTITIONS)
    steps = stream()
    producer = Producer({"bootstrap.servers": broker.bootstrap, "enable.idempotence": True})
    produce(producer, topic, steps[:HALF])
    assert producer.flush(30.0) == 0
    count = Count()
    also = Outputs(incidents=(), tallies=(count,))
    run = in_background(lambda: replay(settings(broker, topic), also=also))
    count.wait_for(HALF * len(RESOURCES) // 4, run)
    broker.kill()
    assert count.samples < HALF * len(RESOURCES), "it was no longer in mid-stream"
    produce(producer, topic, steps[HALF:])
    end_stream(producer, topic)
    threading.Event().wait(DOWN_S)
    assert not run.done()
    broker.revive()
    assert producer.flush(60.0) == 0
    disturbed = summary_of(run.result(ENDED_WITHIN_S))
    assert "no Kafka broker answers" in caplog.text
    undisturbed = summary_of(replay(settings(broker, topic)))
    assert disturbed.counts.samples == STEPS * len(RESOURCES)
    assert disturbed.counts.late == disturbed.counts.rejected == 0
    assert FAULT[0] in {name for line in disturbed.incidents for name in line.resources}
    assert shown(disturbed) == shown(undisturbed)
