"""Kafka settings: what is refused, and that secrets do not show."""

import msgspec
import pytest

from config.app import App
from config.loader import Document
from config.masking import masked_yaml
from connectors.kafka_reasons import explained
from connectors.kafka_settings import (
    KafkaOutput,
    KafkaSource,
    Property,
    Topic,
    instant_ms,
    masked,
)

SOURCE = {"type": "kafka", "brokers": "b:9092", "topics": ["t"]}
OUTPUT = {"type": "kafka", "brokers": "b:9092", "topic": "t"}


def test_the_defaults_are_enough() -> None:
    source = msgspec.convert(SOURCE, KafkaSource)
    assert (source.start, source.end, source.on_offset_gone) == ("earliest", "never", "stop")
    assert source.entries() == (Topic("t", "auto", "auto"),)
    assert msgspec.convert(OUTPUT, KafkaOutput).partitions is None


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("brokers", " ", "brokers must be 'host:port,host:port', got ' '"),
        ("topics", [], "topics must name at least one topic"),
        ("topics", ["t", "t"], "topics must differ, got 't' twice"),
        ("topics", ["t", {"name": "t"}], "topics must differ, got 't' twice"),
        ("topics", ["^a("], r"topics must be names or regular expressions, got '\^a\('"),
        ("topics", [{"name": "a b"}], "topics must be of letters, .* got 'a b'"),
        ("topics", [{"name": "t", "encoding": "br"}], "encoding must be one of auto, .* got 'br'"),
        ("topics", [{"name": "t", "start": "latest"}], "unknown field `start`"),
        ("format", "", "format must name a format, got ''"),
        ("encoding", "deflate", "encoding must be one of auto, none, .* got 'deflate'"),
        ("check_partitions_s", 0.0, "check_partitions_s must be in .* got 0.0"),
        ("topics", ["a b"], "topics must be of letters, .* got 'a b'"),
        ("topics", [".."], r"topics must be of letters, .* got '\.\.'"),
        ("start", "now", "start must be 'earliest', 'latest' or a time .* got 'now'"),
        ("start", "2026-03-01T00:00:00", "start must be .* got '2026-03-01T00:00:00'"),
        ("end", "latest", "end must be 'never', 'now' or a time .* got 'latest'"),
        ("poll_size", 0, r"poll_size must be in \[1, 100000\], got 0"),
        ("connect_timeout_s", 0.0, "connect_timeout_s must be in .* got 0.0"),
        ("on_offset_gone", "skip", "Invalid enum value 'skip'"),
        ("topic", "t", "unknown field `topic`"),
        ("properties", {"group.id": "g"}, "properties must not set .* got 'group.id'"),
    ],
)
def test_a_bad_source_is_refused(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        msgspec.convert({**SOURCE, field: value}, KafkaSource)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("topic", "", "topic must be of letters"),
        ("partitions", 0, r"partitions must be in \[1, 10000\], got 0"),
        ("replication", 0, r"replication must be in \[1, 100\], got 0"),
        ("delivery_timeout_s", float("nan"), "delivery_timeout_s must be in .* got nan"),
        ("max_payload_bytes", 10, "max_payload_bytes must be in .* got 10"),
    ],
)
def test_a_bad_output_is_refused(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        msgspec.convert({**OUTPUT, field: value}, KafkaOutput)


def test_a_topic_has_the_format_of_its_source_unless_it_names_its_own() -> None:
    topics = ["a", {"name": "b", "format": "otlp-proto"}, {"name": "^c", "encoding": "gzip"}]
    given = {**SOURCE, "topics": topics, "format": "foreshock-json", "encoding": "none"}
    assert msgspec.convert(given, KafkaSource).entries() == (
        Topic("a", "foreshock-json", "none"),
        Topic("b", "otlp-proto", "none"),
        Topic("^c", "foreshock-json", "gzip"),
    )


@pytest.mark.parametrize(
    ("entry", "topic", "matches"),
    [
        ("metrics", "metrics", True),
        ("metrics", "metrics.aws", False),
        ("metrics.aws", "metricsXaws", False),  # a name is no expression
        (r"^metrics\.", "metrics.aws", True),  # and an expression need not reach the end
        (r"^metrics\..*$", "metrics.aws", True),
        (r"^metrics\.", "my.metrics.aws", False),
        ("^.*", "__consumer_offsets", False),
        ("^__", "__consumer_offsets", False),
        ("__mine", "__mine", True),  # asked for by name
    ],
)
def test_an_entry_that_begins_with_a_caret_is_an_expression(
    entry: str, topic: str, matches: bool
) -> None:
    assert Topic(entry).matches(topic) is matches


def test_times_are_read_with_their_zone() -> None:
    assert instant_ms("start", "1970-01-01T01:00:01.5+01:00") == 1_500
    assert instant_ms("end", "1970-01-01T00:00:01Z") == 1_000


SECRETS = (
    "sasl.password",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
)
OPEN: dict[str, Property] = {
    "sasl.username": "ops",
    "ssl.ca.location": "ca.pem",
    "ssl.key.location": "key.pem",
    "enable.ssl.certificate.verification": False,
}


@pytest.mark.parametrize("name", SECRETS)
def test_values_of_secret_properties_are_masked(name: str) -> None:
    settings = KafkaSource(brokers="b:1", topics=("t",), properties={name: "hunter2", **OPEN})
    assert masked(settings.properties) == {name: "***"} | OPEN
    assert "hunter2" not in repr(settings)
    shown = masked_yaml(App(sources=(settings,)), Document({}, ()))
    assert "hunter2" not in shown
    assert "username: ops" in shown
    assert explained("hunter2 is wrong", settings) == "*** is wrong"
