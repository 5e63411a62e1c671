import gzip
import json
import logging
import random

import pytest

from connectors.formats.auto import candidates
from connectors.formats.registry import BINARY_FORMATS, FORMATS, create_decoder
from connectors.formats.settings import DecodeSettings
from schema import SeriesTable
from tests.connectors.formats.payloads import (
    AZURE_RULE,
    CATALOGUE,
    FORESHOCK,
    GCP,
    GCP_SERIES,
    ONE_POINT,
    decode,
)

formats = pytest.mark.parametrize("name", FORMATS)

GARBAGE = [
    b"",
    b" \r\n",
    b"hello",
    b"7",
    b"null",
    b"[]",
    b"[7]",
    b'{"a":1}',
    b'{"name":"x","fields":7}',
    b'{"records":[{}]}',
    b'{"message":{"data":"!"}}',
    b'{"resource":"i","metric":"m","ts_ms":-1,"value":1}',
    FORESHOCK[:-1],
    bytes(range(256)),
    b"\x0a\x03abc",
    b"\x05\x0a\x03abc",
    b"\xff" * 40,
    b"!unreadable: cut at 5 of 9 bytes",
]


def found_in(*payloads: bytes) -> str:
    decoder = create_decoder("auto", CATALOGUE)
    decoder(list(payloads), SeriesTable())
    return decoder.format


@formats
def test_every_format_is_found_in_its_own_payload(name: str) -> None:
    payload = ONE_POINT[name]
    assert found_in(payload) == name
    assert found_in(gzip.compress(payload)) == name
    assert decode("auto", payload, payload) == decode(name, payload, payload)


@formats
def test_garbage_before_does_not_mislead_and_is_all_rejected(name: str) -> None:
    found = decode("auto", *GARBAGE, ONE_POINT[name], b"junk")
    assert found.reasons[: len(GARBAGE)] == [(i, "unknown_format") for i in range(len(GARBAGE))]
    assert all(detail for _, _, detail in found.rejects)
    assert {s.payload for s in found.samples} == {len(GARBAGE)}
    assert {i for i, _ in found.reasons[len(GARBAGE) :]} == {len(GARBAGE) + 1}


@formats
def test_what_was_found_sticks(name: str) -> None:
    other = next(n for n in FORMATS if n != name)
    payloads = [ONE_POINT[name], *[ONE_POINT[other]] * 3, ONE_POINT[name]]
    assert found_in(*payloads) == name
    assert decode("auto", *payloads) == decode(name, *payloads)


@formats
def test_where_chunks_end_makes_no_difference(name: str) -> None:
    rng = random.Random(name)
    payloads = [*rng.sample(GARBAGE, 6), ONE_POINT[name], *rng.sample(GARBAGE, 6)]
    payloads += [gzip.compress(ONE_POINT[name]), ONE_POINT[name]]
    assert decode("auto", *payloads) == decode("auto", *payloads, together=False)


@formats
def test_a_remembered_format_needs_no_finding(name: str) -> None:
    decoder = create_decoder("auto", CATALOGUE, found=name)
    assert decoder.format == name
    found = decoder([GARBAGE[2]], SeriesTable())
    assert "unknown_format" not in {reason for _, reason, _ in found.rejects}


@formats
def test_a_named_format_outranks_a_remembered_one(name: str) -> None:
    for encoding in ("auto", "none", "gzip"):
        decoder = create_decoder(name, CATALOGUE, encoding=encoding, found="foreshock-json")
        assert decoder.format == name


def test_a_remembered_format_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"format must be one of .*, got 'csv' as found"):
        create_decoder("auto", CATALOGUE, found="csv")


def test_the_finding_is_logged_once_with_source_and_format(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    decoder = create_decoder("auto", CATALOGUE, source="kafka:metrics/3")
    for payload in (b"x", FORESHOCK, FORESHOCK):
        decoder([payload], SeriesTable())
    assert caplog.messages == ["kafka:metrics/3: the format is foreshock-json"]


def test_nothing_remains_of_the_attempts() -> None:
    decoder, table = create_decoder("auto", CATALOGUE), SeriesTable()
    found = decoder([b'{"timeSeries":[]}', GCP], table)
    assert found.batch.series.tolist() == [0]
    assert [s.resource.service for s in table.series] == ["gcp.pubsub_subscription"]


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (AZURE_RULE, "azure-monitor"),
        (b"[" + AZURE_RULE + b"]", "azure-monitor"),
        (b"[" + GCP_SERIES + b"]", "gcp-timeseries"),
        (GCP_SERIES, "gcp-timeseries"),
        (b"\xef\xbb\xbf \n" + FORESHOCK, "foreshock-json"),
        (b"broken\n" + FORESHOCK, "foreshock-json"),
        (FORESHOCK.replace(b",", b",\n"), "foreshock-json"),
    ],
)
def test_every_envelope_is_known(payload: bytes, name: str) -> None:
    assert found_in(payload) == name


def test_a_payload_over_the_limit_is_not_looked_at() -> None:
    limit = DecodeSettings(max_payload_bytes=len(FORESHOCK))
    found = decode("auto", FORESHOCK + b" ", FORESHOCK, settings=limit)
    assert found.reasons == [(0, "too_large")]
    assert len(found.samples) == 1


def test_a_reject_names_some_keys_and_no_values() -> None:
    document = {f"key{i}": "a secret" for i in range(50)}
    ((_, reason, detail),) = decode("auto", json.dumps(document).encode()).rejects
    assert reason == "unknown_format"
    assert detail == "an object with the keys key0, key1, key10, key11, key12, key13, key14, key15"


@pytest.mark.parametrize("payload", [b"{}", b'{"resourceMetrics":[]}'])
def test_an_empty_envelope_shows_no_format_and_is_no_reject(payload: bytes) -> None:
    found = decode("auto", payload, payload, FORESHOCK)
    assert found.rejects == []
    assert [s.payload for s in found.samples] == [2]


def test_a_json_object_is_never_tried_as_a_message_and_a_message_may_begin_like_one() -> None:
    assert not BINARY_FORMATS & set(candidates(FORESHOCK)[0])
    assert candidates(b"{\x0a\x79" + bytes(121))[0] == ("cloudwatch-otel",)
    assert candidates(b"\n\x79" + bytes(121))[0] == ("otlp-proto",)


@pytest.mark.parametrize("payload", [g for g in GARBAGE if not g.startswith(b"{")])
def test_what_has_no_formats_shape_is_tried_by_no_decoder_or_few(payload: bytes) -> None:
    assert len(candidates(payload)[0]) <= 1
