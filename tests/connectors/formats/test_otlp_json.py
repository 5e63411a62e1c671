import json

import pytest

from tests.connectors.formats.otlp_requests import (
    CUMULATIVE,
    TIMES,
    Document,
    as_json,
    attributes,
    metric,
    number,
    request,
)
from tests.connectors.formats.payloads import OTLP_JSON, Outcome, decode


def gauge(*points: object, **fields: object) -> Document:
    return {"name": "x", "gauge": {"dataPoints": list(points)}, **fields}


def found_in(*documents: object) -> Outcome:
    return decode("otlp-json", *(json.dumps(document).encode() for document in documents))


def test_the_example_of_the_specification_is_read() -> None:
    ((series, ts_ms, value, _),), rejects = decode("otlp-json", OTLP_JSON)
    assert rejects == []
    assert (series.resource.service, series.resource.name) == ("app.service", "my.service")
    assert (series.metric, series.labels, ts_ms, value) == (
        "my.counter", (("k", "v"),), 1544712660300, 5.0
    )  # fmt: skip


@pytest.mark.parametrize(
    "point",
    [
        {"timeUnixNano": "1772359200123999999", "asInt": "7"},
        {"timeUnixNano": 1772359200123999999, "asInt": 7},
        {"timeUnixNano": 1772359200123999999, "asDouble": 7},
        {"timeUnixNano": 1772359200123999999, "asDouble": "7.0", "asInt": None},
        {"timeUnixNano": "1772359200123999999", "asDouble": 7.0, "flags": 0, "exemplars": [{}]},
        {"timeUnixNano": "1772359200123999999", "asDouble": 7.0, "startTimeUnixNano": None},
    ],
)
def test_integers_are_text_or_numbers(point: Document) -> None:
    (sample,) = found_in(request(gauge(point))).samples
    assert (sample.ts_ms, sample.value) == (1772359200123, 7.0)


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        (number(timeUnixNano="-1"), "bad_time"),
        (number(timeUnixNano=-1), "bad_time"),
        (number(timeUnixNano="18446744073709551616"), "bad_time"),
        (number(timeUnixNano=2**64), "bad_time"),
        (number(timeUnixNano=10**30), "bad_time"),
        (number(timeUnixNano="1_000"), "bad_time"),
        (number(timeUnixNano=" 1"), "bad_time"),
        (number(timeUnixNano="soon"), "bad_time"),
        (number(timeUnixNano=""), "bad_time"),
        (number(timeUnixNano=None), "bad_time"),
        (number(timeUnixNano=1.5), "wrong_type"),
        (number(timeUnixNano=True), "wrong_type"),
        (number(startTimeUnixNano="x"), "bad_time"),
        (number(asDouble="NaN"), "not_finite"),
        (number(asDouble="Infinity"), "not_finite"),
        (number(asDouble="9" * 400), "not_finite"),
        (number(asDouble="seven"), "wrong_type"),
        (number(asDouble=True), "wrong_type"),
        (number(asDouble=[]), "wrong_type"),
        (number(asDouble=None), "missing_field"),
        (number(flags="1"), "wrong_type"),
        (number(attributes={}), "wrong_type"),
        (number(attributes=[7]), "wrong_type"),
        (number(attributes=[{"key": 7}]), "wrong_type"),
        (number(attributes=[{"key": "a", "value": {"intValue": "1.5"}}]), "wrong_type"),
        (number(attributes=[{"key": "a", "value": {"stringValue": 7}}]), "wrong_type"),
        (7, "wrong_shape"),
        (None, "wrong_shape"),
        ([], "wrong_shape"),
    ],
)
def test_a_bad_point_is_one_reject_and_spares_its_neighbours(point: object, reason: str) -> None:
    good = number(asDouble=1.0)
    found = found_in(request(gauge(good, point, good)), request(gauge(good)))
    assert found.reasons == [(0, reason)]
    assert found.values == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("count", ["-1", -1, "x", 2**64])
def test_a_count_is_a_natural_number(count: object) -> None:
    point = {**TIMES, "count": count, "sum": 1.0}
    found = found_in(request(metric("h", "histogram", point, aggregationTemporality=2)))
    assert len(found.rejects) == 1
    assert found.samples == []


@pytest.mark.parametrize(
    "bad",
    [
        gauge(number(), number(), name=7),
        gauge(number(), number(), unit=[]),
        {"name": "x", "sum": {"dataPoints": [number(), number()], "isMonotonic": "yes"}},
        {"name": "x", "sum": {"dataPoints": [number(), number()], "aggregationTemporality": []}},
    ],
)
def test_a_bad_metric_rejects_each_of_its_points_and_spares_the_others(bad: Document) -> None:
    good = gauge(number())
    found = found_in(request(good, bad, good))
    assert [i for i, _ in found.reasons] == [0, 0]
    assert len(found.samples) == 2


def test_faults_at_every_level_spare_what_is_good() -> None:
    document = request(gauge(number(), 7), {"name": 7, "gauge": {}}, gauge(number()))
    resource_metrics = document["resourceMetrics"][0]
    resource_metrics["scopeMetrics"] += [7, {"metrics": 7}, {"metrics": [gauge(number())]}]
    document["resourceMetrics"] += [None, {"scopeMetrics": "x"}, {"resource": 7}]
    found = found_in(document)
    assert len(found.samples) == 3
    assert len(found.rejects) == 7 - 1  # a resource without metrics has no use for its attributes


def test_a_bad_resource_rejects_each_of_its_points() -> None:
    document = request(gauge(number(), number()))
    document["resourceMetrics"].append(
        {"resource": {"attributes": 7}, "scopeMetrics": [{"metrics": [gauge(*[number()] * 3)]}]}
    )
    found = found_in(document)
    assert found.reasons == [(0, "wrong_type")] * 3
    assert len(found.samples) == 2


@pytest.mark.parametrize(
    "other",
    [{"a": 1}, {"resourceSpans": []}, {"resource_metrics": []}, {"records": []}],
)
def test_a_document_of_another_kind_is_a_reject_and_no_empty_envelope(other: Document) -> None:
    assert found_in(other).reasons == [(0, "wrong_shape")]


@pytest.mark.parametrize(
    "empty", [b"{}", b" { } \r\n", b"\xef\xbb\xbf{}", b'{"resourceMetrics":null}']
)
def test_an_empty_object_is_an_empty_envelope(empty: bytes) -> None:
    assert decode("otlp-json", empty) == ([], [])


def test_an_empty_payload_is_a_reject() -> None:
    assert decode("otlp-json", b"", b" \n").reasons == [(0, "empty"), (1, "empty")]


def test_null_is_absence_at_every_level() -> None:
    nulls = {"unit": None, "sum": None, "histogram": None}
    document = request(gauge(number(attributes=None, flags=None), **nulls))
    document["resourceMetrics"][0]["resource"] = None
    found = found_in(document, {"resourceMetrics": [{"scopeMetrics": None}]})
    assert found.rejects == []
    assert [s.series.resource.name for s in found.samples] == ["unknown"]


def test_names_of_temporality_are_read_as_their_numbers() -> None:
    named = metric("x", "sum", number(), isMonotonic=True,
                   aggregationTemporality="AGGREGATION_TEMPORALITY_CUMULATIVE")  # fmt: skip
    numbered = metric("x", "sum", number(), isMonotonic=True, aggregationTemporality=CUMULATIVE)
    found = found_in(request(named), request(numbered))
    assert len({s.series for s in found.samples}) == 1


def test_of_an_attribute_given_twice_the_last_counts() -> None:
    point = number(attributes=[*attributes({"a": "1"}), *attributes({"a": "2"})])
    (sample,) = found_in(request(gauge(point))).samples
    assert sample.series.labels == (("a", "2"),)


def test_attributes_nested_without_end_are_a_reject() -> None:
    deep = b'{"arrayValue":{"values":[' * 2_000 + b"{}" + b"]}}" * 2_000
    point = b'{"timeUnixNano":"1772359200000000000","asInt":"1","attributes":[{"key":"a","value":'
    text = as_json(request(gauge(7))).replace(b"[7]", b"[" + point + deep + b"}]}]")
    assert decode("otlp-json", text, OTLP_JSON).reasons == [(0, "malformed_json")]


def test_a_bad_value_under_a_key_that_comes_again_with_a_good_one_loses_nothing() -> None:
    twice = b'{"resourceMetrics":7,' + OTLP_JSON[1:]
    found = decode("otlp-json", twice, OTLP_JSON)
    assert found.values == [5.0, 5.0]
    assert found.rejects == []
