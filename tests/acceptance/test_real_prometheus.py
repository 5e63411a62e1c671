"""What a real Prometheus remote-writes, decoded: its own bodies, byte for byte as received."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from math import isnan
from typing import NamedTuple

import cramjam
import pytest

from config.app import App
from config.catalogue import load_catalogue
from connectors.formats.registry import create_decoder
from connectors.kafka_settings import KafkaSource
from flows.replay import replay
from schema import Counter, Series, SeriesTable
from tests.acceptance.peeking import Peeked, peek
from tests.kafka.cluster import Cluster
from tests.prometheus.exporter import SCRAPE, TRACE, Exporter, Labels, Page
from tests.prometheus.receiver import Body, Receiver
from tests.prometheus.server import JOB, MISSING, Prometheus, binary

FORMAT = "prometheus-remote-write"
SCRAPES = 3
WITHIN_S = 60.0
STALE = (0x7FF0000000000002).to_bytes(8, "little")
OWN = ("up", "scrape_")  # what Prometheus adds of itself
LABELS_OF_OURS = {"of"}

pytestmark = pytest.mark.integration


class Capture(NamedTuple):
    """What was served, and what was received for it."""

    address: str
    served: list[Page]
    bodies: list[bytes]
    plain: list[bytes]  # the same, uncompressed
    headers: set[tuple[str, str]]  # content encodings and versions of remote write
    version: str


class Read(NamedTuple):
    """A decoded sample."""

    series: Series
    source: str
    ts_ms: int
    value: float
    observed: float

    @property
    def labels(self) -> Labels:
        """As they were served: what names the resource is no longer among them."""
        found = {*self.series.labels, *self.series.parts}
        return tuple(sorted(pair for pair in found if pair[0] not in LABELS_OF_OURS))


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Capture]:
    """Some scrapes of a target, and its end."""
    if binary() is None:
        pytest.skip(MISSING)
    with Receiver() as receiver:
        with Exporter() as exporter:
            folder = tmp_path_factory.mktemp("prometheus")
            prometheus = Prometheus(folder, exporter.address, receiver.url)
            with prometheus:
                receiver.wait_for(lambda bodies: _scrapes(bodies) >= SCRAPES, WITHIN_S, "scrapes")
                exporter.close()
                known = len(receiver.bodies)
                receiver.wait_for(
                    lambda bodies: any(STALE in _plain(body) for body in bodies[known:]),
                    WITHIN_S,
                    "stale marks",
                )
        yield Capture(
            exporter.address,
            exporter.served,
            [body.content for body in receiver.bodies],
            [_plain(body) for body in receiver.bodies],
            {(body.encoding, body.version) for body in receiver.bodies},
            prometheus.version,
        )


def _plain(body: Body) -> bytes:
    return bytes(cramjam.snappy.decompress_raw(body.content))


def _scrapes(bodies: list[Body]) -> int:
    """Count bodies with samples of the exporter; others tell of types and help texts alone."""
    return sum(b"__name__\x12" + bytes([len(SCRAPE)]) in _plain(body) for body in bodies)


@pytest.fixture(scope="module")
def decoded(captured: Capture) -> tuple[list[Read], list[str]]:
    """The samples of all bodies, and the reasons of rejects."""
    decoder, table = create_decoder(FORMAT, load_catalogue()), SeriesTable()
    found = decoder(captured.bodies, table)
    assert found.batch.count is not None
    columns = (found.batch.series, found.batch.ts_ms, found.batch.value, found.batch.count)
    reads = [
        Read(table.series[index], table.source_metric[index], ts_ms, value, observed)
        for index, ts_ms, value, observed in zip(*(c.tolist() for c in columns), strict=True)
    ]
    return reads, [reason for _, reason, _ in found.rejects]


def _pages(reads: list[Read], served: list[Page]) -> dict[int, Page]:
    """Return the page that was served for each time; all samples of a scrape have one time."""
    return {
        read.ts_ms: {
            key: value for key, value in served[int(read.value)].items() if not isnan(value)
        }
        for read in reads
        if read.source == SCRAPE
    }


def _is_mean(read: Read) -> bool:
    return read.series.counter is not None and read.series.counter.kind == "mean"


def test_bodies_are_those_of_remote_write_1(captured: Capture) -> None:
    assert captured.headers == {("snappy", "0.1.0")}, captured.version


def test_bodies_hold_more_than_samples(captured: Capture) -> None:
    with_exemplars = [body for body in captured.plain if TRACE.encode() in body]
    with_help = [body for body in captured.plain if b"Took, by quantile." in body]
    assert with_exemplars, captured.version  # so that ignoring them is tested by what follows
    assert with_help


def test_every_value_is_the_one_that_was_served(
    captured: Capture, decoded: tuple[list[Read], list[str]]
) -> None:
    reads, _ = decoded
    pages = _pages(reads, captured.served)
    assert len(pages) >= SCRAPES
    found: dict[int, Page] = defaultdict(dict)
    for read in reads:
        if not read.source.startswith(OWN) and not _is_mean(read):
            assert (read.source, read.labels) not in found[read.ts_ms]
            found[read.ts_ms][read.source, read.labels] = read.value
    assert found == pages


def test_means_are_made_of_the_sum_and_the_count_of_a_scrape(
    captured: Capture, decoded: tuple[list[Read], list[str]]
) -> None:
    reads, _ = decoded
    means = [read for read in reads if _is_mean(read)]
    pages = _pages(reads, captured.served)
    assert {read.source for read in means} == {
        "http_request_duration_seconds", "rpc_duration_seconds", "rpc_size_bytes",
    }  # fmt: skip
    assert len(means) == 3 * len(pages)
    for read in means:
        page = pages[read.ts_ms]
        assert read.value == page[f"{read.source}_sum", read.labels]
        assert read.observed == page[f"{read.source}_count", read.labels]


def test_job_and_instance_name_the_resource(
    captured: Capture, decoded: tuple[list[Read], list[str]]
) -> None:
    by_service = defaultdict(set)
    for read in decoded[0]:
        by_service[read.series.resource.service].add(read.series.resource)
    (app,) = by_service.pop(f"app.{JOB}")
    (host,) = by_service.pop("host")
    assert not by_service
    assert (app.name, app.uid) == (captured.address, f"job={JOB},instance={captured.address}")
    assert host.name == "127.0.0.1"  # without its port: exporters of a machine are of one host
    assert app.region == host.region == "eu-west-1"  # of the external labels
    assert {r.source[:5] for r in decoded[0] if r.series.resource == host} == {"node_"}
    names = {name for read in decoded[0] for name, _ in read.labels}
    assert names == {"code", "cpu", "handler", "le", "method", "mode", "quantile"}


def test_counters_come_as_counters_and_gauges_as_gauges(
    decoded: tuple[list[Read], list[str]],
) -> None:
    kinds = {
        read.source: read.series.counter and read.series.counter.kind
        for read in decoded[0]
        if not _is_mean(read) and not read.source.startswith(OWN)
    }
    assert {name for name, kind in kinds.items() if kind == "rate"} == {
        "node_cpu_seconds_total", "http_requests_total", "http_request_duration_seconds_bucket",
        "http_request_duration_seconds_count", "http_request_duration_seconds_sum",
        "rpc_duration_seconds_count", "rpc_duration_seconds_sum", "rpc_size_bytes_count",
        "rpc_size_bytes_sum",
    }  # fmt: skip
    assert {name for name, kind in kinds.items() if kind is None} == {
        SCRAPE, "node_load1", "node_memory_MemAvailable_bytes", "rpc_duration_seconds",
    }  # fmt: skip


def test_metrics_that_the_catalogue_knows_have_its_names(
    decoded: tuple[list[Read], list[str]],
) -> None:
    by_metric = {read.series.metric: read.series for read in decoded[0]}
    utilization = by_metric["cpu.utilization"]
    assert utilization.counter == Counter("rate", -100.0, 100.0)
    assert (utilization.labels, utilization.unit) == ((), "percent")
    assert {"available", "error.count", "latency", "load.average", "request.rate"} <= set(by_metric)


def test_a_target_that_goes_away_leaves_stale_marks_and_no_fault(
    captured: Capture, decoded: tuple[list[Read], list[str]]
) -> None:
    reads, reasons = decoded
    assert set(reasons) == {"stale", "no_observation"}
    assert reasons.count("stale") % len(captured.served[0]) == 0  # one for each of its series
    assert reasons.count("no_observation") == len(_pages(reads, captured.served))
    assert [read.value for read in reads if read.source == "up"][-1] == 0.0


@pytest.fixture(scope="module")
def in_topic(captured: Capture, kafka: Cluster) -> tuple[Cluster, str]:
    """A topic with a body a record."""
    if not kafka.real:
        pytest.skip(f"needs a real broker, this is {kafka.said}; `make components` helps")
    topic = kafka.topic("prometheus")
    kafka.produce(topic, *captured.bodies)
    return kafka, topic


@pytest.fixture(scope="module")
def peeked(in_topic: tuple[Cluster, str]) -> Peeked:
    """The topic as `foreshock peek` shows it."""
    kafka, topic = in_topic
    return peek(topic, "--brokers", kafka.bootstrap, "--format", FORMAT)


def test_the_topic_holds_the_increases_that_the_exporter_made(
    peeked: Peeked, decoded: tuple[list[Read], list[str]]
) -> None:
    reads, reasons = decoded
    assert len(peeked.samples) == len(reads)
    assert [line["reason"] for line in peeked.rejects] == reasons
    idle = [s for s in peeked.samples if s["labels"].get("mode") == "idle"]
    times = sorted({line["ts_ms"] for line in idle})
    for core in ("0", "1"):
        values = [line["value"] for line in idle if line["labels"]["cpu"] == core]
        assert values[0] is None  # absorbed
        for value, (before, after) in zip(values[1:], pairwise(times), strict=True):
            seconds = (after - before) / 1000  # in which the counter grew by 0.5 a page
            assert value == pytest.approx(100 - 100 * 0.5 / seconds)
    latency = [s["value"] for s in peeked.samples if s["metric"] == "latency"]
    assert latency[0] is None
    assert latency[1:] == pytest.approx([312.5] * (len(latency) - 1))  # 1.25 s over 4, in ms


def test_auto_finds_the_format_of_the_topic(peeked: Peeked, in_topic: tuple[Cluster, str]) -> None:
    kafka, topic = in_topic
    found = peek(topic, "--brokers", kafka.bootstrap)
    assert f"formats {FORMAT} " in found.said
    assert found.samples == peeked.samples
    assert found.rejects == peeked.rejects


@pytest.mark.parametrize("format_name", [FORMAT, "auto"])
def test_the_flow_accounts_for_every_point(
    format_name: str,
    in_topic: tuple[Cluster, str],
    decoded: tuple[list[Read], list[str]],
    captured: Capture,
) -> None:
    kafka, topic = in_topic
    source = KafkaSource(brokers=kafka.bootstrap, topics=(topic,), format=format_name, end="now")
    counts = replay(App(sources=(source,), sinks=())).counts
    reads, reasons = decoded
    streams = {
        (read.series.resource.key, read.series.stream_key)
        for read in reads
        if read.series.counter is not None
    }
    assert counts.payloads == len(captured.bodies)
    assert counts.rejected == 0
    assert counts.absorbed == len(streams) + len(reasons)  # the first reading of each stream
    assert (counts.late, counts.resources) == (0, 2)
    assert counts.samples == len(reads) - len(streams)
