"""A simulation on Kafka: a topic a cloud, one for deploys, record times in event time."""

import time
from collections.abc import Callable

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.kafka_client import Contact, KafkaUnavailableError, asking, make_producer
from connectors.kafka_settings import KafkaOutput
from connectors.kafka_sink import ensure_topic
from connectors.simulator.events import deploy_records
from connectors.simulator.origin import SimulatorOrigin, SimulatorReader
from connectors.simulator.settings import CLOUDS

IDLE_S = 0.05
FLUSH_S = 30.0
# Simulated time may lie far behind the clock, where retention would delete it at once, or ahead.
TOPIC_CONFIG = {
    "retention.ms": "-1",
    "message.timestamp.after.max.ms": str(2**63 - 1),
}


class KafkaRun:
    """Produces a simulation until its end. `target.topic` is the prefix of the topics."""

    def __init__(self, origin: SimulatorOrigin, target: KafkaOutput) -> None:
        self._origin = origin
        self._target = target
        self._contact = Contact(f"kafka:{target.topic}", target)
        self._failed = ""
        self.records = 0
        self.points = 0

    def topics(self) -> list[str]:
        """Return the topics that are written."""
        return [f"{self._target.topic}.{name}" for name in (*CLOUDS, "deploys")]

    def run(self, progress: Callable[[int], None]) -> None:
        """Produce everything; `progress` is told the steps done, of clouds * steps.

        Raises: KafkaUnavailableError in bounded time if no broker answers or one gives up. What
        was produced is flushed also when interrupted.
        """
        for topic in self.topics():
            ensure_topic(msgspec.structs.replace(self._target, topic=topic), TOPIC_CONFIG)
        producer = make_producer(self._target, self._contact, self._target.delivery_timeout_s)
        lanes = {cloud: self._lanes(producer, cloud) for cloud in CLOUDS}
        readers = {cloud: self._origin.open(cloud, None, lanes[cloud]) for cloud in CLOUDS}
        deploys = deploy_records(self._origin.plan)
        try:
            while not all(reader.ended for reader in readers.values()):
                moved = 0
                for cloud, reader in readers.items():
                    moved += self._send(producer, cloud, reader)
                step = min(reader.step for reader in readers.values())
                now_ms = self._origin.settings.ms(step)
                while deploys and deploys[0][0] < now_ms:
                    stamp_ms, record = deploys.pop(0)
                    self._produce(producer, "deploys", 0, b"deploy", record, stamp_ms)
                progress(sum(reader.step for reader in readers.values()))
                producer.poll(0 if moved else IDLE_S)
                self._check()
        finally:
            for reader in readers.values():
                reader.close()
            left = producer.flush(FLUSH_S)
            self.points = sum(reader.points for reader in readers.values())
        self._check()
        if left:
            raise KafkaUnavailableError(
                f"kafka:{self._target.topic}: {left} records not delivered within {FLUSH_S:g} s"
            )

    def _lanes(self, producer: Producer, cloud: str) -> int:
        """Return the number of partitions that the cloud's topic really has."""
        topic = f"{self._target.topic}.{cloud}"
        with asking(self._target, self._contact, f"kafka:{topic}: look-up"):
            deadline_s = time.monotonic() + self._target.connect_timeout_s
            while True:
                found = producer.list_topics(topic, timeout=self._target.connect_timeout_s)
                partitions = len(found.topics[topic].partitions)
                if partitions or time.monotonic() > deadline_s:
                    return max(1, partitions)
                producer.poll(IDLE_S)  # just created: not every broker knows it yet

    def _send(self, producer: Producer, cloud: str, reader: SimulatorReader) -> int:
        pages = reader.read_pages()
        if pages is None:
            return 0
        for payload, stamp_ms, lane in zip(
            pages.payloads, pages.stamps_ms, pages.lanes, strict=True
        ):
            self._produce(producer, cloud, lane, f"{cloud}-{lane}".encode(), payload, stamp_ms)
        return len(pages.payloads)

    def _produce(
        self, producer: Producer, name: str, lane: int, key: bytes, value: bytes, stamp_ms: int
    ) -> None:
        topic = f"{self._target.topic}.{name}"
        while True:
            try:
                producer.produce(
                    topic,
                    value=value,
                    key=key,
                    partition=lane,
                    timestamp=stamp_ms,
                    on_delivery=self._delivered,
                )
            except BufferError:  # the queue is full
                producer.poll(IDLE_S)
                self._check()
            except KafkaException as ex:
                raise KafkaUnavailableError(f"kafka:{topic}: {ex.args[0].str()}") from None
            else:
                break
        self.records += 1

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed = self._failed or error.str()

    def _check(self) -> None:
        """Raise when a record was given up."""
        if self._failed:
            raise KafkaUnavailableError(f"kafka:{self._target.topic}: {self._failed}")
