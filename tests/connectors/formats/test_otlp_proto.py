import random
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

from connectors.formats.registry import create_decoder
from connectors.formats.settings import DecodeSettings
from schema import SeriesTable
from tests.connectors.formats.otlp_requests import (
    CUMULATIVE,
    TIME_MS,
    TIME_NS,
    TIMES,
    Document,
    as_proto,
    attributes,
    by_series,
    envelope,
    metric,
    number,
    request,
)
from tests.connectors.formats.payloads import CATALOGUE, OTLP_PROTO, decode

GOOD = as_proto(request(metric("x", "gauge", number(asDouble=1.0))))


def exports(temporality: AggregationTemporality) -> list[ExportMetricsServiceRequest]:
    """Return what a real SDK exports in three intervals."""
    reader = InMemoryMetricReader({Counter: temporality, Histogram: temporality})
    view = View(instrument_name="exp", aggregation=ExponentialBucketHistogramAggregation())
    resource = Resource({"service.name": "shop", "host.name": "h", "n": 1, "list": ["a", "b"]})
    provider = MeterProvider([reader], resource, views=[view])
    meter = provider.get_meter("shop.library", "1.0")
    orders = meter.create_counter("orders")
    queue = meter.create_up_down_counter("queue")
    latency = meter.create_histogram("http.server.request.duration", "s")
    exponential = meter.create_histogram("exp", "ms")

    def load(_: CallbackOptions) -> list[Observation]:
        return [Observation(cpu / 4, {"cpu": cpu}) for cpu in range(4)]

    meter.create_observable_gauge("system.cpu.utilization", [load])
    found = []
    for turn in range(3):
        for route in ("/a", "/b", "/c")[: turn + 1]:
            orders.add(turn + 3, {"route": route, "big": True})
            latency.record(0.1 * turn, {"http.route": route, "http.response.status_code": 200})
        queue.add(-1)
        exponential.record(5.0 + turn)
        data = reader.get_metrics_data()
        assert data is not None
        found.append(encode_metrics(data))
    provider.shutdown()
    return found


@pytest.mark.parametrize("temporality", list(AggregationTemporality)[1:])
def test_what_a_real_sdk_exports_is_read_alike_as_protobuf_and_as_json(
    temporality: AggregationTemporality,
) -> None:
    messages = exports(temporality)
    proto = decode("otlp-proto", *[m.SerializeToString() for m in messages] * 3)
    text = decode("otlp-json", *[json_format.MessageToJson(m).encode() for m in messages] * 3)
    assert proto.rejects == text.rejects == []
    assert by_series(proto.samples) == by_series(text.samples)
    assert {s.series.resource.service for s in proto.samples} == {"app.service", "host"}
    delta = temporality == AggregationTemporality.DELTA
    last = [s for s in proto.samples if s.payload == 2]
    orders = {s.series.labels: s.value for s in last if s.series.metric == "orders"}
    assert len(orders) == 3
    if not delta:
        assert sorted(orders.values()) == [5.0, 9.0, 12.0]
    kinds = {s.series.counter.kind for s in last if s.series.counter}
    assert kinds == ({"ratio"} if delta else {"rate", "mean"})


def test_an_integer_and_a_double_and_a_missing_start_are_read() -> None:
    points: list[Document] = [
        {**TIMES, "asInt": "-5"},
        {"timeUnixNano": str(TIME_NS), "asDouble": 2.5},
        {"timeUnixNano": str(TIME_NS), "asInt": "9007199254740993"},
        number(asDouble=0.0),
        {**TIMES, "asInt": "0", "attributes": attributes({"a": "b"})},
    ]
    payload = as_proto(request(*[metric(f"m{i}", "gauge", p) for i, p in enumerate(points)]))
    for found in (decode("otlp-proto", *[payload] * 4, together=t) for t in (True, False)):
        assert found.values == [-5.0, 2.5, 9007199254740992.0, 0.0, 0.0] * 4
        assert {s.ts_ms for s in found.samples} == {TIME_MS}


def test_exemplars_and_flags_make_no_other_series() -> None:
    exemplar = {"timeUnixNano": "1", "asDouble": 3.0, "traceId": "AAAAAAAAAAAAAAAAAAAAAA=="}
    labels = attributes({"a": "b"})
    plain = number(attributes=labels)
    rich = number(attributes=labels, exemplars=[exemplar])
    whole = {**TIMES, "asInt": "1", "attributes": labels, "exemplars": [exemplar]}
    documents = [request(metric("x", "gauge", p)) for p in (plain, rich, whole, plain)] * 3
    found = decode("otlp-proto", *map(as_proto, documents))
    assert found.rejects == []
    assert len({s.series for s in found.samples}) == 1
    assert found.values == [1.5, 1.5, 1.0, 1.5] * 3


def fields(point: NumberDataPoint) -> list[bytes]:
    """Return the encoded fields of a point, one by one."""
    found = []
    for descriptor, value in point.ListFields():
        for one in value if descriptor.name == "attributes" else [value]:
            part: Any = NumberDataPoint()
            if descriptor.name == "attributes":
                part.attributes.append(one)
            else:
                setattr(part, descriptor.name, one)
            found.append(part.SerializeToString())
    return found


def wrapped(*points: bytes) -> bytes:
    """Return a request of one gauge of these points."""

    def field(number_: int, body: bytes) -> bytes:
        size = bytearray()
        length = len(body)
        while length > 0x7F:
            size.append(length & 0x7F | 0x80)
            length >>= 7
        return bytes([number_ << 3 | 2]) + bytes(size) + bytes([length]) + body

    gauge = b"".join(field(1, point) for point in points)
    resource_metrics = field(2, field(2, field(1, b"x") + field(5, gauge)))
    return field(1, resource_metrics)


@given(seed=st.integers(0, 2**32), drop=st.sets(st.integers(0, 6)))
@settings(max_examples=30, deadline=None)
def test_the_order_of_fields_makes_no_difference(seed: int, drop: set[int]) -> None:
    rng = random.Random(seed)
    point = NumberDataPoint(start_time_unix_nano=TIME_NS - 10**9, time_unix_nano=TIME_NS)
    point.as_double = 1.5
    point.flags = 2
    for key in "abc":
        point.attributes.add(key=key).value.string_value = key * rng.randrange(200)
    parts = [part for i, part in enumerate(fields(point)) if i not in drop]
    shuffled = rng.sample(parts, len(parts))
    payloads = [wrapped(b"".join(p)) for p in (parts, shuffled)]
    plain = decode("otlp-proto", payloads[0]), decode("otlp-proto", payloads[1])
    mixed = decode("otlp-proto", *[*payloads, wrapped(b"".join(parts), b"".join(shuffled))] * 6)
    assert plain[0].reasons == plain[1].reasons
    assert [s._replace(payload=0) for s in mixed.samples] == plain[0].samples * 24
    assert [reason for _, reason in mixed.reasons] == [r for _, r in plain[0].reasons] * 24
    assert plain[0].samples == plain[1].samples


def test_a_point_that_looks_like_a_known_one_is_not_taken_for_it() -> None:
    known = NumberDataPoint(start_time_unix_nano=TIME_NS - 1, time_unix_nano=TIME_NS, as_double=1.5)
    known.attributes.add(key="a").value.string_value = "b"
    raw = known.SerializeToString()
    strangers = [
        b"\x12\x19" + raw[2:],  # the head is an unknown field of 25 bytes
        raw[:9] + b"\x1a" + raw[10:],  # a field of another type
        raw[:18] + b"\x22" + raw[19:],
        raw[:27] + raw[27:-1] + b"c",
        b"\x00" + raw[1:],
    ]
    for stranger in strangers:
        alone = decode("otlp-proto", wrapped(stranger))
        warm = [wrapped(raw)] * 6
        found = decode("otlp-proto", *warm, wrapped(stranger), *warm)
        assert [s._replace(payload=0) for s in found.samples if s.payload == 6] == alone.samples
        assert [r for i, r in found.reasons if i == 6] == [r for _, r in alone.reasons]
        assert len([s for s in found.samples if s.payload != 6]) == 12


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda p: p[:-1], "malformed_protobuf"),
        (lambda p: p[: len(p) // 2], "malformed_protobuf"),
        (lambda p: p + b"\x0a", "malformed_protobuf"),
        (lambda p: b"\x0a\x03abc", "malformed_protobuf"),
        (lambda p: b'{"resourceMetrics":[]}', "malformed_protobuf"),
        (lambda p: b"\xff" * 40, "malformed_protobuf"),
        (lambda p: b"\x12\x01x", "wrong_shape"),
        (lambda p: p + b"\0" * 17_000_000, "too_large"),
    ],
)
def test_a_broken_payload_is_one_reject_and_spares_its_neighbours(
    damage: Callable[[bytes], bytes], reason: str
) -> None:
    found = decode("otlp-proto", GOOD, damage(GOOD), GOOD)
    assert found.reasons == [(1, reason)]
    assert [s.payload for s in found.samples] == [0, 2]
    assert found.rejects[0][2]


def test_a_broken_point_or_metric_spares_its_neighbours() -> None:
    point = NumberDataPoint(time_unix_nano=TIME_NS, as_double=1.5).SerializeToString()
    found = decode("otlp-proto", *[wrapped(point, point[:-1], b"\xff", point)] * 3)
    assert found.values == [1.5] * 6
    assert [r for _, r in found.reasons] == ["malformed_protobuf"] * 6


def test_bytes_that_are_no_text_are_a_reject_of_that_point_alone() -> None:
    good = NumberDataPoint(time_unix_nano=TIME_NS, as_double=1.5)
    bad = NumberDataPoint(time_unix_nano=TIME_NS, as_double=1.5)
    bad.attributes.add(key="mark").value.string_value = "v"
    raws = good.SerializeToString(), bad.SerializeToString().replace(b"mark", b"m\xffrk")
    assert decode("otlp-proto", wrapped(*raws)).reasons == [(0, "malformed_protobuf")]
    named = GOOD.replace(b"\x0a\x01x", b"\x0a\x01\xff")
    assert decode("otlp-proto", GOOD, named).reasons == [(1, "not_utf8")]


def test_no_bytes_are_an_empty_envelope() -> None:
    found = decode("otlp-proto", b"", GOOD, b"")
    assert found.rejects == []
    assert [s.payload for s in found.samples] == [1]


def test_a_changed_series_set_of_equal_length_is_noticed() -> None:
    def document(route: str, name: str = "requests") -> Document:
        point = number(attributes=attributes({"route": route}))
        return request(metric(name, "sum", point, point, aggregationTemporality=CUMULATIVE,
                              isMonotonic=True))  # fmt: skip

    routes = [*["/a"] * 6, "/b", "/a", *["/b"] * 6, "/a"]
    found = decode("otlp-proto", *[as_proto(document(route)) for route in routes])
    assert [dict(s.series.labels)["route"] for s in found.samples][::2] == routes
    found = decode("otlp-proto", *[as_proto(document("/a", "name" + r[1])) for r in routes])
    assert [s.series.metric for s in found.samples][::2] == ["name" + r[1] for r in routes]


def test_two_resources_that_differ_only_in_what_lies_between_are_told_apart() -> None:
    """Their bytes are as long and begin alike, and what is known of one must not speak for both."""

    def document(pod: str, name: str, value: float) -> bytes:
        resource = {"service.name": "s", "team": "t" * 700, "k8s.pod.name": pod}
        return as_proto(envelope(resource, *[metric(n, "gauge", number(asDouble=value))
                                             for n in (name, "c", "d")]))  # fmt: skip

    turns = [("p1", "a")] * 6 + [("p2", "a"), ("p1", "b"), ("p1", "a")] + [("p2", "b")] * 6
    payloads = [document(*turn, float(i)) for i, turn in enumerate(turns)]
    found = decode("otlp-proto", *payloads)
    shown = [(dict(s.series.resource.attributes)["pod"], s.series.metric) for s in found.samples]
    assert shown[::3] == turns
    assert found.values[::3] == [float(i) for i in range(len(turns))]
    assert found == decode("otlp-proto", *payloads, together=False)


def test_caches_too_small_for_anything_change_no_result() -> None:
    messages = [m.SerializeToString() for m in exports(AggregationTemporality.CUMULATIVE)] * 3
    whole = decode("otlp-proto", *messages)
    for limits in ({"cache_entries": 1}, {"cache_bytes": 1}, {"cache_entries": 3}):
        assert decode("otlp-proto", *messages, settings=DecodeSettings(**limits)) == whole


def test_what_was_known_of_one_table_is_not_used_for_another() -> None:
    decoder, first, second = create_decoder("otlp-proto", CATALOGUE), SeriesTable(), SeriesTable()
    other = as_proto(request(metric("y", "gauge", number())))
    for _ in range(3):
        decoder([other, OTLP_PROTO], first)
    for _ in range(3):
        batch = decoder([OTLP_PROTO, other], second).batch
    assert [second.series[i].metric for i in batch.series.tolist()] == ["my.counter", "y"]
