import pytest

from connectors.formats.cloudwatch_json import CloudwatchJson
from connectors.formats.settings import DecodeSettings
from schema import Catalogue, MetricSpec, SeriesTable
from tests.connectors.formats.payloads import CLOUDWATCH, changed, decode


class OneMetric:
    """A catalogue that knows one way to read everything."""

    def __init__(self, statistic: str = "mean", scale: float = 1.0, offset: float = 0.0) -> None:
        self.spec = MetricSpec("m", statistic=statistic, scale=scale, offset=offset)

    def service(self, cloud: str, vendor_service: str) -> str:
        return f"{cloud}.{vendor_service}"

    def lookup(self, service: str, vendor_metric: str) -> MetricSpec:
        return self.spec


def read(catalogue: Catalogue, *payloads: bytes) -> tuple[list[float], list[str]]:
    found = CloudwatchJson(catalogue, DecodeSettings())(payloads, SeriesTable())
    return found.batch.value.tolist(), [reason for _, reason, _ in found.rejects]


def test_a_point_becomes_a_sample_of_its_resource() -> None:
    (sample,), rejects = decode("cloudwatch-json", CLOUDWATCH)
    resource = sample.series.resource
    assert rejects == []
    assert resource.key == "aws|1234567890|us-east-1|aws.ec2|i-123456789012"
    assert (sample.series.metric, sample.series.unit) == ("cpu.utilization", "percent")
    assert (sample.ts_ms, sample.value) == (1611929698000, 20 / 3)


@pytest.mark.parametrize(
    ("statistic", "value"),
    [("mean", 20 / 3), ("sum", 20.0), ("count", 3.0), ("min", 0.0), ("max", 18.0), ("p99", 17.0),
     ("p99.9", 20 / 3), ("tm99", 20 / 3)],
)  # fmt: skip
def test_the_catalogue_says_which_statistic(statistic: str, value: float) -> None:
    assert read(OneMetric(statistic=statistic), CLOUDWATCH) == ([value], [])


def test_statistics_with_odd_names_are_read() -> None:
    point = CLOUDWATCH.replace(b'"p99"', b'"TM(25%:75%)"')
    assert read(OneMetric(statistic="TM(25%:75%)"), point) == ([17.0], [])


@pytest.mark.parametrize("statistic", ["mean", "sum", "max", "p99"])
@pytest.mark.parametrize("count", [b"0", b"0.0", b"-0.0", b"-1"])
def test_count_zero_is_a_reject_whatever_the_statistic(statistic: str, count: bytes) -> None:
    point = CLOUDWATCH.replace(b"3.0", count)
    assert read(OneMetric(statistic=statistic), point, CLOUDWATCH)[1] == ["count_zero"]


@pytest.mark.parametrize("statistic", ["min", "max"])
def test_an_absent_extreme_is_a_reject(statistic: str) -> None:
    point = CLOUDWATCH.replace(b'"%s":' % statistic.encode(), b'"x":')
    assert read(OneMetric(statistic=statistic), point) == ([], ["no_statistic"])


@pytest.mark.parametrize(
    ("junk", "reason"),
    [(b'"17"', "wrong_type"), (b"true", "wrong_type"), (b"1e999", "not_finite"),
     (b"[]", "wrong_type")],
)  # fmt: skip
def test_a_bad_percentile_rejects_only_where_it_is_asked_for(junk: bytes, reason: str) -> None:
    point = CLOUDWATCH.replace(b"17.0", junk)
    assert read(OneMetric(statistic="p99"), point) == ([], [reason])
    assert read(OneMetric(statistic="sum"), point) == ([20.0], [])


def test_what_other_series_ask_for_changes_no_verdict() -> None:
    class Mixed(OneMetric):
        def lookup(self, service: str, vendor_metric: str) -> MetricSpec:
            return MetricSpec("m", statistic="p99" if vendor_metric == "Odd" else "sum")

    bad = CLOUDWATCH.replace(b"17.0", b'"x"')
    odd = CLOUDWATCH.replace(b"CPUUtilization", b"Odd")
    assert read(Mixed(), bad, odd) == ([20.0, 17.0], [])
    assert read(Mixed(), odd, bad, odd) == ([17.0, 20.0, 17.0], [])


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"20.0", b'"20.0"', "wrong_type"),
        (b"20.0", b"true", "wrong_type"),
        (b"20.0", b"null", "wrong_type"),
        (b"20.0", b"1e999", "not_finite"),
        (b"20.0", b"-1e999", "not_finite"),
        (b"20.0", b"9" * 400, "not_finite"),
        (b"20.0", b"NaN", "not_finite"),
        (b"20.0", b"-Infinity", "not_finite"),
        (b'"sum":20.0,', b"", "missing_field"),
        (b'"namespace":"AWS/EC2",', b"", "missing_field"),
        (b'"account_id":"1234567890",', b"", "missing_field"),
        (b'"1234567890"', b"1234567890", "wrong_type"),
        (b"1611929698000", b'"1611929698000"', "wrong_type"),
        (b"1611929698000", b"1611929698000.5", "wrong_type"),
        (b"1611929698000", b"true", "wrong_type"),
        (b"1611929698000", b"-1", "bad_time"),
        (b"1611929698000", b"253402300800000", "bad_time"),
        (b"1611929698000", b"9" * 30, "bad_time"),
        (b"1611929698000", b"9" * 5000, "bad_time"),
        (b'{"InstanceId":"i-123456789012"}', b'{"InstanceId":7}', "wrong_type"),
        (b'{"InstanceId":"i-123456789012"}', b'["i"]', "wrong_type"),
    ],
)
def test_a_bad_field_is_a_reject_with_its_reason(old: bytes, new: bytes, reason: str) -> None:
    assert old in CLOUDWATCH
    found = decode("cloudwatch-json", CLOUDWATCH, CLOUDWATCH.replace(old, new))
    assert found.reasons == [(1, reason)]
    assert len(found.samples) == 1


def test_the_last_of_duplicate_keys_counts() -> None:
    found = decode("cloudwatch-json", CLOUDWATCH[:-1] + b',"timestamp":5}')
    assert [s.ts_ms for s in found.samples] == [5]


@pytest.mark.parametrize("ts_ms", [0, 253402300799999])
def test_the_borders_of_time_are_good(ts_ms: int) -> None:
    found = decode("cloudwatch-json", CLOUDWATCH.replace(b"1611929698000", str(ts_ms).encode()))
    assert [s.ts_ms for s in found.samples] == [ts_ms]


@pytest.mark.parametrize(
    ("namespace", "dimensions", "name", "uid"),
    [
        ("AWS/EC2", {"InstanceId": "i-1"}, "i-1", ""),
        ("AWS/RDS", {"DBInstanceIdentifier": "Orders"}, "Orders", ""),
        ("AWS/RDS", {"DBClusterIdentifier": "Orders"}, "Orders", "DBClusterIdentifier=Orders"),
        ("AWS/EC2", {}, "EC2", ""),
        ("AWS/EC2", None, "EC2", ""),
        ("Mine", {}, "Mine", ""),
        ("AWS/ApplicationELB", {"TargetGroup": "t", "LoadBalancer": "l"},
         "LoadBalancer=l,TargetGroup=t", "LoadBalancer=l,TargetGroup=t"),
        ("AWS/EC2", {"B": "2", "A": "1"}, "A=1,B=2", "A=1,B=2"),
        ("AWS/EC2", {"A": "1,B=2"}, "1,B=2", '[["A","1,B=2"]]'),
    ],
)  # fmt: skip
def test_dimensions_name_the_resource(
    namespace: str, dimensions: dict[str, str] | None, name: str, uid: str
) -> None:
    found = decode(
        "cloudwatch-json", changed(CLOUDWATCH, namespace=namespace, dimensions=dimensions)
    )
    resource = found.samples[0].series.resource
    assert (resource.name, resource.uid) == (name, uid)


def test_the_order_of_dimensions_makes_no_other_resource() -> None:
    one = changed(CLOUDWATCH, dimensions={"A": "1", "B": "2"})
    two = changed(CLOUDWATCH, dimensions={"B": "2", "A": "1"})
    first, second = decode("cloudwatch-json", one, two).samples
    assert first.series == second.series


def test_a_zone_is_an_attribute() -> None:
    point = changed(CLOUDWATCH, dimensions={"AvailabilityZone": "us-east-1a", "X": "1"})
    (sample,) = decode("cloudwatch-json", point).samples
    assert sample.series.resource.attributes == (("zone", "us-east-1a"),)


def test_unknown_metrics_keep_the_vendors_name_and_unit() -> None:
    (sample,) = decode("cloudwatch-json", changed(CLOUDWATCH, metric_name="New")).samples
    assert (sample.series.metric, sample.series.unit) == ("New", "Percent")


def test_directions_of_one_canonical_metric_stay_apart() -> None:
    traffic = [changed(CLOUDWATCH, metric_name=name) for name in ("NetworkIn", "NetworkOut")]
    into, out = decode("cloudwatch-json", *traffic).samples
    assert (into.series.metric, out.series.metric) == ("network.io", "network.io")
    assert (into.series.labels, out.series.labels) == (
        (("direction", "in"),), (("direction", "out"),)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("scale", "offset", "total", "values", "reasons"),
    [
        (1000.0, 0.0, b"3", [1000.0], []),
        (-1.0, 100.0, b"75", [75.0], []),
        (1.0, 0.0, b"5e-324", [5e-324 / 3], []),
        (1e300, 0.0, b"1e300", [], ["not_finite"]),
        (1.0, 1.7e308, b"5.3e308", [], ["not_finite"]),
        (1e-300, 0.0, b"1e-300", [0.0], []),
    ],
)
def test_values_are_scaled_and_overflow_is_a_reject(
    scale: float, offset: float, total: bytes, values: list[float], reasons: list[str]
) -> None:
    catalogue = OneMetric(scale=scale, offset=offset)
    point = CLOUDWATCH.replace(b"20.0", total)
    assert read(catalogue, point) == (values, reasons)


def test_samples_of_a_payload_come_oldest_first() -> None:
    lines = [CLOUDWATCH.replace(b"1611929698000", b"%d" % ts) for ts in (30, 10, 20)]
    found = decode("cloudwatch-json", b"\n".join(lines), lines[1])
    assert [(s.payload, s.ts_ms) for s in found.samples] == [(0, 10), (0, 20), (0, 30), (1, 10)]
