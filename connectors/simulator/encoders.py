"""The vendors' wire forms, column-wise: points of many series become text without a Python loop.

A point is rendered by joining columns of strings in Arrow: per series a head that never changes,
then time and statistics. Statistics other than the main one are fixed multiples of it, so a
change of so many deviations is as large in whichever statistic a reader picks.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.simulator.fleet import Fleet, Node
from connectors.simulator.panel import Row
from connectors.simulator.vendors import Form
from schema import F64, I64

Names = npt.NDArray[np.object_]
Column = Any  # F64: numbers; str: a text for every row; pa.Array: texts (Arrow has no types)

# Factors of (sum, max, min) on the value of a point, and its count.
COUNT: dict[Form, float] = {"gauge": 1.0, "sum": 60.0, "latency": 120.0}
MAX: dict[Form, float] = {"gauge": 1.0, "sum": 0.04, "latency": 3.2}
MIN: dict[Form, float] = {"gauge": 1.0, "sum": 0.004, "latency": 0.4}
PERCENTILES = (("p50", 0.875), ("p90", 1.5), ("p95", 1.75), ("p99", 2.5))  # of a latency


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _numbers(values: F64) -> pa.Array:
    """Return shortest round-trip decimals; counts and bytes without a fraction."""
    if np.all(values == np.rint(values)) and np.all(np.abs(values) < 2**53):
        return pa.array(values.astype(np.int64)).cast(pa.string())
    return pa.array(values).cast(pa.string())


def _join(columns: Sequence[Column]) -> list[str]:
    """Join columns elementwise; a plain string stands in every row."""
    parts = [_numbers(part) if isinstance(part, np.ndarray) else part for part in columns]
    joined: list[str] = pc.binary_join_element_wise(*parts, "").to_pylist()
    return joined


def _rounded(values: F64) -> F64:
    """Cut the noise of a multiplication: nine decimals, three where the integer part is long."""
    return np.where(np.abs(values) < 1e5, np.round(values, 9), np.round(values, 3))


def _times(ts_ms: I64, form: Callable[[int], str]) -> pa.Array:
    """Render each distinct time once."""
    distinct, inverse = np.unique(ts_ms, return_inverse=True)
    return pa.array([form(int(ms)) for ms in distinct], pa.string()).take(pa.array(inverse))


def _rfc3339(ms: int, fraction: str) -> str:
    moment = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


class CloudWatch:
    """`cloudwatch-json`: Metric Streams objects, several a record joined by newlines."""

    def __init__(self, fleet: Fleet, rows: Sequence[Row], interval_s: int) -> None:
        del interval_s  # the format has no period
        self._heads = pa.array([self._head(fleet.nodes[row.node], row) for row in rows])
        self._tails = pa.array([f'}},"unit":{_text(row.metric.unit)}}}' for row in rows])

    def _head(self, node: Node, row: Row) -> str:
        body = {
            "metric_stream_name": "foreshock",
            "account_id": node.account,
            "region": node.region,
            "namespace": node.vendor.vendor,
            "metric_name": row.metric.name,
            "dimensions": dict(node.address),
        }
        return _text(body)[:-1] + ',"timestamp":'

    def points(self, form: Form, rows: I64, ts_ms: I64, values: F64) -> list[str]:
        """Render points of one form."""
        total = values if form == "sum" else _rounded(values * COUNT[form])
        count = f',"value":{{"count":{COUNT[form]:.1f},"sum":'
        columns: list[Column] = [
            self._heads.take(rows), ts_ms.astype(np.float64), count, total,
            ',"max":', _rounded(values * MAX[form]), ',"min":', _rounded(values * MIN[form]),
        ]  # fmt: skip
        if form == "latency":
            for name, factor in PERCENTILES:
                columns += [f',"{name}":', _rounded(values * factor)]
        return _join([*columns, self._tails.take(rows)])

    def payload(self, points: Sequence[str]) -> bytes:
        """Put points into one record."""
        return "\n".join(points).encode()


class AzureMonitor:
    """`azure-monitor`: diagnostic settings' records."""

    def __init__(self, fleet: Fleet, rows: Sequence[Row], interval_s: int) -> None:
        grain = f"PT{interval_s // 60}M" if interval_s % 60 == 0 else f"PT{interval_s}S"
        self._grain = "PT1H" if interval_s == 3600 else grain
        self._heads = pa.array(
            [f'{_text(dict(fleet.nodes[row.node].address))[1:-1]},"time":"' for row in rows]
        )
        self._tails = pa.array(
            [
                f'","metricName":{_text(row.metric.name)},"timeGrain":"{self._grain}"}}'
                for row in rows
            ],
        )

    def points(self, form: Form, rows: I64, ts_ms: I64, values: F64) -> list[str]:
        """Render points of one form."""
        count = COUNT[form]
        total = values if form == "sum" else _rounded(values * count)
        average = _rounded(values / count) if form == "sum" else values
        return _join(
            [
                f'{{"count":{int(count)},"total":', total,
                ',"minimum":', _rounded(values * MIN[form]),
                ',"maximum":', _rounded(values * MAX[form]), ',"average":', average, ",",
                self._heads.take(rows), _times(ts_ms, lambda ms: _rfc3339(ms, ".0000000")),
                self._tails.take(rows),
            ]
        )  # fmt: skip

    def payload(self, points: Sequence[str]) -> bytes:
        """Put points into one record."""
        return ('{"records":[' + ",".join(points) + "]}").encode()


class GcpTimeSeries:
    """`gcp-timeseries`: one point a series, several series a record."""

    def __init__(self, fleet: Fleet, rows: Sequence[Row], interval_s: int) -> None:
        self._interval_ms = interval_s * 1000
        self._heads = pa.array([self._head(row) for row in rows])
        self._values = pa.array([self._value(row) for row in rows])
        self._tails = pa.array([self._tail(fleet.nodes[row.node], row) for row in rows])

    def _head(self, row: Row) -> str:
        metric = {"labels": dict(row.metric.labels), "type": row.metric.name}
        kind = "GAUGE" if row.metric.form == "gauge" else "DELTA"
        return _text({"metric": metric, "metricKind": kind})[:-1] + ',"points":[{"interval":{'

    def _value(self, row: Row) -> str:
        if row.metric.form == "latency":
            return f'"distributionValue":{{"count":"{COUNT["latency"]:.0f}","mean":'
        return '"int64Value":"' if row.metric.integer else '"doubleValue":'

    def _tail(self, node: Node, row: Row) -> str:
        resource = {"labels": dict(node.address), "type": node.vendor.vendor}
        if row.metric.form == "latency":
            close, kind = "}", "DISTRIBUTION"
        else:
            close, kind = ('"', "INT64") if row.metric.integer else ("", "DOUBLE")
        rest = _text({"resource": resource, "unit": row.metric.unit, "valueType": kind})
        return close + "}}]," + rest[1:]

    def points(self, form: Form, rows: I64, ts_ms: I64, values: F64) -> list[str]:
        """Render points of one form."""
        end = _times(ts_ms, lambda ms: f'"endTime":"{_rfc3339(ms, "")}"')
        behind = 0 if form == "gauge" else self._interval_ms
        start = _times(ts_ms, lambda ms: f',"startTime":"{_rfc3339(ms - behind, "")}"}},"value":{{')
        return _join(
            [
                self._heads.take(rows),
                end,
                start,
                self._values.take(rows),
                values,
                self._tails.take(rows),
            ]
        )

    def payload(self, points: Sequence[str]) -> bytes:
        """Put points into one record."""
        return ('{"timeSeries":[' + ",".join(points) + "]}").encode()


class ForeshockJson:
    """`foreshock-json`: our own lines, with zone, application and tier as attributes."""

    def __init__(self, fleet: Fleet, rows: Sequence[Row], interval_s: int) -> None:
        del interval_s
        self._heads = pa.array([self._head(fleet, row) for row in rows])
        self._tails = pa.array([self._tail(fleet, row) for row in rows])

    def _head(self, fleet: Fleet, row: Row) -> str:
        node = fleet.nodes[row.node]
        body = {
            "resource": node.name,
            "cloud": node.cloud,
            "service": node.vendor.service,
            "account": node.account,
            "region": node.region,
            "metric": row.metric.plain or row.metric.name,
        }
        return _text(body)[:-1] + ',"ts_ms":'

    def _tail(self, fleet: Fleet, row: Row) -> str:
        node = fleet.nodes[row.node]
        attributes = {
            "application": fleet.applications[node.application],
            "tier": {"edge": "1", "app": "2", "data": "1"}[node.tier],
        }
        if node.zone:
            attributes["zone"] = node.zone
        return f',"attributes":{_text(attributes)}}}'

    def points(self, form: Form, rows: I64, ts_ms: I64, values: F64) -> list[str]:
        """Render points of one form."""
        del form
        times = ts_ms.astype(np.float64)
        return _join([self._heads.take(rows), times, ',"value":', values, self._tails.take(rows)])

    def payload(self, points: Sequence[str]) -> bytes:
        """Put points into one record."""
        return "\n".join(points).encode()


Wire = CloudWatch | AzureMonitor | GcpTimeSeries | ForeshockJson
WIRES: dict[str, type[CloudWatch | AzureMonitor | GcpTimeSeries | ForeshockJson]] = {
    "cloudwatch-json": CloudWatch,
    "azure-monitor": AzureMonitor,
    "gcp-timeseries": GcpTimeSeries,
    "foreshock-json": ForeshockJson,
}
LINE_FORMATS = frozenset({"cloudwatch-json", "foreshock-json"})  # one point a line of a file


class Encoder:
    """Encodes points of a panel's rows, whatever their forms, in the order given."""

    def __init__(
        self, wire_format: str, fleet: Fleet, rows: Sequence[Row], interval_s: int
    ) -> None:
        self._wire = WIRES[wire_format](fleet, rows, interval_s)
        forms: list[Form] = ["gauge", "sum", "latency"]
        self._forms = forms
        self._form = np.array([forms.index(row.metric.form) for row in rows], dtype=np.int8)

    def points(self, rows: I64, ts_ms: I64, values: F64) -> Names:
        """Render points: row of the panel, time and value of each -> its text, (n,) objects."""
        texts = np.empty(len(rows), dtype=object)
        form = self._form[rows]
        for f, name in enumerate(self._forms):
            index = np.flatnonzero(form == f)
            if len(index):
                texts[index] = self._wire.points(name, rows[index], ts_ms[index], values[index])
        return texts

    def payload(self, points: Names) -> bytes:
        """Put points into one record."""
        return self._wire.payload(points.tolist())
