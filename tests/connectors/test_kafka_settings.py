"""Kafka settings: what is refused, and that secrets do not show."""

import msgspec
import pytest

from connectors.kafka_settings import KafkaOutput, KafkaSource, Property, instant_ms, masked

SOURCE = {"type": "kafka", "brokers": "b:9092", "topics": ["t"], "format": "foreshock-json"}
OUTPUT = {"type": "kafka", "brokers": "b:9092", "topic": "t"}


def test_the_defaults_are_enough() -> None:
    source = msgspec.convert(SOURCE, KafkaSource)
    assert (source.start, source.end, source.on_offset_gone) == ("earliest", "never", "stop")
    assert msgspec.convert(OUTPUT, KafkaOutput).partitions is None


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("brokers", " ", "brokers must be 'host:port,host:port', got ' '"),
        ("topics", [], "topics must name at least one topic"),
        ("topics", ["t", "t"], "topics must differ"),
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


def test_times_are_read_with_their_zone() -> None:
    assert instant_ms("start", "1970-01-01T01:00:01.5+01:00") == 1_500
    assert instant_ms("end", "1970-01-01T00:00:01Z") == 1_000


def test_values_of_secret_properties_are_masked() -> None:
    secret: dict[str, Property] = {
        "sasl.password": "x",
        "ssl.key.password": "x",
        "ssl.key.pem": "x",
        "sasl.oauthbearer.client.secret": "x",
        "sasl.oauthbearer.config": "x",
    }
    open_ones: dict[str, Property] = {
        "sasl.username": "ops",
        "ssl.ca.location": "ca.pem",
        "ssl.key.location": "key.pem",
        "enable.ssl.certificate.verification": False,
    }
    assert masked(secret | open_ones) == dict.fromkeys(secret, "***") | open_ones
