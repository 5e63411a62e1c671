"""Which topics are read: by name, by pattern, with what format, and what if there are none."""

from datetime import UTC, datetime

import msgspec
import pytest

from connectors.kafka_client import KafkaUnavailableError
from connectors.kafka_settings import KafkaSource
from connectors.kafka_source import KafkaOrigin, kafka_origins
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
