import base64
import json

import pytest

from config.catalogue import CatalogueTable
from connectors.formats.registry import create_decoder
from schema import Counter, Decoded, MetricSpec, Resource, SeriesTable
from tests.connectors.formats.payloads import CATALOGUE, GCP, GCP_SERIES, changed, decode

DIST = {"count": "4", "mean": 2.5, "range": {"min": 1, "max": 9}, "bucketCounts": ["1", "3"]}


def series(*points: object, metric: str = "x", kind: str | None = "GAUGE", **labels: str) -> bytes:
    document = {
        "metric": {"type": metric},
        "resource": {"type": "gce_instance", "labels": {"project_id": "p", **labels}},
        "points": points,
    }
    return json.dumps(document | ({"metricKind": kind} if kind else {})).encode()


def point(value: object, end: str = "2019-02-19T21:00:00Z") -> dict[str, object]:
    return {"interval": {"endTime": end}, "value": value}


def push(inner: bytes) -> bytes:
    return json.dumps({"message": {"data": base64.b64encode(inner).decode()}}).encode()


def test_a_point_becomes_a_sample_at_its_end_time() -> None:
    (sample,), rejects = decode("gcp-timeseries", GCP)
    assert rejects == []
    assert sample.series.resource.key == "gcp|p||gcp.pubsub_subscription|s"
    assert sample.series.labels == (("response_code", "success"),)
    assert (sample.ts_ms, sample.value) == (1550610000829, 1.0)


@pytest.mark.parametrize(
    "payload",
    [GCP, GCP_SERIES, b"[" + GCP_SERIES + b"]", push(GCP), push(GCP_SERIES)],
    ids=["envelope", "series", "array", "push of envelope", "push of series"],
)
def test_every_envelope_gives_its_point(payload: bytes) -> None:
    found = decode("gcp-timeseries", payload, GCP)
    assert found.rejects == []
    assert found.values == [1.0, 1.0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"doubleValue": 0.5}, 0.5),
        ({"doubleValue": 3}, 3.0),
        ({"int64Value": "-7"}, -7.0),
        ({"int64Value": 7}, 7.0),
        ({"boolValue": True}, 1.0),
        ({"boolValue": False}, 0.0),
        ({"distributionValue": DIST}, 2.5),
        ({"distributionValue": {"count": 1}}, 0.0),
    ],
)
def test_every_type_of_number_is_read(value: object, expected: float) -> None:
    assert decode("gcp-timeseries", series(point(value))).values == [expected]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"stringValue": "up"}, "unsupported"),
        ({"doubleValue": "NaN"}, "not_finite"),
        ({"doubleValue": "-Infinity"}, "not_finite"),
        ({"int64Value": "9" * 400}, "not_finite"),
        ({"int64Value": "seven"}, "wrong_type"),
        ({"int64Value": True}, "wrong_type"),
        ({"boolValue": 1}, "wrong_type"),
        ({"distributionValue": {}}, "count_zero"),
        ({"distributionValue": {"count": "0", "mean": 0}}, "count_zero"),
        ({}, "missing_field"),
        (7, "wrong_type"),
        (None, "wrong_type"),
    ],
)
def test_a_bad_value_is_one_reject_and_spares_its_neighbours(value: object, reason: str) -> None:
    good = point({"doubleValue": 1.0})
    found = decode("gcp-timeseries", series(good, point(value), good))
    assert found.reasons == [(0, reason)]
    assert found.values == [1.0, 1.0]


@pytest.mark.parametrize(
    "bad",
    [{}, {"value": {"doubleValue": 1}}, {"interval": {}, "value": {"doubleValue": 1}}, 7, [],
     point({"doubleValue": 1}, "yesterday")],
)  # fmt: skip
def test_a_bad_point_is_one_reject_and_spares_its_neighbours(bad: object) -> None:
    found = decode("gcp-timeseries", series(point({"doubleValue": 1.0}), bad), GCP)
    assert [i for i, _ in found.reasons] == [0]
    assert len(found.samples) == 2


def test_a_bad_series_rejects_each_of_its_points_and_spares_the_others() -> None:
    bad = changed(GCP_SERIES, resource={"type": "x", "labels": {"a": 1}}, points=[point({})] * 3)
    found = decode("gcp-timeseries", b'{"timeSeries":[' + GCP_SERIES + b"," + bad + b"]}")
    assert len(found.rejects) == 3
    assert len(found.samples) == 1


@pytest.mark.parametrize("field", ["metric", "resource"])
def test_a_series_without_identity_rejects_each_point(field: str) -> None:
    two = json.loads(GCP_SERIES)["points"] * 2
    found = decode("gcp-timeseries", changed(GCP_SERIES, **{field: None, "points": two}))
    assert found.reasons == [(0, "missing_field")] * 2


@pytest.mark.parametrize(
    ("kind", "reasons"),
    [
        ("GAUGE", []),
        ("DELTA", []),
        (None, []),
        ("CUMULATIVE", []),
        ("METRIC_KIND_UNSPECIFIED", ["unsupported"] * 2),
    ],
)
def test_every_kind_is_read_but_unknown_ones(kind: str | None, reasons: list[str]) -> None:
    two = [point({"int64Value": "5"})] * 2
    found = decode("gcp-timeseries", series(*two, kind=kind))
    assert [r for _, r in found.reasons] == reasons
    assert len(found.samples) + len(reasons) == 2


def counted(value: object, end: str, start: object = "2019-02-19T20:00:00Z") -> dict[str, object]:
    return {"interval": {"startTime": start, "endTime": end}, "value": value}


def readings(*payloads: bytes) -> tuple[Decoded, SeriesTable]:
    table = SeriesTable()
    return create_decoder("gcp-timeseries", CATALOGUE)(list(payloads), table), table


START_MS = 1550606400000


def test_a_cumulative_number_is_a_reading_since_its_start() -> None:
    ends = ["2019-02-19T21:02:00Z", "2019-02-19T21:01:00Z"]
    points = [counted({"int64Value": str(7 - i)}, end) for i, end in enumerate(ends)]
    points.append({"interval": {"endTime": ends[0]}, "value": {"doubleValue": 9.5}})
    found, table = readings(series(*points, kind="CUMULATIVE"))
    (one,) = table.series
    assert one.counter == Counter("rate")
    assert one.unit == "1/s"
    assert found.rejects == []
    assert found.batch.value.tolist() == [6.0, 7.0, 9.5]
    assert found.batch.start_ms is not None
    assert found.batch.start_ms.tolist() == [START_MS, START_MS, 0]
    assert found.batch.count is not None
    assert found.batch.count.tolist() == [0, 0, 0]


def test_a_cumulative_distribution_is_a_sum_and_a_count() -> None:
    end = "2019-02-19T21:02:00Z"
    values = [{"distributionValue": DIST}, {"distributionValue": {}}]
    found, table = readings(series(*[counted(v, end) for v in values], kind="CUMULATIVE"))
    (one,) = table.series
    assert one.counter == Counter("mean")
    assert found.rejects == []
    assert found.batch.count is not None
    assert (found.batch.value.tolist(), found.batch.count.tolist()) == ([10.0, 0.0], [4.0, 0.0])


@pytest.mark.parametrize(("statistic", "value"), [("count", 4.0), ("sum", 10.0)])
def test_a_cumulative_distribution_of_which_count_or_sum_is_asked_is_a_rate(
    statistic: str, value: float
) -> None:
    class Asking(CatalogueTable):
        def lookup(self, service: str, vendor_metric: str) -> MetricSpec:
            return MetricSpec(vendor_metric, statistic=statistic)

    table = SeriesTable()
    payload = series(
        counted({"distributionValue": DIST}, "2019-02-19T21:02:00Z"), kind="CUMULATIVE"
    )
    found = create_decoder("gcp-timeseries", Asking())([payload], table)
    assert [s.counter for s in table.series] == [Counter("rate")]
    assert found.batch.value.tolist() == [value]


def test_a_bad_start_or_count_of_a_counter_is_one_reject_and_spares_its_neighbours() -> None:
    end = "2019-02-19T21:02:00Z"
    good = counted({"int64Value": "5"}, end)
    found, _ = readings(
        series(
            good,
            counted({"int64Value": "5"}, end, "long ago"),
            counted({"int64Value": "5"}, end, 7),
            counted({"distributionValue": {"count": -1}}, end),
            counted({"stringValue": "x"}, end),
            good,
            kind="CUMULATIVE",
        )
    )
    assert sorted(reason for _, reason, _ in found.rejects) == [
        "bad_time",
        "count_zero",
        "unsupported",
        "wrong_type",
    ]
    assert len(found.batch.value) == 2


def test_counters_and_gauges_of_one_chunk_keep_their_columns_together() -> None:
    gauge = series(point({"doubleValue": 1.0}))
    counter = series(counted({"int64Value": "5"}, "2019-02-19T21:02:00Z"), kind="CUMULATIVE")
    found, table = readings(gauge, counter, gauge)
    assert found.batch.start_ms is not None
    assert found.batch.start_ms.tolist() == [0, START_MS, 0]
    assert [s.counter for s in table.series] == [None, Counter("rate")]


def test_points_that_come_newest_first_leave_oldest_first() -> None:
    ends = [f"2019-02-19T21:0{i}:00Z" for i in (3, 2, 1)]
    found = decode("gcp-timeseries", series(*[point({"doubleValue": 1}, e) for e in ends]))
    assert [s.ts_ms for s in found.samples] == sorted(s.ts_ms for s in found.samples)


@pytest.mark.parametrize("payload", [b'{"timeSeries":[]}', b"{}", b"[]", series(), push(b"{}")])
def test_an_envelope_without_points_is_one_reject(payload: bytes) -> None:
    assert decode("gcp-timeseries", payload).reasons == [(0, "empty")]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"message":{"data":"x!"}}', "wrong_type"),
        (b'{"message":{}}', "missing_field"),
        (b'{"message":{"data":""}}', "empty"),
        (push(b"\xff"), "not_utf8"),
        (push(GCP[:-5]), "malformed_json"),
        (push(push(GCP)), "unsupported"),
    ],
)
def test_a_push_that_cannot_be_unwrapped_is_one_reject(payload: bytes, reason: str) -> None:
    assert decode("gcp-timeseries", payload).reasons == [(0, reason)]


def resource(kind: str, metadata: object = None, **labels: str) -> Resource:
    document = changed(GCP_SERIES, resource={"type": kind, "labels": labels}, metadata=metadata)
    (sample,) = decode("gcp-timeseries", document).samples
    return sample.series.resource


def test_a_zone_becomes_region_and_attribute() -> None:
    found = resource("gce_instance", project_id="p", zone="europe-west1-b", instance_id="42")
    assert found.key == "gcp|p|europe-west1|gcp.gce|42"
    assert found.attributes == (("zone", "europe-west1-b"),)


def test_pods_of_one_name_in_two_clusters_are_two_resources() -> None:
    labels = {"project_id": "p", "location": "us-east1", "pod_name": "Web", "namespace_name": "n"}
    one = resource("k8s_pod", cluster_name="a", **labels)
    two = resource("k8s_pod", cluster_name="b", **labels)
    assert one.name == two.name == "Web"
    assert one.key != two.key
    assert one.service == "gcp.gke"


def test_an_unknown_type_is_named_by_its_labels() -> None:
    found = resource("my_thing", project_id="p", b="2", a="1")
    assert (found.name, found.service) == ("a=1,b=2", "gcp.my_thing")


def test_user_labels_are_attributes_and_bad_metadata_is_ornament() -> None:
    found = resource("global", {"userLabels": {"team": "shop"}}, project_id="p")
    assert found.attributes == (("team", "shop"),)
    assert found.name == "global"
    assert resource("global", {"userLabels": 7}, project_id="p").attributes == ()


def test_a_ratio_becomes_percent() -> None:
    metric = "compute.googleapis.com/instance/cpu/utilization"
    payload = series(point({"doubleValue": 0.25}), metric=metric, instance_id="1")
    (sample,) = decode("gcp-timeseries", payload).samples
    assert (sample.series.metric, sample.series.unit, sample.value) == (
        "cpu.utilization", "percent", 25.0
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "metric", "labels"),
    [
        ("200", "request.rate", ()),
        ("300", "request.rate", (("response_code_class", "300"),)),
        ("500", "error.count", ()),
    ],
)
def test_a_label_may_say_what_a_metric_means(
    code: str, metric: str, labels: tuple[tuple[str, str], ...]
) -> None:
    document = changed(
        GCP_SERIES,
        metric={
            "type": "loadbalancing.googleapis.com/https/request_count",
            "labels": {"response_code_class": code, "cache_result": "HIT"},
        },
        resource={"type": "https_lb_rule", "labels": {"url_map_name": "web"}},
    )
    (sample,) = decode("gcp-timeseries", document).samples
    assert sample.series.metric == metric
    assert sample.series.labels == (("cache_result", "HIT"), *labels)
