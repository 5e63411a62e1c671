"""Which topics are read: by name, by pattern, with what format, and what if there are none."""

from datetime import UTC, datetime
from typing import cast

import msgspec
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin._metadata import ClusterMetadata, PartitionMetadata, TopicMetadata

from connectors.kafka_client import Contact, KafkaChangedError, KafkaUnavailableError
from connectors.kafka_settings import KafkaSource, Topic
from connectors.kafka_source import KafkaOrigin, kafka_origins
from connectors.kafka_topics import Found, TopicWatch
from tests.kafka.cluster import Cluster


def noon() -> datetime:
    return datetime(2026, 3, 1, 12, tzinfo=UTC)


def origins(kafka: Cluster, *topics: object, ours: tuple[str, ...] = ()) -> list[KafkaOrigin]:
    fields = {"type": "kafka", "brokers": kafka.bootstrap, "topics": topics, "format": "otlp-json"}
    return kafka_origins(msgspec.convert(fields, KafkaSource), noon, ours=ours)


@pytest.fixture(scope="module")
def named(kafka: Cluster) -> str:
    """Make topics of one prefix; return it as it stands in a pattern."""
    for name in ("b", "a", "c.otel", "c.rejects"):
        kafka.topic(f"found.{name}")
    return kafka.name("found").replace(".", r"\.")


def test_several_topics_are_several_origins_in_order_of_their_names(
    kafka: Cluster, named: str
) -> None:
    a, b = kafka.name("found.a"), kafka.name("found.b")
    assert [origin.name for origin in origins(kafka, b, a)] == [f"kafka:{a}", f"kafka:{b}"]


def test_a_pattern_finds_topics_and_a_name_beats_it(kafka: Cluster, named: str) -> None:
    found = origins(
        kafka,
        rf"^{named}\.[a-c]",
        {"name": rf"^{named}\.c", "format": "otlp-proto"},
        {"name": kafka.name("found.c.otel"), "format": "otlp-proto", "encoding": "zstd"},
        ours=(kafka.name("found.c.rejects"),),
    )
    assert [(o.name, o.format, o.encoding) for o in found] == [
        (f"kafka:{kafka.name('found.a')}", "otlp-json", "auto"),
        (f"kafka:{kafka.name('found.b')}", "otlp-json", "auto"),
        (f"kafka:{kafka.name('found.c.otel')}", "otlp-proto", "zstd"),
    ]


def test_a_topic_that_we_write_may_be_read_by_name(kafka: Cluster, named: str) -> None:
    rejects = kafka.name("found.c.rejects")
    assert [o.name for o in origins(kafka, rejects, ours=(rejects,))] == [f"kafka:{rejects}"]


def test_an_unknown_topic_is_one_clear_error(kafka: Cluster) -> None:
    topic = kafka.name("nowhere")
    with pytest.raises(KafkaUnavailableError, match=f"kafka:{topic}: no such topic at 127"):
        origins(kafka, topic)


def test_a_pattern_that_matches_nothing_is_one_clear_error(kafka: Cluster, named: str) -> None:
    with pytest.raises(KafkaUnavailableError, match=r"kafka:\^nowhere: no topic at .* matches"):
        origins(kafka, "^nowhere", rf"^{named}")


class Brokers:
    """What a consumer is told of topics: (name, partitions), or that nobody answers."""

    def __init__(self, *topics: tuple[str, int]) -> None:
        self.topics = dict(topics)
        self.answer = True
        self.asked = 0

    def list_topics(self, topic: str = "", timeout: float = 0.0) -> ClusterMetadata:
        self.asked += 1
        if not self.answer:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        found = ClusterMetadata()
        for name in [topic] if topic else self.topics:
            found.topics[name] = told = TopicMetadata()
            told.partitions = {i: PartitionMetadata() for i in range(self.topics.get(name, 0))}
            if name not in self.topics:
                told.error = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
        return found


class Scene:
    """A watch over topic "t" of two partitions, its clock, its brokers, and who looks."""

    def __init__(self, end: str = "never", topics: tuple[str, ...] = ("t",)) -> None:
        settings = KafkaSource(brokers="b:1", topics=topics, end=end, check_partitions_s=60.0)
        self.now = 0.0
        self.brokers = Brokers(("t", 2))
        self.contact = Contact("kafka:t/0", settings)
        found = Found(Topic("t"), (0, 1))
        self.watch = TopicWatch(settings, found, ("t",), ("mine",), lambda: self.now)

    def look(self, now: float, partition: int = 0) -> None:
        self.now = now
        self.watch.look(partition, cast("Consumer", self.brokers), self.contact)


def test_brokers_are_asked_once_a_minute_by_the_first_partition() -> None:
    scene = Scene()
    for now in (1.0, 59.0, 60.0, 61.0, 119.0, 120.0):
        scene.look(now, partition=1)
        assert scene.brokers.asked == 0
    for now, asked in ((59.0, 0), (60.0, 1), (61.0, 1), (119.0, 1), (120.0, 2)):
        scene.look(now)
        assert scene.brokers.asked == asked


def test_a_topic_that_seems_gone_must_be_so_twice() -> None:
    scene = Scene()
    scene.brokers.topics = {}
    scene.look(60.0)
    scene.look(61.9)
    scene.brokers.topics = {"t": 2}  # the broker had just started
    scene.look(62.0)
    scene.brokers.topics = {}
    scene.look(122.0)
    with pytest.raises(KafkaChangedError, match="kafka:t: the topic was deleted"):
        scene.look(124.0)


@pytest.mark.parametrize("end", ["never", "now"])
def test_a_rumour_is_followed_by_any_reader_at_once(end: str) -> None:
    scene = Scene(end)
    scene.contact.error(KafkaError(KafkaError._UNKNOWN_PARTITION))
    scene.look(1.0, partition=1)
    assert scene.brokers.asked == 1
    scene.brokers.topics = {}
    scene.contact.error(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
    scene.look(5.0, partition=1)
    with pytest.raises(KafkaChangedError, match="kafka:t: the topic was deleted"):
        scene.look(7.0, partition=1)


def test_an_outage_is_no_change() -> None:
    scene = Scene()
    scene.brokers.answer = False
    scene.look(60.0)
    scene.look(120.0)
    scene.contact.error(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    scene.look(180.0)
    assert scene.brokers.asked == 2  # a client without brokers would have to wait for the answer


def test_what_is_new_does_not_matter_to_a_run_that_ends_now() -> None:
    scene = Scene("now")
    scene.brokers.topics = {"t": 3}
    scene.contact.error(KafkaError(KafkaError._UNKNOWN_PARTITION))
    scene.look(60.0)
    assert scene.brokers.asked == 1


def test_topics_of_ours_and_internal_ones_are_not_new() -> None:
    scene = Scene(topics=("^.*",))
    scene.brokers.topics = {"t": 2, "mine": 1, "__consumer_offsets": 50}
    scene.look(60.0)
    scene.brokers.topics["u"] = 1
    with pytest.raises(KafkaChangedError, match=r"kafka:u matches '\^\.\*' and has come"):
        scene.look(120.0)
