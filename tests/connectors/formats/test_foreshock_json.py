import json

import pytest

from tests.connectors.formats.payloads import FORESHOCK, changed, decode


def test_a_line_is_taken_as_given() -> None:
    (sample,), rejects = decode("foreshock-json", FORESHOCK)
    resource = sample.series.resource
    assert rejects == []
    assert resource.key == "aws|111122223333|eu-west-1|aws.ec2|i-0a1b"
    assert resource.attributes == (("team", "shop"), ("tier", "1"))
    assert (sample.series.metric, sample.ts_ms, sample.value) == (
        "cpu.utilization", 1772359200000, 42.0
    )  # fmt: skip


def test_what_may_be_absent_is_empty() -> None:
    line = b'{"resource":"Web-1","metric":"m","ts_ms":0,"value":-0.0}'
    (sample,), rejects = decode("foreshock-json", line)
    assert rejects == []
    assert sample.series.resource.key == "||||Web-1"
    assert (sample.series.unit, sample.series.resource.attributes) == ("", ())


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("resource", None, "missing_field"),
        ("metric", None, "missing_field"),
        ("ts_ms", None, "missing_field"),
        ("value", None, "missing_field"),
        ("resource", 7, "wrong_type"),
        ("value", "42", "wrong_type"),
        ("value", True, "wrong_type"),
        ("value", [1], "wrong_type"),
        ("value", float("nan"), "not_finite"),
        ("value", float("-inf"), "not_finite"),
        ("ts_ms", -1, "bad_time"),
        ("ts_ms", 10**40, "bad_time"),
        ("ts_ms", 1.5, "wrong_type"),
        ("attributes", {"a": 1}, "wrong_type"),
        ("attributes", {"a": {"b": "c"}}, "wrong_type"),
        ("attributes", "x", "wrong_type"),
        ("labels", {"a": 1}, "wrong_type"),
        ("labels", ["a"], "wrong_type"),
    ],
)
def test_a_bad_field_is_a_reject_with_its_reason(field: str, value: object, reason: str) -> None:
    found = decode("foreshock-json", FORESHOCK, changed(FORESHOCK, **{field: value}), FORESHOCK)
    assert found.reasons == [(1, reason)]
    assert len(found.samples) == 2


def test_a_resource_with_new_attributes_is_the_same_resource() -> None:
    one, two = decode("foreshock-json", FORESHOCK, changed(FORESHOCK, attributes={})).samples
    assert one.series != two.series
    assert one.series.resource.key == two.series.resource.key


def test_labels_tell_series_of_a_metric_apart_in_any_order() -> None:
    lines = [
        changed(FORESHOCK, metric="m", labels=labels)
        for labels in ({"b": "2", "a": "1"}, {"a": "1", "b": "2"}, {"a": "1"}, {}, None)
    ]
    found = decode("foreshock-json", *lines)
    assert [s.series.labels for s in found.samples] == [
        (("a", "1"), ("b", "2")),
        (("a", "1"), ("b", "2")),
        (("a", "1"),),
        (),
        (),
    ]
    assert len({s.series.resource for s in found.samples}) == 1


def test_a_vendors_name_is_converted_and_a_canonical_one_is_not() -> None:
    fields = {"service": "aws.rds", "value": 0.25}
    vendor = changed(FORESHOCK, metric="ReadLatency", **fields)
    ours = changed(FORESHOCK, metric="query.latency", **fields)
    assert decode("foreshock-json", vendor, ours).values == [250.0, 0.25]


def test_unicode_names_come_through() -> None:
    name = "böhse-\u4f60-\U0001f525"
    raw = json.dumps({"resource": name, "metric": "m", "ts_ms": 1, "value": 1}, ensure_ascii=False)
    escaped = changed(raw.encode())
    first, second = decode("foreshock-json", raw.encode(), escaped).samples
    assert first.series == second.series
    assert first.series.resource.name == name


@pytest.mark.parametrize(
    ("unit", "value", "taken"),
    [("s", 0.25, (250.0, "ms")), ("ms", 250.0, (250.0, "ms")), (None, 0.25, (0.25, ""))],
)
def test_a_time_is_read_in_its_unit(unit: str | None, value: float, taken: object) -> None:
    line = changed(FORESHOCK, metric="latency", unit=unit, value=value)
    (sample,), _ = decode("foreshock-json", line)
    assert (sample.value, sample.series.unit) == taken
