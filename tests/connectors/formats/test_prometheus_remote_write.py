import struct
from collections import Counter
from typing import Any

import cramjam
import numpy as np
import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.formats.lean_proto import declare
from connectors.formats.prometheus_remote_write import PrometheusRemoteWrite
from connectors.formats.settings import DecodeSettings
from schema import Decoded, SeriesTable
from tests.connectors.formats.payloads import CATALOGUE, WRITE_REQUEST, decode

NAME = "prometheus-remote-write"
TS = 1_772_359_200_000
STALE = 0x7FF0000000000002

# As prompb/types.proto has them, so that protobuf itself writes and reads what we compare with.
PROMPB = declare(
    "test.prometheus",
    {
        "WriteRequest": {
            "timeseries": (1, "repeated TimeSeries"),
            "metadata": (3, "repeated Meta"),
        },
        "TimeSeries": {
            "labels": (1, "repeated Label"),
            "samples": (2, "repeated Sample"),
            "exemplars": (3, "repeated Exemplar"),
            "histograms": (4, "repeated Histogram"),
        },
        "Label": {"name": (1, "string"), "value": (2, "string")},
        "Sample": {"value": (1, "double"), "timestamp": (2, "int64")},
        "Exemplar": {
            "labels": (1, "repeated Label"),
            "value": (2, "double"),
            "timestamp": (3, "int64"),
        },
        "Histogram": {"count_int": (1, "uint64"), "sum": (3, "double"), "timestamp": (15, "int64")},
        "Meta": {"type": (1, "uint32"), "metric_family_name": (2, "string")},
    },
)
Series = tuple[dict[str, str], list[tuple[float, int]]]


def request(*series: Series) -> Message:
    found: Any = PROMPB["WriteRequest"]()
    for labels, samples in series:
        one = found.timeseries.add()
        for name, text in labels.items():
            one.labels.add(name=name, value=text)
        for value, ts_ms in samples:
            one.samples.add(value=value, timestamp=ts_ms)
    written: Message = found
    return written


def block(plain: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(plain))


def body(*series: Series) -> bytes:
    return block(request(*series).SerializeToString())


def named(name: str, **labels: str) -> dict[str, str]:
    return {"__name__": name, "instance": "i:1", "job": "shop", **labels}


def of_bits(bits: int, name: str = "x") -> bytes:
    """A body whose sample has exactly these bits for its value."""
    plain = request((named(name), [(1.5, TS)])).SerializeToString()
    assert plain.count(struct.pack("<d", 1.5)) == 1
    return block(plain.replace(struct.pack("<d", 1.5), struct.pack("<Q", bits)))


SINGLE = request((named("x", code="200"), [(1.5, TS)])).SerializeToString()


def test_a_sample_becomes_one_of_its_series() -> None:
    (sample,), rejects = decode(NAME, body((named("x", le="1"), [(2.5, TS)])))
    assert rejects == []
    assert sample.series.resource.key == "|||app.shop|job=shop,instance=i:1"
    assert (sample.series.metric, sample.series.labels) == ("x", (("le", "1"),))
    assert (sample.ts_ms, sample.value) == (TS, 2.5)


VALUES = [0.0, -0.0, 1.5, -1e300, 5e-324, 1e-274, 42.0]
TIMES = [0, 1, 127, 128, 34359738367, 34359738368, TS, 4398046511103, 4398046511104,
         253402300799999]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("ts_ms", TIMES)
def test_every_way_to_write_a_sample_is_read_at_first_and_again(value: float, ts_ms: int) -> None:
    one = body((named("x"), [(value, ts_ms)]))
    usual = body((named("x"), [(7.0, TS)]))
    for payloads in ([one], [one, one], [usual, one]):
        found = decode(NAME, *payloads)
        assert found.rejects == []
        assert (found.samples[-1].value, found.samples[-1].ts_ms) == (value, ts_ms)
        assert len({sample.series for sample in found.samples}) == 1


@pytest.mark.parametrize("ts_ms", [-1, -(2**63), 253402300800000, 2**48 - 1, 2**48, 2**63 - 1])
def test_times_out_of_range_are_rejects(ts_ms: int) -> None:
    found = decode(NAME, WRITE_REQUEST, body((named("x"), [(1.0, ts_ms), (2.0, TS)])))
    assert found.reasons == [(1, "bad_time")]
    assert len(found.samples) == 2


def test_a_series_of_many_samples_leaves_oldest_first() -> None:
    samples = [(3.0, TS + 3), (1.0, TS + 1), (0.0, TS + 2)]
    found = decode(NAME, body((named("x"), samples)), body((named("x"), samples)))
    assert [(s.value, s.ts_ms - TS) for s in found.samples] == [(1.0, 1), (0.0, 2), (3.0, 3)] * 2


def test_the_order_of_labels_makes_no_other_series() -> None:
    labels = named("x", a="1", b="2")
    backwards = dict(reversed(labels.items()))
    found = decode(NAME, body((labels, [(1.0, TS)]), (backwards, [(2.0, TS)])))
    assert len({sample.series for sample in found.samples}) == 1
    assert len(found.samples) == 2


def test_empty_labels_are_absent_ones() -> None:
    found = decode(NAME, body((named("x", a=""), [(1.0, TS)]), (named("x"), [(1.0, TS)])))
    assert len({sample.series for sample in found.samples}) == 1


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(
    ("bits", "reason"),
    [(STALE, "stale"), (0x7FF8000000000002, "not_finite"), (0x7FF8000000000001, "not_finite"),
     (0x7FF0000000000001, "not_finite"), (0x7FF0000000000003, "not_finite"),
     (0xFFF0000000000002, "not_finite"), (0x7FF0000000000000, "not_finite"),
     (0xFFF0000000000000, "not_finite")],
)  # fmt: skip
def test_only_the_exact_bits_are_the_stale_mark(bits: int, reason: str, warm: bool) -> None:
    before = [of_bits(0x3FF0000000000000)] * warm
    found = decode(NAME, *before, of_bits(bits))
    assert found.reasons == [(len(before), reason)]
    assert len(found.samples) == len(before)
    in_many = request((named("x"), [(1.0, TS), (1.5, TS + 1)])).SerializeToString()
    wire = in_many.replace(struct.pack("<d", 1.5), struct.pack("<Q", bits))
    assert decode(NAME, *before, block(wire)).reasons == [(len(before), reason)]


def test_a_sum_and_its_count_in_one_request_make_a_mean() -> None:
    total = named("x_seconds_sum", code="200")
    count = named("x_seconds_count", code="200")
    other = named("x_seconds_count", code="500")
    decoder, table = PrometheusRemoteWrite(CATALOGUE, DecodeSettings()), SeriesTable()
    found = decoder(
        [
            body((count, [(4.0, TS)]), (other, [(1.0, TS)]), (total, [(10.0, TS)])),
            body((total, [(11.0, TS + 1)])),
            body((count, [(5.0, TS + 1)])),
            body((total, [(12.0, TS + 2)]), (count, [(6.0, TS + 3)])),
            body((total, [(0.0, TS + 4), (3.0, TS + 5)]), (count, [(0.0, TS + 4), (1.0, TS + 5)])),
        ],
        table,
    )
    assert found.rejects == []
    assert readings(found, table) == [
        (0, "x_seconds.count", TS, 4.0, 0.0), (0, "x_seconds.count", TS, 1.0, 0.0),
        (0, "x_seconds.sum", TS, 10.0, 0.0), (0, "x_seconds", TS, 10.0, 4.0),
        (1, "x_seconds.sum", TS + 1, 11.0, 0.0), (2, "x_seconds.count", TS + 1, 5.0, 0.0),
        (3, "x_seconds.sum", TS + 2, 12.0, 0.0), (3, "x_seconds.count", TS + 3, 6.0, 0.0),
        (4, "x_seconds.sum", TS + 4, 0.0, 0.0), (4, "x_seconds.count", TS + 4, 0.0, 0.0),
        (4, "x_seconds", TS + 4, 0.0, 0.0), (4, "x_seconds.sum", TS + 5, 3.0, 0.0),
        (4, "x_seconds.count", TS + 5, 1.0, 0.0), (4, "x_seconds", TS + 5, 3.0, 1.0),
    ]  # fmt: skip
    (mean,) = [s for s in table.series if s.counter is not None and s.counter.kind == "mean"]
    assert (mean.labels, mean.unit) == ((("code", "200"),), "s")


def readings(found: Decoded, table: SeriesTable) -> list[tuple[int, str, int, float, float]]:
    batch = found.batch
    assert batch.count is not None
    assert batch.start_ms is not None
    assert not batch.start_ms.any()
    return [
        (payload, table.series[series].metric, ts_ms, value, count)
        for payload, series, ts_ms, value, count in zip(
            batch.payload.tolist(), batch.series.tolist(), batch.ts_ms.tolist(),
            batch.value.tolist(), batch.count.tolist(), strict=True,
        )
    ]  # fmt: skip


def test_a_broken_half_makes_no_mean() -> None:
    total, count = named("x_sum"), named("x_count")
    good = body((total, [(1.0, TS)]), (count, [(2.0, TS)]))
    found = decode(NAME, good, body((total, [(float("inf"), TS)]), (count, [(2.0, TS)])))
    assert found.reasons == [(1, "not_finite")]
    assert [(s.payload, s.series.metric) for s in found.samples] == [
        (0, "x.sum"), (0, "x.count"), (0, "x"), (1, "x.count")
    ]  # fmt: skip


def test_buckets_are_parts_of_one_series() -> None:
    found = decode(
        NAME, body(*((named("x_bucket", le=le), [(1.0, TS)]) for le in ("0.1", "1", "+Inf")))
    )
    assert {s.series.metric_key for s in found.samples} == {"x_bucket"}
    assert [s.series.parts for s in found.samples] == [
        (("le", "0.1"),), (("le", "1"),), (("le", "+Inf"),)
    ]  # fmt: skip


def test_quantiles_are_gauges_by_label() -> None:
    (sample,) = decode(NAME, body((named("x_seconds", quantile="0.99"), [(1.0, TS)]))).samples
    assert (sample.series.labels, sample.series.counter) == ((("quantile", "0.99"),), None)
    assert sample.series.unit == "s"


@pytest.mark.parametrize("name", ["pg_stat_activity_count", "_total", "_count"])
def test_some_names_only_look_like_counters(name: str) -> None:
    (sample,) = decode(NAME, body((named(name), [(1.0, TS)]))).samples
    assert sample.series.counter is None


def test_native_histograms_are_rejects_one_by_one_and_exemplars_are_ignored() -> None:
    found: Any = request((named("x"), [(1.0, TS)]), (named("h"), []), (named("y"), [(2.0, TS)]))
    for i in range(2):
        found.timeseries[1].histograms.add(count_int=3, sum=1.5, timestamp=TS + i)
    found.timeseries[2].exemplars.add(value=1.0, timestamp=TS)
    found.timeseries.add().exemplars.add(value=1.0, timestamp=TS)
    outcome = decode(NAME, block(found.SerializeToString()))
    assert outcome.reasons == [(0, "unsupported")] * 2
    assert outcome.values == [1.0, 2.0]


def test_a_request_of_metadata_alone_is_nothing_and_an_empty_one_a_reject() -> None:
    found = PROMPB["WriteRequest"]()
    found.metadata.add(type=1, metric_family_name="x")
    outcome = decode(NAME, block(found.SerializeToString()), block(b""), b"", WRITE_REQUEST)
    assert outcome.reasons == [(1, "empty"), (2, "empty")]
    assert len(outcome.samples) == 1


def test_remote_write_2_is_refused_by_name() -> None:
    symbols = b"\x22\x00\x22\x08__name__\x22\x01x"
    series = (
        b"\x2a\x16\x0a\x02\x01\x02\x12\x10\x09" + bytes(7) + b"\x3f\x10\x80\xda\xdc\xc6\xca\x33"
    )
    for plain in (symbols + series, symbols, series):
        found = decode(NAME, block(plain), WRITE_REQUEST)
        assert found.reasons == [(0, "unsupported")]
        assert "remote write 2.0" in found.rejects[0][2]


def test_a_bomb_is_refused_unopened() -> None:
    bomb = block(request((named("x"), [(1.0, TS)])).SerializeToString() + bytes(50_000_000))
    claim = b"\xff\xff\xff\xff\x0f" + bytes(20)
    found = decode(NAME, bomb, claim, WRITE_REQUEST)
    assert found.reasons == [(0, "too_large"), (1, "too_large")]
    assert len(found.samples) == 1


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (WRITE_REQUEST[:-1], "bad_encoding"),
        (WRITE_REQUEST[:20], "bad_encoding"),
        (WRITE_REQUEST + b"\0", "bad_encoding"),
        (b"\xff" * 12, "bad_encoding"),
        (b'{"timeseries":[]}', "bad_encoding"),
        (block(b"\x0a\xff"), "malformed_protobuf"),
        (block(b"\x0a\x02\x0a\x09"), "malformed_protobuf"),
        (block(b"\x0a\x00"), "empty"),
        (block(b"\x78\x01"), "empty"),
        (block(request(({"a": "b"}, [(1.0, TS)])).SerializeToString()), "missing_field"),
        (block(SINGLE.replace(b"shop", b"\xff" * 4)), "not_utf8"),
    ],
)  # fmt: skip
def test_a_broken_body_is_a_reject_and_spares_its_neighbours(payload: bytes, reason: str) -> None:
    found = decode(NAME, WRITE_REQUEST, payload, WRITE_REQUEST)
    assert found.reasons == [(1, reason)]
    assert [sample.payload for sample in found.samples] == [0, 2]


def test_a_broken_series_spares_the_others_of_its_request() -> None:
    good = request((named("x"), [(1.0, TS)])).SerializeToString()
    nameless = request(({"a": "b"}, [(1.0, TS), (2.0, TS)])).SerializeToString()
    found = decode(NAME, block(good + b"\x0a\x02\x0a\x09" + nameless + good))
    assert [reason for _, reason in found.reasons] == [
        "malformed_protobuf", "missing_field", "missing_field"
    ]  # fmt: skip
    assert found.values == [1.0, 1.0]


@given(
    at=st.integers(2, len(SINGLE) - 1), cut=st.integers(0, 3), new=st.binary(max_size=3),
    zero=st.booleans(),
)  # fmt: skip
@settings(max_examples=120, deadline=None)
def test_a_cold_and_a_warm_decoder_agree_on_damaged_series(
    at: int, cut: int, new: bytes, zero: bool
) -> None:
    usual = (
        SINGLE if not zero else request((named("x", code="200"), [(0.0, TS)])).SerializeToString()
    )
    raw = (usual[:at] + new + usual[at + cut :])[2:]
    plain = b"\x0a" + bytes([len(raw)]) + raw
    cold, warm = decode(NAME, block(plain)), decode(NAME, block(SINGLE), block(plain))
    assert [(s.series, s.ts_ms, s.value) for s in cold.samples] == [
        (s.series, s.ts_ms, s.value) for s in warm.samples[1:]
    ]
    assert [row[1:] for row in cold.rejects] == [row[1:] for row in warm.rejects]


LABELS = st.dictionaries(
    st.sampled_from(["a", "code", "instance", "job", "\u00e9"]), st.text(max_size=9), max_size=4
)
SAMPLES = st.lists(
    st.tuples(
        st.one_of(st.sampled_from([0.0, -0.0]), st.floats(allow_nan=False, allow_infinity=False)),
        st.one_of(st.integers(TS, TS + 99_999), st.integers(0, 253402300799999)),
    ),
    max_size=3,
)


@given(st.lists(st.tuples(LABELS, SAMPLES), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_samples_are_those_that_protobuf_reads(series: list[Series]) -> None:
    given_ = request(*((named("x") | labels, samples) for labels, samples in series))
    plain = given_.SerializeToString()
    expected = Counter(
        (sample.timestamp, sample.value)
        for one in PROMPB["WriteRequest"].FromString(plain).timeseries
        for sample in one.samples
    )
    for found in (decode(NAME, block(plain)), decode(NAME, WRITE_REQUEST, block(plain))):
        taken = [s for s in found.samples if s.series.metric == "x"]
        assert Counter((s.ts_ms, s.value) for s in taken) == expected
        assert {reason for _, reason in found.reasons} <= {"empty"}
    assert all(np.isfinite(found.values))
