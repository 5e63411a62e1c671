"""Payloads of Prometheus and Telegraf."""

import random
import struct
from typing import Any

import cramjam

from tests.fuzz.cases import Unit
from tests.fuzz.cloud_payloads import iso, moment_ms, name, number
from tests.fuzz.damage_json import JsonDraft
from tests.fuzz.damage_wire import WireDraft
from tests.fuzz.wire import FIXED64, LEN, VARINT, Field, Node, Shape

_POINT = Shape({}, is_unit=True)
_TIME_SERIES = Shape({1: Shape({}), 2: _POINT, 4: _POINT}, holds_units=True)
WRITE_REQUEST = Shape({1: _TIME_SERIES, 3: Shape({})}, holds_units=True)
_NAMES = (
    "node_cpu_seconds_total", "node_memory_MemAvailable_bytes", "up", "http_requests_total",
    "kube_pod_status_phase", "container_memory_working_set_bytes", "go_goroutines",
)  # fmt: skip


def _labels(rng: random.Random, metric: str) -> dict[str, str]:
    labels = {"__name__": metric, "instance": f"{name(rng, 'h')}:9100", "job": "node"}
    if "cpu" in metric:
        labels |= {"cpu": str(rng.randrange(4)), "mode": rng.choice(("idle", "user"))}
    if metric.startswith(("kube_", "container_")):
        labels |= {"namespace": "shop", "pod": name(rng, "pod")}
    return dict(sorted(labels.items()))


def prometheus_json(rng: random.Random) -> JsonDraft:
    """Return `prometheus-json`."""
    lines = []
    for _ in range(rng.randrange(1, 5)):
        labels = _labels(rng, rng.choice(_NAMES))
        lines.append(
            {
                "timestamp": iso(moment_ms(rng)),
                "value": str(number(rng)),
                "name": labels["__name__"],
                "labels": labels,
            }
        )
    return JsonDraft(lines, [Unit(line) for line in lines], lines=True)


def _message(*fields: Field) -> bytes:
    node = Node(b"", Shape({}))
    node.fields.extend(fields)
    return node.encoded()


def _series(labels: dict[str, str], samples: list[tuple[float, int]]) -> Field:
    fields = [
        Field(1, LEN, _message(Field(1, LEN, key.encode()), Field(2, LEN, value.encode())))
        for key, value in labels.items()
    ]
    for value, ts_ms in samples:
        sample = [Field(2, VARINT, ts_ms)]
        if value != 0.0:  # what is 0 is absent
            sample.insert(0, Field(1, FIXED64, struct.pack("<d", value)))
        fields.append(Field(2, LEN, _message(*sample)))
    return Field(1, LEN, _message(*fields))


def _snappy(messages: list[bytes]) -> bytes:
    return bytes(cramjam.snappy.compress_raw(b"".join(messages)))


def remote_write(rng: random.Random) -> WireDraft:
    """Return `prometheus-remote-write`."""
    series = []
    points = means = 0
    for _ in range(rng.randrange(1, 8)):
        samples = [
            (rng.choice((number(rng), 0.0)), moment_ms(rng))
            for _ in range(rng.choice((1, 1, 1, 2)))
        ]
        series.append(_series(_labels(rng, rng.choice(_NAMES)), samples))
        points += len(samples)
    if rng.random() < 0.2:  # a sum and its count give their mean too
        labels = _labels(rng, f"f{rng.randrange(4)}_seconds")
        ts_ms = moment_ms(rng)
        for ending in ("_sum", "_count"):
            half = {**labels, "__name__": labels["__name__"] + ending}
            series.append(_series(half, [(number(rng), ts_ms)]))
        points, means = points + 2, 1
    if rng.random() < 0.1:
        series.append(Field(3, LEN, _message(Field(1, VARINT, 1), Field(2, LEN, b"up"))))
    units = [Unit(None)] * points
    return WireDraft([_message(*series)], WRITE_REQUEST, units, _snappy, _time_series, means)


def _time_series(root: Node) -> list[tuple[Node, frozenset[int]]]:
    return [(node, frozenset({2})) for number, node in root.nodes() if number == 1]


_PLUGINS: tuple[tuple[str, tuple[str, ...], dict[str, str]], ...] = (
    ("cpu", ("usage_idle", "usage_user", "time_user"), {"cpu": "cpu0"}),
    ("mem", ("used_percent", "available"), {}),
    ("net", ("bytes_recv", "bytes_sent"), {"interface": "eth0"}),
    ("redis", ("clients", "used_memory"), {"server": "localhost", "port": "6379"}),
    ("shop", ("orders", "carts"), {"route": "/"}),
)
_MORE = 4  # numbers that damage may add to fields


def telegraf(rng: random.Random) -> JsonDraft:
    """Return `telegraf-json`, in any of its envelopes; text among fields is no point."""
    metrics: list[Any] = []
    found: list[Unit] = []
    for _ in range(rng.randrange(1, 6)):
        plugin, names, tags = rng.choice(_PLUGINS)
        fields: dict[str, Any] = {
            each: rng.choice((number(rng), int(number(rng)), True))
            for each in names[: rng.randrange(1, len(names) + 1)]
        }
        points = len(fields)
        if rng.random() < 0.2:
            fields["uptime_format"] = "1 day"
        metric = {
            "fields": fields,
            "name": plugin,
            "tags": {"host": name(rng, "h"), **tags},
            "timestamp": moment_ms(rng) // rng.choice((1, 1000)),
        }
        metrics.append(metric)
        found.append(Unit(metric, points, 0, points + _MORE))
    kind = rng.randrange(3)
    if kind == 0:
        return JsonDraft(metrics, found)
    return JsonDraft([metrics if kind == 1 else {"metrics": metrics}], found)
