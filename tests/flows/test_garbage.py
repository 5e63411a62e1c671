"""Ten thousand payloads of one point each, a tenth of them broken: every one is accounted for."""

import copy
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from config.app import App
from connectors.dead_letter import DeadLetter, DeadLetterFile
from connectors.files import FileSource
from connectors.formats.settings import DecodeSettings
from connectors.jsonl_sink import JsonLinesSink
from connectors.late import LateFile
from flows.replay import replay

PAYLOADS = 10_000
RESOURCES = 20
START_MS = 1_772_359_200_000  # 2026-03-01 10:00 UTC
ANCIENT_MS, FUTURE_MS = 86_400_000, 4_102_444_800_000  # 1970-01-02, 2100-01-01
Json = dict[str, Any]


class Format(NamedTuple):
    """How a good point looks, and where its value and time are."""

    point: Json
    value: tuple[str | int, ...]  # way to a number
    time: tuple[str | int, ...]
    resource: tuple[str | int, ...]
    text_time: bool
    chunk: int  # payloads read at once; nothing may depend on it


FORMATS = {
    "foreshock-json": Format(
        {"resource": "", "service": "aws.ec2", "metric": "latency", "ts_ms": 0, "value": 0.0},
        ("value",), ("ts_ms",), ("resource",), False, 1000,
    ),
    "cloudwatch-json": Format(
        {
            "metric_stream_name": "s", "account_id": "1", "region": "r", "namespace": "AWS/EC2",
            "metric_name": "CPUUtilization", "dimensions": {"InstanceId": ""}, "timestamp": 0,
            "value": {"count": 5.0, "sum": 0.0, "max": 1.0, "min": 0.0}, "unit": "Percent",
        },
        ("value", "sum"), ("timestamp",), ("dimensions", "InstanceId"), False, 37,
    ),
    "azure-monitor": Format(
        {
            "records": [
                {
                    "count": 4, "total": 0.0, "minimum": 0.0, "maximum": 9.0, "average": 1.0,
                    "resourceId": "", "time": "", "metricName": "Percentage CPU",
                    "timeGrain": "PT1M",
                }
            ]
        },
        ("records", 0, "average"), ("records", 0, "time"), ("records", 0, "resourceId"), True, 500,
    ),
    "gcp-timeseries": Format(
        {
            "metric": {"type": "compute.googleapis.com/instance/cpu/utilization"},
            "metricKind": "GAUGE",
            "points": [
                {"interval": {"endTime": ""}, "value": {"doubleValue": 0.0}}
            ],
            "resource": {
                "labels": {"project_id": "p", "zone": "z", "instance_id": ""},
                "type": "gce_instance",
            },
            "valueType": "DOUBLE",
        },
        ("points", 0, "value", "doubleValue"), ("points", 0, "interval", "endTime"),
        ("resource", "labels", "instance_id"), True, 5000,
    ),
}  # fmt: skip


def _put(point: Json, way: tuple[str | int, ...], value: object) -> None:
    at: Any = point
    for key in way[:-1]:
        at = at[key]
    at[way[-1]] = value


def _made(form: Format, i: int, ts_ms: int | None = None, value: object = None) -> bytes:
    """Return the i-th point; with another time or value if given."""
    point = copy.deepcopy(form.point)
    ts_ms = START_MS + i // RESOURCES * 60_000 if ts_ms is None else ts_ms
    time: object = ts_ms
    if form.text_time:
        time = f"{datetime.fromtimestamp(ts_ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}.0000000Z"
    name = f"n{i % RESOURCES}"
    if form.resource[-1] == "resourceId":
        name = (
            f"/subscriptions/1/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/{name}"
        )
    _put(point, form.time, time)
    _put(point, form.resource, name)
    _put(point, form.value, 10.0 + i % 7 if value is None else value)
    return msgspec.json.encode(point)


def _without(form: Format, i: int) -> bytes:
    point = msgspec.json.decode(_made(form, i))
    at = point
    for key in form.time[:-1]:
        at = at[key]
    del at[form.time[-1]]
    return msgspec.json.encode(point)


Break = Callable[[Format, int], bytes]
BROKEN: dict[str, tuple[Break, set[str]]] = {
    # what is done to a payload -> the reasons that explain it
    "truncated": (lambda f, i: _made(f, i)[:-20], {"malformed_json"}),
    "first half": (lambda f, i: _made(f, i)[: len(_made(f, i)) // 2], {"malformed_json"}),
    "second half": (
        lambda f, i: _made(f, i)[len(_made(f, i)) // 2 :],
        {"malformed_json", "wrong_shape", "wrong_type"},
    ),
    "value a list": (lambda f, i: _made(f, i, value=[1]), {"wrong_type"}),
    "value a word": (lambda f, i: _made(f, i, value="high"), {"wrong_type"}),
    "NaN": (lambda f, i: _made(f, i, value="@").replace(b'"@"', b"NaN"), {"not_finite"}),
    "infinite": (lambda f, i: _made(f, i, value="@").replace(b'"@"', b"1e999"), {"not_finite"}),
    "future": (lambda f, i: _made(f, i, FUTURE_MS), {"too_far_ahead"}),
    "ancient": (lambda f, i: _made(f, i, ANCIENT_MS), set()),  # late, not refused
    "no time": (_without, {"missing_field"}),
    "UTF-16": (
        lambda f, i: _made(f, i).decode().encode("utf-16-le").replace(b"\n", b""),
        {"malformed_json", "not_utf8", "wrong_shape"},
    ),
    "Latin-1": (
        lambda f, i: _made(f, i).replace(b'"n', b'"\xe9').replace(b"/n", b"/\xe9"),
        {"not_utf8"},
    ),
    "empty": (lambda _f, _i: b"", {"empty"}),
    "blanks": (lambda _f, _i: b"  \t ", {"empty"}),
    "a word": (lambda _f, _i: b"hello", {"malformed_json"}),
    "a number": (lambda _f, _i: b"7", {"wrong_shape", "wrong_type"}),
    "deep": (lambda _f, _i: b"[" * 9_000, {"malformed_json", "wrong_shape"}),
    "zeros": (lambda _f, _i: b"\0" * 50, {"not_utf8"}),
    "two together": (lambda f, i: _made(f, i) * 2, {"malformed_json"}),
    "two megabytes": (lambda f, i: b" " * 2_000_000 + _made(f, i), {"too_large"}),
}


KINDS = [kind for kind in BROKEN if kind != "two megabytes"]  # of that, a few are enough


def _payload(form: Format, i: int) -> tuple[str, bytes]:
    """Return what is wrong with the i-th payload, "" for nothing, and its bytes."""
    if i % 10 != 7:
        return "", _made(form, i)
    kind = KINDS[i // 10 % len(KINDS)]
    if i % 4_000 == 2_007:
        kind = "two megabytes"
    return kind, BROKEN[kind][0](form, i)


@pytest.mark.parametrize("name", FORMATS)
def test_every_payload_is_a_sample_or_late_or_explained(tmp_path: Path, name: str) -> None:
    form = FORMATS[name]
    kinds, payloads = zip(*(_payload(form, i) for i in range(PAYLOADS)), strict=True)
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(payloads) + b"\n")
    dead, late = tmp_path / "dead.jsonl", tmp_path / "late.jsonl"
    app = App(
        sources=(
            FileSource((str(tmp_path / "in.jsonl"),), format=name, chunk_payloads=form.chunk),
        ),
        sinks=(JsonLinesSink(str(tmp_path / "incidents.jsonl")),),
        dead_letter=DeadLetterFile(str(dead)),
        late=LateFile(str(late)),
        decode=DecodeSettings(max_payload_bytes=1_048_576),
    )
    counts = replay(app).counts

    assert counts.payloads == PAYLOADS
    assert counts.samples == kinds.count("")
    assert counts.samples + counts.late + counts.rejected == PAYLOADS
    letters = msgspec.json.Decoder(DeadLetter).decode_lines(dead.read_bytes())
    assert len(letters) == counts.rejected
    odd = Counter(
        (kinds[letter.position], letter.reason)
        for letter in letters
        if letter.reason not in BROKEN.get(kinds[letter.position], (None, ()))[1]
    )
    assert not odd
    refused = [letter.position for letter in letters]
    too_late = [
        line["position"] for line in msgspec.json.Decoder(Json).decode_lines(late.read_bytes())
    ]
    assert sorted(refused + too_late) == [i for i, kind in enumerate(kinds) if kind]
    assert {kinds[i] for i in too_late} == {"ancient"}
    for letter in letters:
        assert letter.detail
        assert (letter.source, letter.partition) == ("files", "in.jsonl")
        assert letter.raw_bytes == len(payloads[letter.position])
