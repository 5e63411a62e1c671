import json
from typing import Any

import pytest
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import SummaryDataPoint

from connectors.formats.cloudwatch_json import CloudwatchJson
from connectors.formats.cloudwatch_otel import CloudwatchOtel
from connectors.formats.settings import DecodeSettings
from schema import Catalogue, MetricSpec, SeriesTable
from tests.connectors.formats.payloads import (
    CLOUDWATCH_OTEL,
    CLOUDWATCH_OTEL_MESSAGE,
    Outcome,
    decode,
)

UNITS = {"Percent": "%", "Count": "{Count}", "None": "1", "Seconds": "s", "Bytes/Second": "By/s"}

# What both formats say of one metric: namespace, name, unit, dimensions, ms, statistics.
DATA: list[dict[str, Any]] = [
    {"namespace": "AWS/EC2", "metric": "CPUUtilization", "unit": "Percent", "ts": 1611929698000,
     "dimensions": {"InstanceId": "i-1"}, "count": 3, "sum": 20.0, "min": 0.0, "max": 18.0,
     "p99": 17.0},
    {"namespace": "AWS/EC2", "metric": "NetworkIn", "unit": "Bytes/Second", "ts": 1611929758000,
     "dimensions": {"InstanceId": "i-1"}, "count": 2, "sum": 7.5, "min": 2.5, "max": 5.0},
    {"namespace": "AWS/ApplicationELB", "metric": "TargetResponseTime", "unit": "Seconds",
     "ts": 1611929698000, "dimensions": {"TargetGroup": "t", "LoadBalancer": "l"},
     "count": 5, "sum": 0.5, "min": 0.0, "max": 0.25, "p99": 0.24, "p99.9": 0.25},
    {"namespace": "AWS/ApplicationELB", "metric": "HealthyHostCount", "unit": "Count",
     "ts": 1611929698000, "dimensions": {"AvailabilityZone": "us-east-1a"},
     "count": 5, "sum": 0.0, "min": 0.0, "max": 0.0},
    {"namespace": "Mine", "metric": "new", "unit": "None", "ts": 1, "dimensions": {},
     "count": 1, "sum": -1e300, "min": -1e300, "max": -1e300},
    {"namespace": "AWS/RDS", "metric": "DatabaseConnections", "unit": "Count", "ts": 1611929698000,
     "dimensions": {"DBClusterIdentifier": "Ord\u00e9rs"}, "count": 1, "sum": 4.0, "min": 4.0,
     "max": 4.0},
]  # fmt: skip


def as_json(datum: dict[str, Any]) -> bytes:
    statistics = {
        k: v for k, v in datum.items() if k in {"count", "sum", "min", "max"} or k[0] == "p"
    }
    return json.dumps(
        {
            "metric_stream_name": "all", "account_id": "123", "region": "eu-west-1",
            "namespace": datum["namespace"], "metric_name": datum["metric"],
            "dimensions": datum["dimensions"], "timestamp": datum["ts"], "value": statistics,
            "unit": datum["unit"],
        }
    ).encode()  # fmt: skip


def text(attributes: RepeatedCompositeFieldContainer[KeyValue], key: str, value: str) -> None:
    pair = attributes.add(key=key)
    pair.value.string_value = value


def as_request(*data: dict[str, Any]) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    text(group.resource.attributes, "cloud.provider", "aws")
    text(group.resource.attributes, "cloud.account.id", "123")
    text(group.resource.attributes, "cloud.region", "eu-west-1")
    text(group.resource.attributes, "aws.exporter.arn", "arn:aws:cloudwatch:eu-west-1:123:x/all")
    scope = group.scope_metrics.add()
    for datum in data:
        name = f"amazonaws.com/{datum['namespace']}/{datum['metric']}"
        metric = scope.metrics.add(name=name, unit=UNITS[datum["unit"]])
        point = metric.summary.data_points.add(count=datum["count"], sum=datum["sum"])
        point.start_time_unix_nano = (datum["ts"] - 1) * 1_000_000
        point.time_unix_nano = datum["ts"] * 1_000_000 + 999_999
        point.quantile_values.add(quantile=0.0, value=datum["min"])
        for name, value in datum.items():
            if name.startswith("p"):
                point.quantile_values.add(
                    quantile=float(f"0.{name[1:].replace('.', '')}"), value=value
                )
        point.quantile_values.add(quantile=1.0, value=datum["max"])
        text(point.attributes, "Namespace", datum["namespace"])
        text(point.attributes, "MetricName", datum["metric"])
        dimensions = point.attributes.add(key="Dimensions").value.kvlist_value
        for key, value in datum["dimensions"].items():
            text(dimensions.values, key, value)
    return request


def framed(*messages: bytes) -> bytes:
    out = b""
    for message in messages:
        size, length = len(message), b""
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        out += length + bytes([size]) + message
    return out


def otel(*requests: ExportMetricsServiceRequest) -> bytes:
    return framed(*(request.SerializeToString() for request in requests))


def one() -> tuple[ExportMetricsServiceRequest, SummaryDataPoint]:
    request = as_request(DATA[0])
    return request, request.resource_metrics[0].scope_metrics[0].metrics[0].summary.data_points[0]


class OneStatistic:
    """A catalogue that reads everything by one statistic."""

    def __init__(self, statistic: str) -> None:
        self._statistic = statistic

    def service(self, cloud: str, vendor_service: str) -> str:
        return f"{cloud}.{vendor_service}"

    def lookup(self, service: str, vendor_metric: str) -> MetricSpec:
        return MetricSpec(vendor_metric, statistic=self._statistic)


def read(catalogue: Catalogue, *payloads: bytes) -> tuple[list[float], list[str]]:
    found = CloudwatchOtel(catalogue, DecodeSettings())(payloads, SeriesTable())
    return found.batch.value.tolist(), [reason for _, reason, _ in found.rejects]


def same(found: Outcome) -> list[tuple[object, int, float]]:
    return [(sample.series, sample.ts_ms, sample.value) for sample in found.samples]


@pytest.mark.parametrize("datum", DATA, ids=lambda d: d["metric"])
def test_a_point_is_what_the_json_format_makes_of_it(datum: dict[str, Any]) -> None:
    of_json, of_otel = (
        decode("cloudwatch-json", as_json(datum)),
        decode("cloudwatch-otel", otel(as_request(datum))),
    )
    assert of_otel.rejects == of_json.rejects == []
    assert same(of_otel) == same(of_json)


@pytest.mark.parametrize(
    "statistic", ["mean", "sum", "count", "min", "max", "p99", "p99.9", "p50", "tm99", "IQM"]
)
@pytest.mark.parametrize("datum", DATA, ids=lambda d: d["metric"])
def test_each_statistic_is_that_of_the_json_format(datum: dict[str, Any], statistic: str) -> None:
    catalogue, table = OneStatistic(statistic), SeriesTable()
    expected = CloudwatchJson(catalogue, DecodeSettings())([as_json(datum)], table)
    assert read(catalogue, otel(as_request(datum))) == (expected.batch.value.tolist(), [])


def test_a_record_holds_messages_of_different_lengths() -> None:
    messages = [
        as_request(*DATA),
        as_request(DATA[0]),
        as_request(*DATA[1:4]),
        as_request(*DATA * 9),
    ]
    assert len({len(m.SerializeToString()) for m in messages}) == 4
    found = decode("cloudwatch-otel", otel(*messages))
    assert found.rejects == []
    assert len(found.samples) == 6 + 1 + 3 + 54


def test_a_metric_holds_many_points() -> None:
    request, point = one()
    points = request.resource_metrics[0].scope_metrics[0].metrics[0].summary.data_points
    for i in range(1, 5):
        points.add().CopyFrom(point)
        points[i].time_unix_nano += i * 60_000_000_000
        points[i].sum = i * 3
    found = decode("cloudwatch-otel", otel(request), otel(request))
    assert found.values == [20 / 3, 1.0, 2.0, 3.0, 4.0] * 2
    assert len({sample.series for sample in found.samples}) == 1


def test_an_empty_quantile_on_the_wire_is_a_minimum_of_zero() -> None:
    request, point = one()
    assert b"\x32\x00" in point.SerializeToString()
    assert read(OneStatistic("min"), otel(request)) == ([0.0], [])


def test_a_sum_of_zero_is_absent_on_the_wire() -> None:
    request, point = one()
    point.sum = 0.0
    for statistic, value in (("mean", 0.0), ("sum", 0.0), ("count", 3.0), ("max", 18.0)):
        assert read(OneStatistic(statistic), otel(request), otel(request)) == ([value] * 2, [])


@pytest.mark.parametrize("statistic", ["min", "max"])
def test_an_absent_extreme_is_a_reject(statistic: str) -> None:
    request, point = one()
    del point.quantile_values[:]
    assert read(OneStatistic(statistic), otel(request)) == ([], ["no_statistic"])


@pytest.mark.parametrize("statistic", ["mean", "sum", "max", "p99"])
def test_count_zero_is_a_reject_whatever_the_statistic(statistic: str) -> None:
    request, point = one()
    point.count = 0
    assert read(OneStatistic(statistic), otel(request)) == ([], ["count_zero"])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_a_reject(value: float) -> None:
    request, point = one()
    point.sum = value
    found = decode("cloudwatch-otel", CLOUDWATCH_OTEL, otel(request))
    assert found.reasons == [(1, "not_finite")]


def test_a_point_without_time_is_a_reject() -> None:
    request, point = one()
    good = otel(request)
    point.time_unix_nano = 0
    assert decode("cloudwatch-otel", good, otel(request)).reasons == [(1, "missing_field")]


def test_the_order_of_attributes_and_dimensions_makes_no_other_series() -> None:
    request, point = one()
    attributes = list(point.attributes)
    first = otel(request)
    del point.attributes[:]
    point.attributes.extend(reversed(attributes))
    one_way = decode("cloudwatch-otel", first, otel(request))
    assert len({sample.series for sample in one_way.samples}) == 1


def test_unusual_fields_and_orders_are_read_all_the_same() -> None:
    request, point = one()
    message, usual = request.SerializeToString(), point.SerializeToString()
    head, rest = usual[:36], usual[36:]
    long_quantile = b"\x32\x80\x01\x09" + bytes(8) + b"\x1a\x75" + b"x" * 117
    for raw in (
        rest + head,
        b"\x40\x01" + usual,
        usual + b"\x40\x01",
        head[9:] + rest,
        head + long_quantile + rest,
    ):
        found = decode("cloudwatch-otel", framed(message), framed(_replaced(message, usual, raw)))
        assert found.rejects == []
        assert found.values == [20 / 3] * 2
        assert found.samples[0].series == found.samples[1].series


def _replaced(message: bytes, usual: bytes, raw: bytes) -> bytes:
    """Return a request with one point's bytes replaced, its lengths set anew."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2]) + framed(content)

    assert message.count(usual) == 1
    group = ExportMetricsServiceRequest.FromString(message).resource_metrics[0]
    metric = group.scope_metrics[0].metrics[0]
    text_ = field(1, metric.name.encode()) + field(3, metric.unit.encode())
    metric_raw = text_ + field(11, field(1, raw))
    scope = field(2, metric_raw)
    return field(1, field(1, group.resource.SerializeToString()) + field(2, scope))


@pytest.mark.parametrize(
    ("attribute", "reason"),
    [("Namespace", "missing_field"), ("MetricName", "missing_field"), ("Dimensions", "")],
)
def test_what_names_a_metric_is_required(attribute: str, reason: str) -> None:
    request, point = one()
    kept = [pair for pair in point.attributes if pair.key != attribute]
    del point.attributes[:]
    point.attributes.extend(kept)
    found = decode("cloudwatch-otel", otel(request), CLOUDWATCH_OTEL)
    assert found.reasons == ([(0, reason)] if reason else [])
    assert len(found.samples) == (1 if reason else 2)


@pytest.mark.parametrize("key", ["cloud.account.id", "cloud.region"])
def test_account_and_region_are_required(key: str) -> None:
    request, _ = one()
    attributes = request.resource_metrics[0].resource.attributes
    next(pair for pair in attributes if pair.key == key).key = "x"
    found = decode("cloudwatch-otel", otel(request))
    assert found.reasons == [(0, "missing_field")]
    assert key in found.rejects[0][2]


def test_values_of_another_type_are_rejects() -> None:
    request, point = one()
    point.attributes[0].value.int_value = 7
    assert decode("cloudwatch-otel", otel(request)).reasons == [(0, "wrong_type")]
    request, point = one()
    point.attributes[2].value.kvlist_value.values[0].value.double_value = 7
    assert decode("cloudwatch-otel", otel(request)).reasons == [(0, "wrong_type")]
    request, point = one()
    point.attributes[2].value.string_value = "i-1"
    assert decode("cloudwatch-otel", otel(request)).reasons == [(0, "wrong_type")]


def test_a_metric_that_is_no_summary_is_a_reject_and_spares_the_others() -> None:
    request = as_request(DATA[0], DATA[1])
    metric = request.resource_metrics[0].scope_metrics[0].metrics.add(name="x")
    metric.gauge.data_points.add(as_double=1.0)
    found = decode("cloudwatch-otel", otel(request))
    assert found.reasons == [(0, "unsupported")]
    assert len(found.samples) == 2


# A request of OpenTelemetry 0.7.0 as protobuf writes it: a metric's double_summary is field 11, as
# Summary is in 1.0, and a point's labels are field 1, each a StringKeyValue.
POINT_0_7 = (
    b"\x0a\x19\x0a\x09Namespace\x12\x0cAWS/DynamoDB"
    b"\x0a\x14\x0a\x09TableName\x12\x07MyTable"
    b"\x11\0\0\0\0\0\0\0\x01\x19\0\0\0\0\0\0\0\x02\x21\x01\0\0\0\0\0\0\0\x29\0\0\0\0\0\0\xf0\x3f"
)


def test_the_wire_format_of_0_7_is_refused_by_name() -> None:
    request, point = one()
    wire = _replaced(request.SerializeToString(), point.SerializeToString(), POINT_0_7)
    found = decode("cloudwatch-otel", framed(wire), CLOUDWATCH_OTEL)
    assert found.reasons == [(0, "unsupported")]
    assert "OpenTelemetry 0.7.0" in found.rejects[0][2]
    assert len(found.samples) == 1


GOOD = CLOUDWATCH_OTEL_MESSAGE


@pytest.mark.parametrize(
    ("tail", "reasons"),
    [
        (framed(GOOD)[:-1], ["malformed_protobuf"]),
        (framed(GOOD)[:1], ["malformed_protobuf"]),
        (b"\xff\xff\xff\xff\x0f" + GOOD, ["malformed_protobuf"]),  # 4 GiB
        (b"\xff\xff\xff\xff\x10" + GOOD, ["malformed_protobuf"]),  # more than 32 bits
        (b"\xff" * 9 + b"\x01" + GOOD, ["malformed_protobuf"]),
        (b"\x80" * 40, ["malformed_protobuf"]),
        (b"\0", ["empty"]),
        (b"\0\0\0", ["empty", "empty"]),
        (b"\x05\x0a\x03\x12\x01\x12", ["malformed_protobuf"]),
        (b"\x02\x18\x01", ["empty"]),  # an unknown field
        (b"\x04\x0a\x02\x12\x00", ["empty"]),  # a scope without metrics
    ],
)
def test_good_messages_before_a_broken_one_are_kept(tail: bytes, reasons: list[str]) -> None:
    found = decode("cloudwatch-otel", framed(GOOD, GOOD) + tail, framed(GOOD))
    assert found.reasons == [(0, reason) for reason in reasons]
    assert [sample.payload for sample in found.samples] == [0, 0, 1]


def test_a_broken_message_between_good_ones_costs_only_itself() -> None:
    found = decode("cloudwatch-otel", framed(GOOD, b"\xff\xff", GOOD))
    assert found.reasons == [(0, "malformed_protobuf")]
    assert len(found.samples) == 2


def test_noise_gives_two_rejects_and_not_one_a_byte() -> None:
    found = decode("cloudwatch-otel", framed(GOOD) + bytes(100_000), b"\x02\x18\x01" * 9)
    assert found.reasons == [(0, "empty"), (0, "empty"), (1, "empty"), (1, "empty")]
    assert found.rejects[1][2].endswith("what follows is not read")
    assert len(found.samples) == 1


def test_a_length_may_be_padded() -> None:
    assert len(GOOD) == 0x1A7
    found = decode("cloudwatch-otel", b"\xa7\x83\x80\x00" + GOOD)
    assert (len(found.samples), found.rejects) == (1, [])


def test_every_cut_of_a_record_gives_whole_points_and_at_most_one_reject() -> None:
    record = framed(GOOD, GOOD)
    cuts = [record[:end] for end in range(1, len(record))]
    found = decode("cloudwatch-otel", *cuts)
    whole = len(framed(GOOD))
    for i, cut in enumerate(cuts):
        samples = sum(sample.payload == i for sample in found.samples)
        rejects = [reason for at, reason in found.reasons if at == i]
        assert samples == (len(cut) >= whole)
        assert rejects == ([] if len(cut) == whole else ["malformed_protobuf"])


def test_a_cold_and_a_warm_decoder_agree_on_damaged_points() -> None:
    request, point = one()
    message, usual = request.SerializeToString(), point.SerializeToString()
    for at in range(len(usual)):
        for byte in (0x00, 0x0A, 0x32, 0x80, 0xFF):
            raw = usual[:at] + bytes([byte]) + usual[at + 1 :]
            damaged = framed(_replaced(message, usual, raw))
            cold, warm = (
                decode("cloudwatch-otel", damaged),
                decode("cloudwatch-otel", framed(message), damaged),
            )
            assert warm.values[1:] == cold.values, (at, byte)
            assert [r[1:] for r in warm.rejects] == [r[1:] for r in cold.rejects], (at, byte)
