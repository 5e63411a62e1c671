"""What points become, by both encodings alike."""

import random
from collections.abc import Callable

import numpy as np
import pytest

from connectors.formats.registry import create_decoder
from schema import Counter, SeriesTable
from tests.connectors.formats.otlp_requests import (
    CUMULATIVE,
    DELTA,
    START_MS,
    TIME_MS,
    TIME_NS,
    TIMES,
    Document,
    as_json,
    as_proto,
    attributes,
    both,
    metric,
    number,
    request,
)
from tests.connectors.formats.payloads import CATALOGUE, Sample

Encode = Callable[[Document], bytes]

codecs = pytest.mark.parametrize(
    ("name", "encode"), [("otlp-json", as_json), ("otlp-proto", as_proto)]
)


def summed(temporality: int, *, monotonic: bool, **fields: object) -> Document:
    return metric(
        "x", "sum", number(**fields), aggregationTemporality=temporality, isMonotonic=monotonic
    )


def one(document: Document) -> Sample:
    (sample,) = both(request(document)).samples
    return sample


def shown(*metrics: Document) -> dict[str, tuple[float, str]]:
    """Return value and kind of counter of each sample, by metric and labels."""
    found = both(request(*metrics))
    assert found.rejects == []
    return {
        s.series.metric_key: (s.value, s.series.counter.kind if s.series.counter else "")
        for s in found.samples
    }


def test_a_gauge_is_a_sample_at_its_time_rounded_down_to_the_millisecond() -> None:
    sample = one(
        metric(
            "x",
            "gauge",
            number(asDouble=-2.5),
        )
    )
    assert (sample.ts_ms, sample.value, sample.series.counter) == (TIME_MS, -2.5, None)


@pytest.mark.parametrize("nanoseconds", [999_999, 1_000_000, 2**63 + 1, 2**64 - 1])
def test_a_nanosecond_more_or_less_is_not_lost_to_a_float(nanoseconds: int) -> None:
    at = 1_772_359_200_000_000_000
    for shift, ms in ((-1, 1_772_359_199_999), (0, 1_772_359_200_000)):
        point = number(timeUnixNano=str(at + shift), startTimeUnixNano="0")
        assert one(metric("x", "gauge", point)).ts_ms == ms
    found = both(request(metric("x", "gauge", number(timeUnixNano=str(nanoseconds)))))
    if nanoseconds == 999_999:
        assert found.reasons == [(0, "bad_time")]
    else:
        assert [s.ts_ms for s in found.samples] == [nanoseconds // 1_000_000]


@pytest.mark.parametrize(
    ("temporality", "monotonic", "kind"),
    [(CUMULATIVE, True, "rate"), (CUMULATIVE, False, ""), (DELTA, False, "")],
)
def test_a_sum_is_a_counter_or_a_gauge(temporality: int, monotonic: bool, kind: str) -> None:
    sample = one(summed(temporality, monotonic=monotonic))
    assert sample.value == 1.5
    assert (sample.series.counter == Counter("rate")) == (kind == "rate")


@codecs
def test_a_counter_passes_raw_with_the_time_since_when_it_counts(name: str, encode: Encode) -> None:
    payload = encode(request(summed(CUMULATIVE, monotonic=True, asDouble=7)))
    batch = create_decoder(name, CATALOGUE)([payload, payload], SeriesTable()).batch
    assert batch.start_ms is not None
    assert batch.count is not None
    assert batch.start_ms.tolist() == [START_MS, START_MS]
    assert batch.value.tolist() == [7.0, 7.0]  # nothing is differenced here
    assert batch.start_ms.dtype == np.dtype(np.int64)
    assert batch.count.dtype == np.dtype(np.float64)


@pytest.mark.parametrize(
    ("start", "value", "unit"),
    [
        (TIME_NS - 30_000_000_000, 0.05, "1/s"),
        (TIME_NS - 1, 1.5e9, "1/s"),
        (TIME_NS, 1.5, ""),
        (TIME_NS + 1, 1.5, ""),
        (0, 1.5, ""),
    ],
)
def test_a_delta_is_an_amount_a_second_where_its_interval_is_known(
    start: int, value: float, unit: str
) -> None:
    sample = one(summed(DELTA, monotonic=True, startTimeUnixNano=str(start)))
    assert (sample.value, sample.series.unit, sample.series.counter) == (value, unit, None)


@pytest.mark.parametrize("first", [0, 1])
def test_deltas_with_and_without_an_interval_do_not_share_a_unit(first: int) -> None:
    starts = [str(TIME_NS - 3_000_000_000), "0"]
    points = [number(startTimeUnixNano=starts[first]), number(startTimeUnixNano=starts[1 - first])]
    series = metric("x", "sum", *points, aggregationTemporality=DELTA, isMonotonic=True)
    found = both(request(series))
    assert {(s.value, s.series.unit) for s in found.samples} == {(0.5, "1/s"), (1.5, "")}


def test_a_delta_that_the_catalogue_sums_stays_an_amount() -> None:
    point = {**TIMES, "count": "4", "sum": 2.0}
    series = metric(
        "http.server.request.duration", "histogram", point, aggregationTemporality=DELTA
    )
    found = {s.series.metric: s for s in both(request(series | {"unit": "s"})).samples}
    assert found["request.rate"].value == 4.0
    assert found["latency"].series.counter == Counter("ratio", 1000.0)


HISTOGRAM = {**TIMES, "count": "4", "sum": 10.0, "min": 1.0, "max": 5.0}


def histogram(temporality: int, kind: str = "histogram", **fields: object) -> Document:
    buckets = {"bucketCounts": ["3", "1"], "explicitBounds": [2.0]} if kind == "histogram" else {}
    point = {k: v for k, v in {**HISTOGRAM, **buckets, **fields}.items() if v is not None}
    return metric("h", kind, point, aggregationTemporality=temporality)


@pytest.mark.parametrize("kind", ["histogram", "exponentialHistogram"])
def test_a_cumulative_histogram_is_three_counters(kind: str) -> None:
    found = shown(histogram(CUMULATIVE, kind))
    assert found == {"h": (10.0, "mean"), "h.count": (4.0, "rate"), "h.sum": (10.0, "rate")}


@pytest.mark.parametrize("kind", ["histogram", "exponentialHistogram"])
def test_a_delta_histogram_has_extremes_too(kind: str) -> None:
    found = shown(histogram(DELTA, kind))
    assert {name: kind for name, (_, kind) in found.items()} == {
        "h": "ratio", "h.count": "", "h.sum": "", "h.min": "", "h.max": "",
    }  # fmt: skip
    assert (found["h"][0], found["h.min"][0], found["h.max"][0]) == (10.0, 1.0, 5.0)


@codecs
def test_the_count_stands_beside_the_sum_of_a_mean(name: str, encode: Encode) -> None:
    for temporality in (CUMULATIVE, DELTA):
        payload, table = encode(request(histogram(temporality))), SeriesTable()
        batch = create_decoder(name, CATALOGUE)([payload], table).batch
        assert batch.count is not None
        counts = dict(zip(batch.series.tolist(), batch.count.tolist(), strict=True))
        assert {table.series[i].metric: count for i, count in counts.items() if count} == {"h": 4.0}


def test_a_histogram_without_a_sum_is_a_count() -> None:
    assert set(shown(histogram(CUMULATIVE, sum=None))) == {"h.count"}


def test_an_interval_without_observations_has_no_mean_and_no_extremes() -> None:
    found = shown(histogram(DELTA, count="0", sum=0.0))
    assert found == {"h.count": (0.0, ""), "h.sum": (0.0, "")}


@pytest.mark.parametrize("temporality", [CUMULATIVE, DELTA])
@pytest.mark.parametrize("seed", range(6))
def test_histograms_of_every_form_may_follow_one_another(temporality: int, seed: int) -> None:
    rng = random.Random(seed)
    forms: list[Document] = [
        {},
        {"min": None, "max": None},
        {"max": None},
        {"sum": None},
        {"count": "0", "sum": 0.0},
        {"startTimeUnixNano": "0"},
        {"attributes": attributes({"a": "b"})},
        {"attributes": attributes({"a": "b"}), "min": None, "max": None},
        {"bucketCounts": ["1"] * 40, "explicitBounds": [float(i) for i in range(39)]},
        {"bucketCounts": None, "explicitBounds": None},
        {"exemplars": [{"timeUnixNano": "1", "asDouble": 3.0}]},
    ]
    found = both(*[request(histogram(temporality, **rng.choice(forms))) for _ in range(16)])
    assert found.rejects == []
    assert {s.value for s in found.samples if s.series.metric == "h"} == {10.0} | (
        {0.0} if temporality == CUMULATIVE and 0.0 in found.values else set()
    )


def test_a_cumulative_histogram_that_has_not_begun_is_still_a_reading() -> None:
    assert shown(histogram(CUMULATIVE, count="0", sum=0.0))["h"] == (0.0, "mean")


def test_a_summary_gives_its_quantiles_by_label() -> None:
    quantiles = [{"quantile": q, "value": q * 10} for q in (0.0, 0.5, 0.99, 0.999999999999, 1.0)]
    point = {**TIMES, "count": "4", "sum": 10.0, "quantileValues": quantiles}
    found = shown(metric("s", "summary", point | {"attributes": attributes({"a": "b"})}))
    assert found == {
        "s|a=b": (10.0, "mean"),
        "s.count|a=b": (4.0, "rate"),
        "s.sum|a=b": (10.0, "rate"),
        "s|a=b|quantile=0": (0.0, ""),
        "s|a=b|quantile=0.5": (5.0, ""),
        "s|a=b|quantile=0.99": (9.9, ""),
        "s|a=b|quantile=0.999999999999": (9.99999999999, ""),
        "s|a=b|quantile=1": (10.0, ""),
    }


def test_a_bad_number_of_a_group_spares_the_others() -> None:
    quantiles = [{"quantile": 0.5, "value": "NaN"}, {"quantile": 0.9, "value": 1.0}]
    point = {**TIMES, "count": "4", "sum": "Infinity", "quantileValues": quantiles}
    found = both(request(metric("s", "summary", point)))
    # the mean, the sum and one quantile
    assert found.reasons == [(0, "not_finite"), (0, "not_finite"), (0, "no_observation")]
    assert sorted(found.values) == [1.0, 4.0]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (metric("x", "gauge", number(timeUnixNano="0")), "bad_time"),
        (metric("x", "gauge", number(asDouble="NaN")), "not_finite"),
        (metric("x", "gauge", number(asDouble="-Infinity")), "not_finite"),
        (metric("x", "gauge", {**TIMES}), "missing_field"),
        (metric("x", "gauge", {**TIMES, "flags": 1}), "stale"),
        (metric("x", "gauge", number(flags=3)), "stale"),
        (metric("h", "histogram", {**HISTOGRAM, "flags": 1}, aggregationTemporality=2), "stale"),
        (metric("s", "summary", {**TIMES, "flags": 1}), "stale"),
        (metric("h", "histogram", HISTOGRAM), "unsupported"),
        (metric("h", "exponentialHistogram", HISTOGRAM), "unsupported"),
        (metric("x", "sum", number(), isMonotonic=True), "unsupported"),
        (metric("x", "sum", number()), "unsupported"),
        (metric("", "gauge", number()), "missing_field"),
        ({"name": "x"}, "unsupported"),
    ],
)
def test_a_bad_point_is_one_reject_and_spares_its_neighbours(bad: Document, reason: str) -> None:
    good = metric("g", "gauge", number())
    found = both(request(good, bad, good))
    assert found.reasons == [(0, reason)]
    assert found.values == [1.5, 1.5]


def test_a_bad_metric_rejects_each_of_its_points() -> None:
    found = both(request(metric("x", "sum", number(), number(), number())))
    assert found.reasons == [(0, "unsupported")] * 3


@pytest.mark.parametrize(
    "empty",
    [
        {},
        {"resourceMetrics": []},
        {"resourceMetrics": [{}]},
        {"resourceMetrics": [{"resource": {}, "scopeMetrics": [{}]}]},
        request(),
        request({}),
        request(metric("x", "gauge")),
        request(metric("x", "sum", aggregationTemporality=2)),
        request(metric("x", "histogram"), metric("x", "summary")),
    ],
)
def test_an_empty_envelope_is_neither_sample_nor_reject(empty: Document) -> None:
    good = request(metric("x", "gauge", number()))
    found = both(empty, good, empty)
    assert found.rejects == []
    assert [s.payload for s in found.samples] == [1]


def test_the_order_of_attributes_makes_no_other_series() -> None:
    def written(order: int) -> Document:
        members = list({"a": "1", "b": True, "c": 3}.items())[::order]
        point = number(attributes=attributes(dict(members)))
        document = request(metric("x", "gauge", point))
        resource = list({"service.name": "s", "team": "t", "host.name": "h"}.items())[::order]
        found = document["resourceMetrics"][0]["resource"]
        found["attributes"] = attributes(dict(resource))
        return document

    found = both(written(1), written(-1))
    assert len({s.series for s in found.samples}) == 1
    assert found.samples[0].series.labels == (("a", "1"), ("b", "true"), ("c", "3"))


def test_values_of_every_type_are_text_in_a_stable_way() -> None:
    nested = {"z": [1, 2.0, "x", True], "a": {"b": "c"}}
    members = {"i": -7, "d": 2.0, "e": 0.1, "n": float("inf"), "l": ["a", 1], "m": nested, "s": ""}
    point = number(attributes=[*attributes(members), {"key": "none"},
                               {"key": "raw", "value": {"bytesValue": "AP8="}}])  # fmt: skip
    point["attributes"][3]["value"] = {"doubleValue": "Infinity"}
    assert dict(one(metric("x", "gauge", point)).series.labels) == {
        "i": "-7", "d": "2.0", "e": "0.1", "n": "inf", "l": '["a",1]', "s": "", "none": "",
        "m": '{"a":{"b":"c"},"z":[1,2.0,"x",true]}', "raw": "AP8=",
    }  # fmt: skip


def test_the_same_point_twice_is_two_samples_that_are_alike() -> None:
    twice = request(metric("x", "gauge", number(), number()))
    found = both(twice, twice)
    assert len(found.samples) == 4
    assert len({(s.series, s.ts_ms, s.value) for s in found.samples}) == 1


def test_integers_beyond_a_float_are_taken_to_the_nearest() -> None:
    for text in ("9223372036854775807", "-9223372036854775808", "0", "-1"):
        point = {**TIMES, "asInt": text}
        assert one(metric("x", "gauge", point)).value == float(text)


def test_the_samples_of_a_payload_leave_oldest_first() -> None:
    late = {**HISTOGRAM, "timeUnixNano": str(TIME_NS - 60_000_000_000)}
    found = both(
        request(
            metric("x", "gauge", number(), number(timeUnixNano=str(TIME_NS - 1_000_000_000))),
            metric("h", "histogram", late, aggregationTemporality=2),
        ),
        request(metric("x", "gauge", number())),
    )
    assert [s.payload for s in found.samples] == [0] * 5 + [1]
    times = [s.ts_ms for s in found.samples if s.payload == 0]
    assert times == sorted(times)
