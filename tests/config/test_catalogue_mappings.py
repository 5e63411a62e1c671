"""What OpenTelemetry's, Telegraf's and Prometheus' names mean, with values worked out by hand."""

from pathlib import Path

import pytest

from config.catalogue import load_catalogue
from connectors.formats.labelled import labelled_spec
from connectors.formats.series_book import SeriesBook
from connectors.formats.settings import DecodeSettings
from connectors.formats.telegraf_counters import is_counter
from connectors.formats.telegraf_resource import is_machine
from schema import Labels, Resource, Series, SeriesTable

CATALOGUE = load_catalogue()


def shipped_in(file: str) -> list[tuple[str, str]]:
    found = [key for key, path in CATALOGUE.origins.items() if Path(path).name == file]
    return [(key[1], key[2]) for key in found if key[0] == "services"]


@pytest.mark.parametrize(
    ("service", "name", "canonical", "sent", "meant"),
    [
        # a processor idle for 0.8 s of a second is busy for a fifth of it
        ("host", "system.cpu.time|cpu.mode=idle", "cpu.utilization", 0.8, 20),
        ("host", "system.cpu.time|state=idle", "cpu.utilization", 0.8, 20),
        ("host", "system.cpu.utilization|state=idle", "cpu.utilization", 0.25, 75),
        ("host", "system.cpu.time|state=wait", "cpu.wait", 0.1, 10),
        ("host", "system.cpu.time|state=user", "cpu.mode", 0.1, 10),
        ("host", "system.memory.utilization|state=used", "memory.utilization", 0.5, 50),
        ("host", "system.memory.utilization|state=free", "", 0.5, 0.5),
        ("host", "system.disk.io_time", "disk.saturation", 0.25, 25),
        ("host", "system.filesystem.utilization", "disk.utilization", 0.9, 90),
        ("host", "system.filesystem.utilization|system.filesystem.state=used",
         "disk.utilization", 0.9, 90),
        ("host", "system.filesystem.utilization|system.filesystem.state=free",
         "disk.share", 0.1, 10),
        ("host", "system.cpu.load_average.1m", "load.average", 2.5, 2.5),
        ("k8s.pod", "k8s.pod.cpu.usage", "cpu.cores", 0.25, 0.25),
        ("k8s.pod", "k8s.pod.cpu.time", "cpu.cores", 0.25, 0.25),
        ("k8s.pod", "k8s.pod.memory_limit_utilization", "memory.utilization", 0.75, 75),
        ("k8s.node", "k8s.node.condition_ready", "available", 0, 0),
        ("k8s.node", "k8s.node.condition|condition=DiskPressure", "check.failed", 1, 1),
        ("k8s.workload", "k8s.deployment.available", "pods.ready", 3, 3),
        ("k8s.container", "k8s.container.restarts", "restarts.total", 7, 7),
        ("container", "container.cpu.usage.total", "cpu.cores", 250_000_000, 0.25),
        ("app.service", "http.server.request.duration", "latency", 0.12, 120),
        ("app.service", "http.server.duration", "latency", 120, 120),
        ("app.service", "http.server.request.duration.count", "request.rate", 40, 40),
        ("app.service", "http.server.request.duration.count|http.response.status_code=502",
         "error.count", 4, 4),
        ("app.service", "http.server.request.duration.count|http.response.status_code=404",
         "client_error.count", 4, 4),
        ("app.service", "http.client.request.duration.count|error.type=timeout",
         "error.count", 4, 4),
        ("app.service", "http.client.request.duration.count|error.type=404",
         "client_error.count", 4, 4),
        ("app.service", "db.client.operation.duration", "query.latency", 0.004, 4),
        ("app.service", "rpc.server.duration", "latency", 15, 15),
        ("app.service", "rpc.server.call.duration", "latency", 0.015, 15),
        ("app.service", "rpc.server.duration.count|rpc.grpc.status_code=14", "error.count", 1, 1),
        ("app.service", "messaging.process.duration", "latency", 0.03, 30),
        ("app.service", "jvm.gc.duration.sum", "gc.time", 0.5, 500),
        ("app.service", "jvm.cpu.recent_utilization", "cpu.utilization", 0.5, 50),
        # Telegraf
        ("host", "cpu.usage_idle", "cpu.utilization", 30, 70),
        ("host", "mem.used_percent", "memory.utilization", 80, 80),
        ("host", "disk.used_percent", "disk.utilization", 91.5, 91.5),
        ("host", "disk.used", "disk.used", 1024, 1024),
        ("host", "diskio.io_time", "disk.saturation", 500, 50),  # ms of a second
        ("host", "win_disk.Free_Megabytes", "disk.available", 3, 3_145_728),
        ("container", "docker_container_cpu.usage_percent", "cpu.cores", 150, 1.5),
        ("container", "docker_container_cpu.throttling_throttled_time",
         "cpu.throttled", 500_000_000, 50),  # ns of a second
        ("k8s.container", "kubernetes_pod_container.cpu_usage_nanocores",
         "cpu.cores", 250_000_000, 0.25),
        ("app.elasticsearch", "elasticsearch_cluster_health.status_code", "check.failed", 1, 0),
        ("app.elasticsearch", "elasticsearch_cluster_health.status_code", "check.failed", 3, 1),
        ("app.mongodb", "mongodb.resident_megabytes", "memory.used", 2, 2_097_152),
        ("app.http_response", "http_response.response_time", "latency", 0.25, 250),
        ("app.haproxy", "haproxy.rtime|type=backend", "latency", 8, 8),
        # Prometheus
        ("host", "node_cpu_seconds_total|mode=idle", "cpu.utilization", 0.8, 20),
        ("host", "node_cpu_seconds_total|mode=user", "cpu.mode", 0.05, 5),
        ("host", "node_disk_io_time_seconds_total", "disk.saturation", 0.5, 50),
        ("host", "node_memory_MemAvailable_bytes", "memory.available", 4096, 4096),
        ("host", "windows_cpu_time_total|mode=idle", "cpu.utilization", 0.4, 60),
        ("k8s.pod", "container_cpu_usage_seconds_total", "cpu.cores", 1.5, 1.5),
        ("k8s.pod", "container_memory_working_set_bytes", "memory.used", 4096, 4096),
        ("k8s.pod", "kube_pod_status_ready|condition=true", "pods.ready", 1, 1),
        ("k8s.pod", "kube_pod_status_ready|condition=false", "", 0, 0),
        ("k8s.container", "kube_pod_container_status_restarts_total", "restarts", 1, 1),
        ("k8s.node", "kube_node_status_condition|status=true", "condition", 1, 1),
        ("k8s.persistentvolumeclaim", "kubelet_volume_stats_available_bytes",
         "disk.available", 4096, 4096),
        ("app.shop", "up", "available", 1, 1),
        ("app.shop", "http_request_duration_seconds", "latency", 0.2, 200),
        ("app.shop", "http_requests_total|status=503", "error.count", 2, 2),
        ("app.kubernetes_apiservers", "apiserver_request_duration_seconds|verb=GET",
         "latency", 0.02, 20),
        ("app.kubernetes_apiservers", "apiserver_request_duration_seconds|verb=WATCH",
         "latency.background", 300, 300_000),
        ("app.etcd", "etcd_disk_wal_fsync_duration_seconds", "disk.latency", 0.003, 3),
        ("app.redis", "redis_memory_used_bytes", "memory.used", 4096, 4096),
    ],
)  # fmt: skip
def test_values_become_canonical_ones(
    service: str, name: str, canonical: str, sent: float, meant: float
) -> None:
    metric, _, label = name.partition("|")
    key, _, value = label.partition("=")
    spec, _, _ = labelled_spec(CATALOGUE, service, metric, ((key, value),) if key else ())
    assert spec.metric == (canonical or metric)
    assert sent * spec.scale + spec.offset == pytest.approx(meant, rel=1e-12)


@pytest.mark.parametrize(
    ("service", "metric", "labels", "becomes", "parts"),
    [
        ("host", "node_cpu_seconds_total", "cpu=3 mode=idle", "cpu.utilization", "cpu=3 mode=idle"),
        ("host", "cpu.usage_idle", "cpu=cpu-total", "cpu.utilization", "cpu=cpu-total"),
        ("host", "node_cpu_seconds_total", "cpu=3 mode=user", "cpu.mode|mode=user", "cpu=3"),
        ("host", "disk.used_percent", "device=sda1 fstype=ext4 mode=rw path=/",
         "disk.utilization|path=/", "device=sda1 fstype=ext4 mode=rw"),
        ("host", "system.network.io", "direction=receive device=eth0",
         "network.io|direction=in", "device=eth0 direction=receive"),
        ("app.service", "http.server.request.duration.count",
         "http.request.method=GET http.response.status_code=503 http.route=/pay url.scheme=https",
         "error.count|http.route=/pay",
         "http.request.method=GET http.response.status_code=503 url.scheme=https"),
        ("app.service", "http.server.request.duration", "http.request.method=GET http.route=/pay",
         "latency|http.route=/pay", "http.request.method=GET"),
        ("app.shop", "http_requests_total", "code=200 handler=/pay method=get",
         "request.rate|handler=/pay", "code=200 method=get"),
        ("k8s.node", "kube_node_status_condition", "condition=Ready status=true",
         "condition|condition=Ready", "status=true"),
        ("k8s.node", "kube_node_status_condition", "condition=Ready status=unknown",
         "check.failed|of=kubelet", "condition=Ready status=unknown"),
    ],
)  # fmt: skip
def test_labels_make_a_series_or_parts_of_one(
    service: str, metric: str, labels: str, becomes: str, parts: str
) -> None:
    found = series(service, metric, pairs(labels))
    assert found.metric_key == becomes
    assert found.parts == pairs(parts)


def test_the_sum_and_extremes_of_a_histogram_have_the_series_of_its_mean() -> None:
    mean = CATALOGUE.lookup("app.service", "http.server.request.duration")
    for ending in (".sum", ".min", ".max"):
        spec = CATALOGUE.lookup("app.service", f"http.server.request.duration{ending}")
        assert (spec.across, spec.bad) == (mean.across, "none")
    assert CATALOGUE.lookup("app.service", "checkout.duration.sum").across == ()


def pairs(text: str) -> Labels:
    return tuple(sorted((k, v) for k, _, v in (each.partition("=") for each in text.split())))


def series(service: str, metric: str, labels: Labels) -> Series:
    book: SeriesBook[str] = SeriesBook(CATALOGUE, DecodeSettings())
    table = SeriesTable()
    book.bind(table)
    spec, own, parts = labelled_spec(CATALOGUE, service, metric, labels)
    book.slot(Resource("", service, "", "", "r"), spec, "", own, parts=parts)
    return table.series[0]


@pytest.mark.parametrize(("service", "name"), shipped_in("prometheus.yaml"))
def test_an_amount_of_prometheus_is_a_counter_by_its_name(service: str, name: str) -> None:
    if CATALOGUE.lookup(service, name).statistic == "sum":  # a gauge, summed, would be noise
        assert name.partition("|")[0].endswith(("_total", ".count", ".sum"))


@pytest.mark.parametrize(("service", "name"), shipped_in("telegraf.yaml"))
def test_an_amount_of_telegraf_is_known_as_a_counter(service: str, name: str) -> None:
    plugin, _, field = name.partition("|")[0].partition(".")
    assert field
    if CATALOGUE.lookup(service, name).statistic == "sum":
        assert is_counter(plugin, field, is_machine(plugin))


def test_what_surrounds_the_mapped_is_context() -> None:
    for service, name in (
        ("host", "node_vmstat_nr_dirty"),
        ("host", "system.memory.usage"),
        ("host", "kernel_vmstat.nr_dirty"),
        ("k8s.pod", "kube_pod_start_time"),
        ("app.shop", "go_memstats_heap_inuse_bytes"),
        ("app.shop", "process_open_fds"),
        ("app.service", "jvm.memory.used"),
        ("app.redis", "redis.uptime"),
    ):
        spec = CATALOGUE.lookup(service, name)
        assert (spec.metric, spec.bad, spec.weight) == (name, "none", 0.1)


def test_what_an_application_makes_up_counts() -> None:
    assert CATALOGUE.lookup("app.shop", "shop_basket_size").bad == "both"
    assert CATALOGUE.lookup("app.service", "checkout.queue").weight == 1.0


def test_families_have_tiers_and_a_pod_matters_less_than_its_workload() -> None:
    tiers = {
        s: CATALOGUE.tier(s) for s in ("host", "k8s.workload", "k8s.pod", "app.x", "app.nginx")
    }
    assert tiers == {"host": 3, "k8s.workload": 3, "k8s.pod": 4, "app.x": 3, "app.nginx": 1}
    pod, workload = (CATALOGUE.lookup(f"k8s.{s}", "pods.ready") for s in ("pod", "workload"))
    assert pod.weight < workload.weight
