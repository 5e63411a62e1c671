import json

import pytest

from tests.connectors.formats.payloads import AZURE, AZURE_RECORD, AZURE_RULE, changed, decode

VM = changed(
    AZURE_RECORD,
    resourceId="/SUBSCRIPTIONS/S1/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.COMPUTE/VIRTUALMACHINES/Web",
    metricName="Percentage CPU",
)


def envelope(*records: bytes) -> bytes:
    return b'{"records":[' + b",".join(records) + b"]}"


def test_a_record_of_a_diagnostic_setting() -> None:
    (sample,), rejects = decode("azure-monitor", AZURE)
    resource = sample.series.resource
    assert rejects == []
    assert (resource.name, resource.account, resource.region) == ("SERVICE", "0000", "")
    assert resource.uid == (
        "subscriptions/0000/resourcegroups/rg/providers/microsoft.insights/components/service"
    )
    assert (sample.ts_ms, sample.value) == (1752497100000, 534.440791304348)


def test_a_record_of_a_collection_rule_has_numbers_as_text_and_labels() -> None:
    (sample,), rejects = decode("azure-monitor", AZURE_RULE)
    assert rejects == []
    assert (sample.ts_ms, sample.value) == (1724334180000, 1.0)
    assert sample.series.labels == (("ActivityName", "keycreate"),)
    assert (sample.series.metric, sample.series.unit) == ("ServiceApiHit", "Count")


@pytest.mark.parametrize(
    "payload",
    [envelope(VM, VM), b"[" + VM + b"," + VM + b"]", VM + b"\n" + VM,
     envelope(VM) + b"\n" + VM, b"[" + envelope(VM) + b"," + VM + b"]"],
    ids=["envelope", "array", "lines", "mixed lines", "array of envelopes"],
)  # fmt: skip
def test_every_envelope_gives_its_points(payload: bytes) -> None:
    found = decode("azure-monitor", payload)
    assert found.rejects == []
    assert len(found.samples) == 2


def test_case_of_the_resource_id_makes_no_other_resource_and_the_name_is_kept() -> None:
    lower = changed(VM, resourceId=json.loads(VM)["resourceId"].lower())
    first, second = decode("azure-monitor", VM, lower).samples
    assert first.series.resource.key == second.series.resource.key
    assert (first.series.resource.name, second.series.resource.name) == ("Web", "web")
    assert first.series.resource.service == "azure.vm"
    assert first.series.metric == "cpu.utilization"


def test_one_name_in_two_groups_is_two_resources() -> None:
    other = VM.replace(b"RESOURCEGROUPS/RG/", b"RESOURCEGROUPS/RG2/")
    first, second = decode("azure-monitor", VM, other).samples
    assert first.series.resource.key != second.series.resource.key


@pytest.mark.parametrize(
    ("metric", "value"),
    [("Percentage CPU", 2.5), ("Network In Total", 10.0), ("VmAvailabilityMetric", 1.0),
     ("Available Memory Percentage", 97.5), ("made up", 2.5)],
)  # fmt: skip
def test_the_catalogue_says_which_statistic(metric: str, value: float) -> None:
    stats = {"count": 4, "total": 10, "minimum": 1, "maximum": 5, "average": 2.5}
    upper = {k.capitalize(): str(v) for k, v in stats.items()}
    lower_case = changed(VM, metricName=metric, **stats)
    capitals = changed(VM, metricName=metric, **(dict.fromkeys(stats) | upper))
    assert decode("azure-monitor", lower_case, capitals).values == [value, value]


def test_the_mean_is_made_of_total_and_count_where_no_average_is_sent() -> None:
    assert decode("azure-monitor", changed(VM, average=None, total=10, count=4)).values == [2.5]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"count": 0}, "count_zero"),
        ({"count": "0"}, "count_zero"),
        ({"count": True}, "wrong_type"),
        ({"average": "1_000"}, "wrong_type"),
        ({"average": " 1"}, "wrong_type"),
        ({"average": ""}, "wrong_type"),
        ({"average": "0x10"}, "wrong_type"),
        ({"average": "NaN"}, "not_finite"),
        ({"average": "-Infinity"}, "not_finite"),
        ({"average": "1e999"}, "not_finite"),
        ({"average": None, "total": None}, "no_statistic"),
        ({"average": None, "count": None}, "no_statistic"),
        ({"time": None}, "missing_field"),
        ({"time": 1752497100000}, "wrong_type"),
        ({"time": "2025-07-14T12:45:00"}, "bad_time"),
        ({"time": "2025-02-30T12:45:00Z"}, "bad_time"),
        ({"time": "now"}, "bad_time"),
        ({"resourceId": None}, "missing_field"),
        ({"resourceId": ""}, "missing_field"),
        ({"resourceId": 7}, "wrong_type"),
        ({"metricName": None}, "missing_field"),
        ({"dimension": {"a": 1}}, "wrong_type"),
        ({"dimension": []}, "wrong_type"),
    ],
)
def test_a_bad_record_is_one_reject_and_spares_its_neighbours(
    fields: dict[str, object], reason: str
) -> None:
    bad = changed(VM, **fields)
    for payload in (envelope(VM, bad, VM), b"[" + b",".join([VM, bad, VM]) + b"]"):
        found = decode("azure-monitor", payload)
        assert found.reasons == [(0, reason)]
        assert len(found.samples) == 2


def test_a_record_that_is_no_object_spares_its_neighbours() -> None:
    found = decode("azure-monitor", envelope(VM, b"7", b"null", b"[]", VM))
    assert found.reasons == [(0, "wrong_shape")] * 3
    assert len(found.samples) == 2


def test_a_record_in_another_encoding_spares_its_neighbours() -> None:
    found = decode("azure-monitor", envelope(VM, VM.replace(b"Web", b"W\xe9b"), VM))
    assert found.reasons == [(0, "not_utf8")]
    assert len(found.samples) == 2


@pytest.mark.parametrize("payload", [b'{"records":[]}', b"[]", b"[ ]"])
def test_an_envelope_without_points_is_one_reject(payload: bytes) -> None:
    assert decode("azure-monitor", payload).reasons == [(0, "empty")]


def test_rows_of_application_insights_sit_beside_the_others() -> None:
    row = {
        "time": "2025-07-14T12:45:00.0000000Z",
        "resourceId": "/subscriptions/0/providers/microsoft.insights/components/web",
        "Name": "orders", "Sum": 30.0, "Min": 1, "Max": 9, "ItemCount": 3, "Type": "AppMetrics",
        "Properties": {"shop": "eu", "_MS.AggregationIntervalMs": "60000"},
    }  # fmt: skip
    found = decode("azure-monitor", envelope(VM, json.dumps(row).encode()))
    assert found.rejects == []
    sample = found.samples[1]
    assert (sample.series.metric, sample.value) == ("orders", 10.0)
    assert sample.series.labels == (("shop", "eu"),)


def test_a_region_in_the_payload_is_taken() -> None:
    (sample,) = decode("azure-monitor", changed(VM, location="westeurope")).samples
    assert sample.series.resource.region == "westeurope"


@pytest.mark.parametrize(
    ("resource_id", "service", "name", "account"),
    [
        ("/subscriptions/S/resourceGroups/g/providers/Microsoft.Web/sites/App/slots/Blue",
         "azure.app_service", "Blue", "s"),
        ("/subscriptions/S/resourceGroups/g/providers/Microsoft.Foo/bars/B/", "azure.foo_bars",
         "B", "s"),
        ("/subscriptions/S", "azure", "S", "s"),
        ("just-a-name", "azure", "just-a-name", ""),
        ("/", "azure", "/", ""),
        ("/subscriptions/S/providers", "azure", "providers", "s"),
    ],
)  # fmt: skip
def test_odd_resource_ids_are_still_resources(
    resource_id: str, service: str, name: str, account: str
) -> None:
    (sample,) = decode("azure-monitor", changed(VM, resourceId=resource_id)).samples
    resource = sample.series.resource
    assert (resource.service, resource.name, resource.account) == (service, name, account)
