import pytest

from tests.connectors.formats.payloads import PROMETHEUS_JSON, changed, decode

NAME = "prometheus-json"


def with_value(value: bytes) -> bytes:
    assert b'"1.5"' in PROMETHEUS_JSON
    return PROMETHEUS_JSON.replace(b'"1.5"', value)


def test_the_adapters_own_test_payload_is_read() -> None:
    payload = (
        b'{"value":"456","timestamp":"1970-01-01T00:00:00Z","name":"foo","labels":'
        b'{"__name__":"foo","labelfoo":"label-bar"}}'
    )
    (sample,), rejects = decode(NAME, payload)
    assert rejects == []
    assert (sample.series.metric, sample.ts_ms, sample.value) == ("foo", 0, 456.0)
    assert sample.series.labels == (("labelfoo", "label-bar"),)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b'"0"', 0.0), (b'"-0"', 0.0), (b'"1e3"', 1e3), (b'"+4"', 4.0), (b'".5"', 0.5), (b'"5."', 5.0),
     (b"7", 7.0), (b"7.5", 7.5), (b'"9876543210"', 9876543210.0)],
)  # fmt: skip
def test_values_are_text_or_numbers(value: bytes, expected: float) -> None:
    for payloads in ([with_value(value)], [PROMETHEUS_JSON, with_value(value)]):
        assert decode(NAME, *payloads).values[-1] == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [(b'"NaN"', "not_finite"), (b'"+Inf"', "not_finite"), (b'"-Inf"', "not_finite"),
     (b'"1e999"', "not_finite"), (b"1e999", "not_finite"), (b'""', "wrong_type"),
     (b'" 1"', "wrong_type"), (b'"1_0"', "wrong_type"), (b'"1,5"', "wrong_type"),
     (b'"0x1p3"', "wrong_type"), (b'"e"', "wrong_type"), (b'"1"', ""), (b"true", "wrong_type"),
     (b"null", "wrong_type"), ('"\u0661"'.encode(), "wrong_type")],
)  # fmt: skip
def test_what_is_no_number_is_a_reject_and_spares_its_neighbours(value: bytes, reason: str) -> None:
    found = decode(NAME, PROMETHEUS_JSON, with_value(value), PROMETHEUS_JSON)
    assert found.reasons == ([(1, reason)] if reason else [])
    assert len(found.samples) == (2 if reason else 3)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"2026-03-01T10:00:00Z", b"2026-03-01T10:00:00", "bad_time"),
        (b"2026-03-01T10:00:00Z", b"yesterday", "bad_time"),
        (b'"2026-03-01T10:00:00Z"', b"1772359200", "wrong_type"),
        (b'"timestamp":"2026-03-01T10:00:00Z",', b"", "missing_field"),
        (b'"value":"1.5",', b"", "missing_field"),
        (b'"raynor"', b"7", "wrong_type"),
        (b'"name":"node_load1","labels":{"__name__":"node_load1",', b'"labels":{', "missing_field"),
    ],
)  # fmt: skip
def test_a_bad_field_is_a_reject_with_its_reason(old: bytes, new: bytes, reason: str) -> None:
    assert old in PROMETHEUS_JSON
    found = decode(NAME, PROMETHEUS_JSON, PROMETHEUS_JSON.replace(old, new))
    assert found.reasons == [(1, reason)]
    assert len(found.samples) == 1


def test_bad_in_two_ways_is_one_reject() -> None:
    both = with_value(b'"x"').replace(b"2026-03-01T10:00:00Z", b"never").replace(b"raynor", b"\\n")
    unnamed = changed(both, name=None, labels={"a": "b"})
    assert len(decode(NAME, both, unnamed).rejects) == 2


def test_the_name_stands_in_the_labels_or_beside_them() -> None:
    beside = changed(PROMETHEUS_JSON, labels={"instance": "raynor", "job": "exporter"})
    within = changed(PROMETHEUS_JSON, name=None)
    found = decode(NAME, PROMETHEUS_JSON, beside, within)
    assert len({sample.series for sample in found.samples}) == 1
    assert len(found.samples) == 3


def test_counters_come_as_readings_and_a_half_makes_no_mean() -> None:
    labels = {"job": "shop", "instance": "i:1"}
    names = ("x_total", "x_seconds_sum", "x_seconds_count", "x_seconds_bucket", "x_seconds", "x")
    found = decode(NAME, *(changed(PROMETHEUS_JSON, name=name, labels=labels) for name in names))
    kinds = [(s.series.metric, s.series.counter and s.series.counter.kind) for s in found.samples]
    assert kinds == [
        ("x_total", "rate"), ("x_seconds.sum", "rate"), ("x_seconds.count", "rate"),
        ("x_seconds_bucket", "rate"), ("x_seconds", None), ("x", None),
    ]  # fmt: skip
