"""A target on loopback: metrics as a node exporter and a web server have them.

Every scrape finds other values, and what it found is kept: `served[n]` is page `n`, by series. One
of them is NaN.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

SCRAPE = "test_scrape_number"  # a gauge: which page a sample comes from
TRACE = "trace_id"  # label of an exemplar
IDLE = "rpc_idle_seconds"  # a summary that has seen nothing

# OpenMetrics, as it has exemplars; both ends of it are untyped
_expose: Callable[[CollectorRegistry], bytes] = generate_latest
_parse: Callable[[str], Iterable[Metric]] = text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]
Page = dict[tuple[str, Labels], float]  # by name and sorted labels


class Machine(Collector):
    """Made-up metrics of scrape `number`."""

    number = 0

    def collect(self) -> Iterator[Metric]:
        """Yield all metric families."""
        n = self.number
        yield GaugeMetricFamily(SCRAPE, "Number of this page.", n)
        yield GaugeMetricFamily("node_load1", "1m load average.", 0.25 + n / 3)
        yield GaugeMetricFamily("node_memory_MemAvailable_bytes", "Free.", 7.5e9 - 4096 * n)
        cpu = CounterMetricFamily("node_cpu_seconds", "Seconds a mode.", labels=["cpu", "mode"])
        for core in ("0", "1"):
            cpu.add_metric([core, "idle"], 1000.25 + 0.5 * n)
            cpu.add_metric([core, "user"], 17.125 + 0.375 * n)
        yield cpu
        requests = CounterMetricFamily("http_requests", "Requests.", labels=["code", "method"])
        requests.add_metric(["200", "get"], 1_027 + 12 * n)
        requests.add_metric(["500", "post"], 3 + n)
        requests.add_metric(["404", "get"], 0)
        yield requests
        took = HistogramMetricFamily("http_request_duration_seconds", "Took.", labels=["handler"])
        slow = Exemplar({TRACE: f"{n:016x}"}, 0.375)
        took.add_metric(
            ["/"],
            [("0.1", 2.0 * n), ("0.5", 3.0 * n, slow), ("+Inf", 4.0 * n)],
            sum_value=1.25 * n,
        )
        yield took
        yield _summary(n)
        idle = Metric(IDLE, "Of nothing.", "summary")
        idle.add_sample(IDLE, {"quantile": "0.9"}, float("nan"))  # as client libraries say it
        yield idle
        yield SummaryMetricFamily("rpc_size_bytes", "Sizes.", count_value=n, sum_value=64 * n)


def _summary(n: int) -> Metric:
    found = Metric("rpc_duration_seconds", "Took, by quantile.", "summary")
    for quantile, value in (("0.5", 0.004), ("0.99", 0.125 + n / 64)):
        found.add_sample("rpc_duration_seconds", {"quantile": quantile}, value)
    found.add_sample("rpc_duration_seconds_sum", {}, 8.0 + n / 4)
    found.add_sample("rpc_duration_seconds_count", {}, 500.0 + 2 * n)
    return found


class Exporter:
    """Serves /metrics until it is closed; then nobody listens there."""

    def __init__(self) -> None:
        self.served: list[Page] = []
        machine, registry = Machine(), CollectorRegistry()
        registry.register(machine)
        served, lock = self.served, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with lock:
                    machine.number = len(served)
                    text = _expose(registry)
                    served.append(_page(text.decode()))
                self.send_response(200)
                self.send_header("Content-Type", CONTENT_TYPE_LATEST)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Listen no more; a second time changes nothing."""
        self._server.shutdown()
        self._server.server_close()


def _page(text: str) -> Page:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in _parse(text)
        for sample in family.samples
    }
