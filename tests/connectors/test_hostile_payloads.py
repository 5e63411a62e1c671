"""Payloads that are meant to hurt, as docs/security.md lists them: rejects, at small cost."""

import gzip
import json
import tracemalloc
from collections.abc import Callable

import cramjam
import lz4.frame
import pytest
import zstandard

from config.catalogue import load_catalogue
from connectors.formats.registry import create_decoder
from connectors.formats.settings import DecodeSettings
from schema import Decoded, SeriesTable

SETTINGS = DecodeSettings(max_payload_bytes=1_000_000)
BOMB = bytes(40_000_000)
POINT = json.dumps(
    {
        "cloud": "aws", "service": "aws.ec2", "account": "1", "region": "eu", "resource": "a",
        "metric": "cpu", "ts_ms": 1_772_366_400_000, "value": 1.0,
    }
).encode()  # fmt: skip


def decoded(payload: bytes, format_name: str = "foreshock-json", encoding: str = "none") -> Decoded:
    decoder = create_decoder(format_name, load_catalogue(), SETTINGS, encoding=encoding)
    return decoder([payload], SeriesTable())


def test_the_point_itself_is_good() -> None:
    found = decoded(POINT)
    assert (len(found.batch.ts_ms), found.rejects) == (1, [])


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("zstd", zstandard.compress),
        ("lz4", lz4.frame.compress),
        ("snappy", lambda plain: bytes(cramjam.snappy.compress_raw(plain))),
    ],
)
def test_a_bomb_is_unpacked_to_the_limit_and_no_further(
    encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    payload = pack(BOMB)
    limited = DecodeSettings(max_payload_bytes=len(payload) + 1_000_000)
    decoder = create_decoder("foreshock-json", load_catalogue(), limited, encoding=encoding)
    tracemalloc.start()
    try:
        found = decoder([payload], SeriesTable())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [reason for _, reason, _ in found.rejects] == ["too_large"]
    assert peak < len(BOMB) / 2


@pytest.mark.parametrize(
    ("format_name", "start"),
    [
        ("foreshock-json", b"["),
        ("foreshock-json", b'{"value":'),
        ("auto", b'{"a":'),
        ("cloudwatch-json", b'{"value":'),
        ("azure-monitor", b'{"records":['),
        ("gcp-timeseries", b'{"points":['),
        ("otlp-json", b'{"resourceMetrics":['),
        ("telegraf-json", b'{"metrics":['),
        ("prometheus-json", b'{"labels":'),
    ],
)
def test_depth_is_a_reject(format_name: str, start: bytes) -> None:
    found = decoded(start * (900_000 // len(start)), format_name)
    assert len(found.rejects) == 1
    assert len(found.batch.ts_ms) == 0


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"NaN", b"Infinity", b"9" * 500_000])
def test_numbers_that_are_none_are_rejected(number: bytes) -> None:
    found = decoded(POINT.replace(b"1.0", number))
    assert [reason for _, reason, _ in found.rejects] == ["not_finite"]


@pytest.mark.parametrize("stamp", [b"-5", b"1" + b"0" * 18, b"1" + b"0" * 4000])
def test_times_that_are_none_are_rejected(stamp: bytes) -> None:
    found = decoded(POINT.replace(b"1772366400000", stamp))
    assert [reason for _, reason, _ in found.rejects] == ["bad_time"]
