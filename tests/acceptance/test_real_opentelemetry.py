"""What the real OpenTelemetry SDK measures and exports, through a topic, decoded.

Its exporter puts requests into a topic as the Collector's Kafka exporter does: one a message, as
protobuf and as JSON, without keys.
"""

import time
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from google.protobuf import json_format
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.metrics import CallbackOptions, CallbackT, Observation
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
    ObservableCounter,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

from config.app import App
from connectors.kafka_settings import KafkaSource, Topic
from flows.replay import replay
from tests.acceptance.peeking import Peeked, peek
from tests.kafka.cluster import Cluster

TICK_S = 60.0
STEP_MS = 5  # between exports at least, as times are kept to the millisecond
PLACED = {"a": (5, 0, 7), "b": (1, 2, 3)}  # by shop: an amount a round
SPENT = (0.5, 0.25, 2.0)
TAKEN = ((0.1, 0.3), (0.2,), (0.4, 0.1, 0.1))  # seconds, of requests that went well
FAILED = ((), (1.5,), (0.5,))
PAID = ((2.0, 40.0), (8.0,), (1.0, 2.0, 6.0))  # of an exponential histogram
QUEUED = (3, -1, 4)  # changes
USED = (0.25, 0.5, 0.75)
READ = (100, 150, 175)  # totals
THREADS = (8, 9, 7)
HEAT = (61.5, 62.25, 60.0)
ROUNDS = len(SPENT)
OK: Mapping[str, str | int] = {
    "http.request.method": "GET",
    "http.route": "/cart",
    "http.response.status_code": 200,
}
BAD: Mapping[str, str | int] = {**OK, "http.response.status_code": 500}
RESOURCE = Resource.create(
    {
        "service.name": "checkout",
        "service.namespace": "shop",
        "service.instance.id": "checkout-1",
        "deployment.environment.name": "prod",
        "cloud.provider": "aws",
        "cloud.account.id": "111122223333",
        "cloud.region": "eu-west-1",
    }
)

pytestmark = pytest.mark.integration


class TopicExporter(MetricExporter):
    """Writes each export to a topic as protobuf and to another one as JSON."""

    def __init__(self, kafka: Cluster, name: str, temporality: AggregationTemporality) -> None:
        sums: tuple[type, ...] = (Counter, Histogram, ObservableCounter)
        kinds = dict.fromkeys(sums, temporality)
        super().__init__(preferred_temporality=kinds)
        self._kafka = kafka
        self._numbers = temporality == AggregationTemporality.DELTA  # else names: of enums in JSON
        self.proto, self.json = kafka.topic(f"otlp.{name}.proto"), kafka.topic(f"otlp.{name}.json")
        self.times_ns: list[int] = []
        self.intervals_s: dict[str, list[float]] = {shop: [] for shop in PLACED}

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object
    ) -> MetricExportResult:
        """Write one request to both."""
        request = encode_metrics(metrics_data)
        as_json = json_format.MessageToJson(
            request, indent=None, use_integers_for_enums=self._numbers
        ).encode()
        self._kafka.produce(self.proto, request.SerializeToString())
        self._kafka.produce(self.json, as_json)
        for point in _points(metrics_data, "orders.placed"):
            interval_ns = point.time_unix_nano - point.start_time_unix_nano
            self.intervals_s[point.attributes["shop"]].append(interval_ns / 1e9)
        self.times_ns.append(point.time_unix_nano)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing is kept."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        """Nothing is open."""


def _points(data: MetricsData, name: str) -> list[Any]:
    return [
        point
        for resource_metrics in data.resource_metrics
        for scope_metrics in resource_metrics.scope_metrics
        for metric in scope_metrics.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]


class Exported(NamedTuple):
    """Both temporalities of the same measurements."""

    kafka: Cluster
    cumulative: TopicExporter
    delta: TopicExporter


@pytest.fixture(scope="module")
def exported(kafka: Cluster) -> Exported:
    """Some rounds of measurements, each exported."""
    if not kafka.real:
        pytest.skip(f"needs a real broker, this is {kafka.said}; `make components` helps")
    cumulative = TopicExporter(kafka, "cumulative", AggregationTemporality.CUMULATIVE)
    delta = TopicExporter(kafka, "delta", AggregationTemporality.DELTA)
    readers = [
        PeriodicExportingMetricReader(exporter, export_interval_millis=float("inf"))
        for exporter in (cumulative, delta)
    ]
    view = View(
        instrument_name="payment.amount", aggregation=ExponentialBucketHistogramAggregation()
    )
    provider = MeterProvider(readers, RESOURCE, shutdown_on_exit=False, views=[view])
    measure(provider)
    provider.shutdown()
    return Exported(kafka, cumulative, delta)


def measure(provider: MeterProvider) -> None:
    """Use every kind of instrument in every round."""
    meter = provider.get_meter("shop.meter")
    now = 0

    def observing(values: tuple[float, ...]) -> list[CallbackT]:
        def observe(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(values[now], {"disk": "sda"})]

        return [observe]

    placed = meter.create_counter("orders.placed")
    spent = meter.create_counter("energy.spent", unit="J")
    queued = meter.create_up_down_counter("queue.items")
    took = meter.create_histogram("http.server.request.duration", unit="s")
    paid = meter.create_histogram("payment.amount", unit="EUR")
    used = meter.create_gauge("pool.usage")
    meter.create_observable_counter("disk.read", observing(READ), unit="By")
    meter.create_observable_up_down_counter("threads.running", observing(THREADS))
    meter.create_observable_gauge("disk.heat", observing(HEAT))
    for now in range(ROUNDS):
        for shop, amounts in PLACED.items():
            placed.add(amounts[now], {"shop": shop})
        spent.add(SPENT[now])
        queued.add(QUEUED[now])
        used.set(USED[now])
        for attributes, seconds in ((OK, TAKEN[now]), (BAD, FAILED[now])):
            for each in seconds:
                took.record(each, attributes)
        for each in PAID[now]:
            paid.record(each)
        _let_time_pass()
        assert provider.force_flush()


def _let_time_pass() -> None:
    begun_ns = time.time_ns()
    while time.time_ns() - begun_ns < STEP_MS * 1_000_000:
        pass


@pytest.fixture(scope="module")
def cumulative(exported: Exported) -> Peeked:
    """What `peek` makes of cumulative protobuf."""
    return _peek(exported.kafka, exported.cumulative.proto, "--format", "otlp-proto")


@pytest.fixture(scope="module")
def delta(exported: Exported) -> Peeked:
    """What `peek` makes of delta protobuf."""
    return _peek(exported.kafka, exported.delta.proto, "--format", "otlp-proto")


def _peek(kafka: Cluster, topic: str, *options: str) -> Peeked:
    return peek(topic, "--brokers", kafka.bootstrap, *options)


def values(found: Peeked, source: str, **labels: str) -> list[float | None]:
    """Return the values of the series of a metric that have the labels, by time."""
    return [
        line["value"]
        for line in sorted(found.samples, key=lambda line: line["ts_ms"])
        if line["source_metric"] == source and labels.items() <= line["labels"].items()
    ]


def a_second(amounts: Iterable[float], seconds: list[float]) -> list[Any]:
    """Return what is close to amounts over times."""
    return [pytest.approx(a / s) for a, s in zip(amounts, seconds, strict=True)]


def between(exporter: TopicExporter) -> list[float]:
    """Return the seconds between exports, by their times in milliseconds."""
    ms = [ns // 1_000_000 for ns in exporter.times_ns]
    return [(after - before) / 1000 for before, after in pairwise(ms)]


def test_cumulative_counters_give_what_was_added_a_second(
    exported: Exported, cumulative: Peeked
) -> None:
    seconds = between(exported.cumulative)
    for shop, amounts in PLACED.items():
        found = values(cumulative, "orders.placed", shop=shop)
        assert found == [None, *a_second(amounts[1:], seconds)]
    assert values(cumulative, "energy.spent") == [None, *a_second(SPENT[1:], seconds)]
    read = [after - before for before, after in pairwise(READ)]
    assert values(cumulative, "disk.read", disk="sda") == [None, *a_second(read, seconds)]


def test_delta_counters_give_what_was_added_a_second_from_the_first_export_on(
    exported: Exported, delta: Peeked
) -> None:
    for shop, amounts in PLACED.items():
        seconds = exported.delta.intervals_s[shop]
        assert values(delta, "orders.placed", shop=shop) == a_second(amounts, seconds)
    units = {line["unit"] for line in delta.samples if line["source_metric"] == "energy.spent"}
    assert units == {"J/s"}


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_gauges_and_sums_that_may_fall_are_taken_as_they_are(
    temporality: str, request: pytest.FixtureRequest
) -> None:
    found: Peeked = request.getfixturevalue(temporality)
    assert values(found, "queue.items") == [3, 2, 6]
    assert values(found, "pool.usage") == list(USED)
    assert values(found, "threads.running", disk="sda") == list(THREADS)
    assert values(found, "disk.heat", disk="sda") == list(HEAT)


def test_cumulative_histograms_give_the_mean_of_what_came_since_the_last_export(
    exported: Exported, cumulative: Peeked
) -> None:
    name, ok, failed = "http.server.request.duration", "200", "500"
    seconds = between(exported.cumulative)
    label = "http.response.status_code"
    means = [pytest.approx(1000 * sum(each) / len(each)) for each in TAKEN[1:]]
    assert values(cumulative, name, **{label: ok}) == [None, *means]  # milliseconds
    assert values(cumulative, name, **{label: failed}) == [None, pytest.approx(500.0)]
    rates = a_second([len(each) * TICK_S for each in TAKEN[1:]], seconds)
    assert values(cumulative, f"{name}.count", **{label: ok}) == [None, *rates]
    sums = a_second([sum(each) * TICK_S for each in TAKEN[1:]], seconds)
    assert values(cumulative, f"{name}.sum", **{label: ok}) == [None, *sums]
    assert values(cumulative, f"{name}.min") == []  # of all time: says nothing new


def test_delta_histograms_give_mean_count_and_extremes_of_each_interval(delta: Peeked) -> None:
    name, ok = "http.server.request.duration", {"http.response.status_code": "200"}
    means = [pytest.approx(1000 * sum(each) / len(each)) for each in TAKEN]
    assert values(delta, name, **ok) == means
    assert values(delta, f"{name}.count", **ok) == [len(each) for each in TAKEN]
    assert values(delta, f"{name}.min", **ok) == [min(each) for each in TAKEN]
    assert values(delta, f"{name}.max", **ok) == [max(each) for each in TAKEN]
    failed = {"http.response.status_code": "500"}
    assert values(delta, name, **failed) == [pytest.approx(1500.0), pytest.approx(500.0)]


def test_exponential_histograms_give_what_others_give(
    exported: Exported, cumulative: Peeked, delta: Peeked
) -> None:
    for message in exported.kafka.read_all(exported.delta.json):
        assert b'"exponentialHistogram"' in (message.value() or b"")
    means = [pytest.approx(sum(each) / len(each)) for each in PAID]
    assert values(cumulative, "payment.amount") == [None, *means[1:]]
    assert values(delta, "payment.amount") == means
    assert values(delta, "payment.amount.min") == [min(each) for each in PAID]
    assert values(delta, "payment.amount.max") == [max(each) for each in PAID]


def test_points_have_the_times_of_their_export(
    exported: Exported, cumulative: Peeked, delta: Peeked
) -> None:
    for found, exporter in ((cumulative, exported.cumulative), (delta, exported.delta)):
        times = {line["ts_ms"] for line in found.samples}
        assert times == {time_ns // 1_000_000 for time_ns in exporter.times_ns}


def test_requests_have_the_names_that_every_road_gives_them(delta: Peeked) -> None:
    metrics = {line["source_metric"]: set[str]() for line in delta.samples}
    for line in delta.samples:
        metrics[line["source_metric"]].add(line["metric"])
    assert metrics["http.server.request.duration"] == {"latency"}
    assert metrics["http.server.request.duration.count"] == {"request.rate", "error.count"}
    assert metrics["orders.placed"] == {"orders.placed"}


def test_the_resource_is_the_service_that_the_sdk_was_told(
    cumulative: Peeked, delta: Peeked
) -> None:
    fields = ("resource", "cloud", "service", "account", "region")
    for found in (cumulative, delta):
        assert not found.rejects
        who = {tuple(line[field] for field in fields) for line in found.samples}
        assert who == {("checkout", "aws", "app.service", "111122223333", "eu-west-1")}
        attributes = found.samples[0]["attributes"]
        assert attributes["environment"] == "prod"
        assert attributes["application"] == "shop"
        assert not any(key.startswith("telemetry.") for key in attributes)


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_json_says_the_same_as_protobuf_and_auto_tells_them_apart(
    temporality: str, exported: Exported, request: pytest.FixtureRequest
) -> None:
    expected: Peeked = request.getfixturevalue(temporality)
    exporter = exported.cumulative if temporality == "cumulative" else exported.delta

    def in_order(found: Peeked) -> list[str]:
        return sorted(map(repr, found.samples))

    named = _peek(exported.kafka, exporter.json, "--format", "otlp-json")
    assert in_order(named) == in_order(expected)
    for topic, format_name in ((exporter.proto, "otlp-proto"), (exporter.json, "otlp-json")):
        found = _peek(exported.kafka, topic)
        assert f"formats {format_name} " in found.said
        assert in_order(found) == in_order(expected)


def test_the_flow_accounts_for_every_point(
    exported: Exported, cumulative: Peeked, delta: Peeked
) -> None:
    runs = (
        (Topic(exported.cumulative.proto, "otlp-proto"), cumulative),
        (Topic(exported.delta.json, "otlp-json"), delta),
    )
    for topic, found in runs:
        source = KafkaSource(brokers=exported.kafka.bootstrap, topics=(topic,), end="now")
        counts = replay(App(sources=(source,), sinks=())).counts
        absorbed = sum(line["value"] is None for line in found.samples)
        assert (counts.payloads, counts.resources) == (ROUNDS, 1)
        assert (counts.rejected, counts.late, counts.absorbed) == (0, 0, absorbed)
        assert counts.samples == len(found.samples) - absorbed
