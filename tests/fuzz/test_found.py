"""What the fuzzer has found, each as the smallest payload that shows it."""

import struct
import tracemalloc

import cramjam
import pytest

from connectors.formats.encodings import unpacked
from connectors.formats.reasons import Fault
from connectors.formats.registry import create_decoder
from schema import SeriesTable
from tests.connectors.formats.otlp_requests import as_json, as_proto, both, metric, number, request
from tests.connectors.formats.payloads import CATALOGUE, decode
from tests.fuzz.encoding_damage import COMPRESS
from tests.fuzz.harness import case


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "lz4"])
def test_damaged_compressed_payloads_leave_no_memory_behind(encoding: str) -> None:
    damaged = COMPRESS[encoding](bytes(range(256)) * 8)
    damaged = damaged[:5] + b"\xff" * 24 + damaged[29:]
    assert isinstance(unpacked(damaged, encoding, 1_000_000), Fault)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(50):
            unpacked(damaged, encoding, 1_000_000)
        assert tracemalloc.get_traced_memory()[0] - before < 65_536
    finally:
        tracemalloc.stop()


def test_a_gauge_is_no_rate_because_a_delta_of_its_series_is() -> None:
    """Both in one payload: what is done to the one was once done to the other."""
    gauge = metric("system.cpu.utilization", "gauge", number(asDouble=0.5))
    delta = metric("system.cpu.utilization", "sum", number(), aggregationTemporality=1)
    delta["sum"]["isMonotonic"] = True
    found = both(request(gauge, delta, host_name="h"))
    alone = both(request(gauge, host_name="h"))
    assert alone.samples[0] in found.samples


def test_a_signalling_nan_is_a_reject_and_no_warning() -> None:
    delta = metric("m", "sum", number(), aggregationTemporality=1, isMonotonic=True)
    payload = as_proto(request(delta))
    stale = payload.replace(struct.pack("<d", 1.5), struct.pack("<Q", 0x7FF0000000000002))
    assert stale != payload
    assert decode("otlp-proto", stale).reasons == [(0, "not_finite")]


def test_a_bad_value_under_a_key_that_comes_again_costs_no_point() -> None:
    payload = as_json(request(metric("m", "sum", number(), number(), aggregationTemporality=2)))
    again = payload.replace(b'"dataPoints"', b'"isMonotonic":{},"isMonotonic":true,"dataPoints"')
    assert decode("otlp-json", again).rejects == []
    assert len(decode("otlp-json", again).samples) == 2


def test_a_metric_stream_is_not_taken_for_otlp() -> None:
    """A length of two bytes reads as a field that OTLP has not; what follows is half an export."""
    found = [case("cloudwatch-otel", 1, at) for at in range(200)]
    first = [made.data for made in found if made.how == "valid"]
    assert len(first) >= 5
    for payload in first:
        decoder = create_decoder("auto", CATALOGUE)
        decoder([payload], SeriesTable())
        assert decoder.format == "cloudwatch-otel"


def test_a_lone_sample_whose_time_is_cut_in_two_is_read_by_the_book() -> None:
    """Its last bytes look usual, but are two fields: a time and an unknown one."""
    labels = b"\x0a\x0e\x0a\x08__name__\x12\x02up"
    series = labels + b"\x12\x10\x09" + struct.pack("<d", 0.25) + b"\x10\x42\x0d\xe7\xc7\xca\x33"
    known = labels + b"\x12\x10\x09" + struct.pack("<d", 0.25) + b"\x10\xa0\xab\xf6\xc6\xca\x33"
    payloads = [
        bytes(cramjam.snappy.compress_raw(b"\x0a" + bytes([len(each)]) + each))
        for each in (known, series)
    ]
    found = decode("prometheus-remote-write", *payloads, together=False)
    assert [(sample.ts_ms, sample.value) for sample in found.samples] == [
        (1_772_359_620_000, 0.25),
        (0x42, 0.25),
    ]
