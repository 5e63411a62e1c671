import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.formats.registry import create_decoder
from connectors.formats.telegraf_counters import is_counter
from connectors.formats.telegraf_json import epoch_ms
from schema import Counter, Series, SeriesTable
from tests.connectors.formats.payloads import CATALOGUE, TELEGRAF, decode

# As Telegraf's documentation prints them.
CPU = (
    b'{"fields":{"usage_guest":0,"usage_idle":30,"usage_user":66.5},"name":"cpu",'
    b'"tags":{"cpu":"cpu0","host":"raynor"},"timestamp":1458229140}'
)
DOCKER = (
    b'{"fields":{"field_1":30,"field_2":4,"field_N":59,"n_images":660},"name":"docker",'
    b'"tags":{"host":"raynor"},"timestamp":1458229140}'
)
BATCH = b'{"metrics":[' + CPU + b"," + DOCKER + b"]}"
DSN = "dbname=postgres host=db1.shop port=5432 statement_timeout=10000 user=postgres"


def metric(
    name: str = "cpu",
    tags: object = None,
    timestamp: object = 1458229140,
    **fields: object,
) -> bytes:
    document = {
        "fields": fields or {"usage_idle": 1.5},
        "name": name,
        "tags": {"host": "raynor"} if tags is None else tags,
        "timestamp": timestamp,
    }
    return json.dumps(document).encode()


def series(name: str, tags: dict[str, str], field: str = "x") -> Series:
    (sample,), rejects = decode("telegraf-json", metric(name, tags, **{field: 1.0}))
    assert rejects == []
    return sample.series


def test_each_number_of_an_object_is_a_sample() -> None:
    table = SeriesTable()
    found = create_decoder("telegraf-json", CATALOGUE)([CPU], table)
    assert found.rejects == []
    assert table.source_metric == ["cpu.usage_guest", "cpu.usage_idle", "cpu.usage_user"]
    assert found.batch.ts_ms.tolist() == [1458229140000] * 3
    assert len({s.resource for s in table.series}) == 1
    assert table.series[0].resource.key == "|||host|raynor"


def test_columns_of_counters_are_always_there() -> None:
    found = create_decoder("telegraf-json", CATALOGUE)([CPU], SeriesTable()).batch
    assert found.start_ms is not None
    assert found.count is not None
    assert (found.start_ms.tolist(), found.count.tolist()) == ([0, 0, 0], [0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    "payload",
    [BATCH, CPU + b"\n" + DOCKER, b"[" + CPU + b"," + DOCKER + b"]", CPU + b"\n" + DOCKER + b"\n"],
    ids=["batch", "lines", "array", "lines with an end"],
)
def test_every_envelope_gives_its_points(payload: bytes) -> None:
    found = decode("telegraf-json", payload, TELEGRAF)
    assert found.rejects == []
    assert [s.payload for s in found.samples] == [0] * 7 + [1]


def test_text_and_null_are_no_points_and_truth_is_0_or_1() -> None:
    payload = metric("system", uptime=9, uptime_format="2 days,  4:41", nothing=None, ok=True)
    found = decode("telegraf-json", payload, metric("system", uptime_format="2 days"))
    assert found.rejects == []
    assert sorted(found.values) == [1.0, 9.0]


@pytest.mark.parametrize(
    ("bad", "reason", "count"),
    [
        ({"name": None}, "missing_field", 2),
        ({"name": 7}, "wrong_type", 2),
        ({"timestamp": None}, "missing_field", 2),
        ({"timestamp": "yesterday"}, "bad_time", 2),
        ({"timestamp": -1}, "bad_time", 2),
        ({"timestamp": 10**30}, "bad_time", 2),
        ({"timestamp": True}, "wrong_type", 2),
        ({"timestamp": [1]}, "wrong_type", 2),
        ({"tags": {"host": 7}}, "wrong_type", 2),
        ({"tags": "raynor"}, "wrong_type", 2),
        ({"tags": {"cpu": "cpu0"}}, "missing_field", 2),
        ({"tags": None}, "missing_field", 2),
        ({"fields": None}, "missing_field", 1),
        ({"fields": {}}, "empty", 1),
        ({"fields": 7}, "wrong_type", 1),
        ({"fields": {"a": {"b": 1}}}, "wrong_type", 1),
        ({"fields": {"a": {"b": 1}, "c": [1]}}, "wrong_type", 2),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["alone", "batch", "array"])
def test_a_bad_metric_rejects_each_of_its_points_and_spares_its_neighbours(
    bad: dict[str, object], reason: str, count: int, form: str
) -> None:
    document = json.loads(metric("cpu", a=1, b=True, text="x")) | bad
    raw = json.dumps({k: v for k, v in document.items() if v is not None}).encode()
    payload = {
        "alone": raw,
        "batch": b'{"metrics":[' + TELEGRAF + b"," + raw + b"," + TELEGRAF + b"]}",
        "array": b"[" + TELEGRAF + b"," + raw + b"," + TELEGRAF + b"]",
    }[form]
    found = decode("telegraf-json", TELEGRAF, payload, TELEGRAF)
    assert found.reasons == [(1, reason)] * count
    good = [0, 2] if form == "alone" else [0, 1, 1, 2]
    assert [s.payload for s in found.samples] == good


@pytest.mark.parametrize("form", ["alone", "batch"])
def test_a_bad_field_spares_the_others(form: str) -> None:
    raw = metric("cpu", a=1, b={"c": 2}, d=3, e="x")
    huge = raw.replace(b'"d": 3', b'"d": 1e999')
    wrap = b"%s" if form == "alone" else b'{"metrics":[%s]}'
    found = decode("telegraf-json", wrap % raw, wrap % huge)
    assert found.reasons == [(0, "wrong_type"), (1, "wrong_type"), (1, "not_finite")]
    assert found.values == [1.0, 3.0, 1.0]


@pytest.mark.parametrize("payload", [b'{"metrics":[]}', b"[]"])
def test_an_envelope_without_metrics_is_one_reject(payload: bytes) -> None:
    assert decode("telegraf-json", payload).reasons == [(0, "empty")]


# ------------------------------------------------------------------ time


@pytest.mark.parametrize(
    ("written", "ts_ms"),
    [
        ("1458229140", 1458229140000),
        ("1458229140123", 1458229140123),
        ("1458229140123999", 1458229140123),
        ("1458229140123999999", 1458229140123),
        ("1772359200000000001", 1772359200000),
        ("0", 0),
        ("1458229140.123", 1458229140123),
        ("1458229140.9999", 1458229140999),
        ("1458229140.0", 1458229140000),
        ("1458229140123.0", 1458229140123),
        ("1.45822914e9", 1458229140000),
        ('"2016-03-17T15:39:00.5Z"', 1458229140500),
    ],
)
def test_the_unit_of_a_time_is_told_by_its_size(written: str, ts_ms: int) -> None:
    payload = TELEGRAF.replace(b"1458229140", written.encode())
    (sample,), rejects = decode("telegraf-json", payload)
    assert rejects == []
    assert sample.ts_ms == ts_ms


@given(st.integers(10**11, 4_000_000_000_000), st.integers(0, 999_999))
def test_milliseconds_micros_and_nanos_mean_the_same_to_the_digit(ts_ms: int, below: int) -> None:
    assert epoch_ms(ts_ms) == ts_ms
    assert epoch_ms(ts_ms * 1000 + below % 1000) == ts_ms
    assert epoch_ms(ts_ms * 1_000_000 + below) == ts_ms
    if ts_ms % 1000 == 0:
        assert epoch_ms(ts_ms // 1000) == ts_ms
    assert epoch_ms(ts_ms / 1000) == ts_ms


@pytest.mark.parametrize("bad", [-1, -0.5, float("nan"), float("inf"), 10**21, 1e21])
def test_what_is_no_time_is_none(bad: float) -> None:
    assert epoch_ms(bad) is None


# ------------------------------------------------------------------ who is measured


@pytest.mark.parametrize("plugin", ["cpu", "mem", "disk", "net", "system", "nstat", "win_cpu"])
def test_plugins_of_the_machine_are_of_its_host(plugin: str) -> None:
    found = series(plugin, {"host": "raynor", "interface": "eth0"})
    assert (found.resource.service, found.resource.name) == ("host", "raynor")
    assert found.resource.uid == ""


def test_tags_of_the_machine_are_labels_in_any_order() -> None:
    one = metric("diskio", {"name": "sda", "host": "raynor"}, x=1)
    two = metric("diskio", {"host": "raynor", "name": "sda"}, x=1)
    other = metric("diskio", {"host": "raynor", "name": "sdb"}, x=1)
    first, second, third = decode("telegraf-json", one, two, other).samples
    assert first.series == second.series
    assert first.series.labels == (("name", "sda"),)
    assert third.series != first.series
    assert third.series.resource == first.series.resource


def test_tags_of_place_and_owner_are_fields_and_attributes() -> None:
    tags = {
        "host": "raynor", "cloud": "AWS", "account_id": "111122223333", "region": "eu-west-1",
        "az": "eu-west-1a", "instance_id": "i-0a1b", "team": "shop", "env": "prod", "tier": "1",
    }  # fmt: skip
    found = series("mem", tags)
    assert found.labels == ()
    assert found.resource.key == "aws|111122223333|eu-west-1|host|raynor"
    assert dict(found.resource.attributes) == {
        "zone": "eu-west-1a", "instance_id": "i-0a1b", "team": "shop", "environment": "prod",
        "tier": "1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("plugin", "tags", "service", "name", "labels"),
    [
        ("nginx", {"server": "localhost", "port": "80"}, "app.nginx", "raynor", ()),
        ("nginx", {"server": "10.0.0.7", "port": "80"}, "app.nginx", "10.0.0.7:80", ()),
        ("redis_keyspace", {"server": "r1", "port": "6379", "database": "db1"}, "app.redis",
         "r1:6379", (("database", "db1"),)),
        ("postgresql", {"server": DSN, "db": "shop"}, "app.postgresql", "db1.shop:5432",
         (("db", "shop"),)),
        ("mysql", {"server": "127.0.0.1:3306"}, "app.mysql", "raynor", ()),
        ("haproxy", {"server": "/run/haproxy/admin.sock", "proxy": "public", "sv": "FRONTEND"},
         "app.haproxy", "raynor", (("proxy", "public"), ("sv", "FRONTEND"))),
        ("rabbitmq_queue", {"url": "http://mq:15672", "queue": "orders", "vhost": "/"},
         "app.rabbitmq", "http://mq:15672", (("queue", "orders"), ("vhost", "/"))),
        ("ping", {"url": "example.org"}, "app.ping", "example.org", ()),
        ("internal_agent", {"version": "1.30"}, "app.telegraf", "raynor", (("version", "1.30"),)),
        ("checkout.latency", {"metric_type": "timing"}, "app.statsd", "raynor",
         (("metric_type", "timing"),)),
        ("custom_thing", {"shelf": "3"}, "app.custom", "raynor", (("shelf", "3"),)),
    ],
)  # fmt: skip
def test_other_plugins_are_of_an_application_at_its_address(
    plugin: str, tags: dict[str, str], service: str, name: str, labels: tuple[object, ...]
) -> None:
    found = series(plugin, {"host": "raynor", **tags})
    assert (found.resource.service, found.resource.name) == (service, name)
    assert found.labels == labels


def test_two_agents_local_servers_are_two_resources() -> None:
    tags = {"server": "localhost", "port": "80"}
    keys = {series("nginx", {"host": host, **tags}).resource.key for host in ("a", "b")}
    assert len(keys) == 2


def test_two_ports_of_one_server_are_two_resources() -> None:
    keys = {
        series("redis", {"host": "a", "server": "localhost", "port": port}).resource.key
        for port in ("1", "2")
    }
    assert len(keys) == 2


def test_an_application_without_tags_is_named_by_its_plugin() -> None:
    found = series("nginx", {})
    assert (found.resource.service, found.resource.name) == ("app.nginx", "nginx")


def test_no_password_of_an_address_is_kept() -> None:
    for name in ("http_response", "other"):
        tags = {"host": "a", "server": "https://bob:hunter2@shop/x", "mirror": "//u:hunter2@y"}
        assert "hunter2" not in repr(series(name, tags))


def test_results_of_a_probe_are_parts_of_one_series() -> None:
    tags = {"host": "a", "server": "https://shop/", "method": "GET"}
    one = series("http_response", {**tags, "result": "success", "status_code": "200"})
    two = series("http_response", {**tags, "result": "timeout"})
    assert one.metric_key == two.metric_key
    assert one.stream_key != two.stream_key
    assert one.resource == two.resource


def test_containers_and_what_kubernetes_names_are_resources_of_their_own() -> None:
    pod = {"namespace": "n", "pod_name": "web-1", "node_name": "w1", "host": "a"}
    docker = {"host": "a", "container_name": "web", "container_image": "nginx", "cpu": "cpu0",
              "com.docker.compose.service": "web"}  # fmt: skip
    found = {
        "docker": series("docker_container_cpu", docker),
        "container": series("kubernetes_pod_container", {**pod, "container_name": "app"}),
        "pod": series("kubernetes_pod_network", pod),
        "volume": series("kubernetes_pod_volume", {**pod, "volume_name": "data"}),
        "node": series("kubernetes_node", {"node_name": "w1", "host": "a"}),
        "workload": series("kubernetes_deployment", {"deployment_name": "web", "namespace": "n"}),
    }
    assert {key: (s.resource.service, s.resource.name) for key, s in found.items()} == {
        "docker": ("container", "web"),
        "container": ("k8s.container", "app"),
        "pod": ("k8s.pod", "web-1"),
        "volume": ("k8s.pod", "web-1"),
        "node": ("k8s.node", "w1"),
        "workload": ("k8s.workload", "web"),
    }
    assert found["docker"].labels == (("cpu", "cpu0"),)
    assert dict(found["docker"].resource.attributes)["com.docker.compose.service"] == "web"
    assert found["volume"].resource.key == found["pod"].resource.key
    assert found["volume"].labels == (("volume_name", "data"),)
    assert dict(found["pod"].resource.attributes)["node"] == "w1"


# ------------------------------------------------------------------ counters


@pytest.mark.parametrize(
    ("plugin", "counters", "gauges"),
    [
        ("cpu", ["time_user"], ["usage_user", "usage_idle"]),
        ("swap", ["in", "out"], ["free", "used_percent"]),
        ("diskio", ["reads", "read_bytes", "io_time"], ["iops_in_progress", "io_util"]),
        ("net", ["bytes_recv", "drop_in", "tcp_retranssegs", "udp_indatagrams"],
         ["tcp_currestab", "tcp_rtomax", "ip_defaultttl", "speed"]),
        ("disk", [], ["inodes_total", "used_percent"]),
        ("mem", [], ["total", "swap_total", "huge_pages_total"]),
        ("system", [], ["uptime", "load1"]),
        ("kernel", ["context_switches", "interrupts"], ["boot_time", "entropy_avail"]),
        ("nstat", ["TcpRetransSegs", "UdpInErrors"], ["TcpCurrEstab", "IpDefaultTTL"]),
        ("docker_container_cpu", ["usage_total"], ["usage_percent"]),
        ("docker_container_mem", ["pgfault", "total_pgmajfault"], ["usage", "limit"]),
        ("kubernetes_pod_network", ["rx_bytes"], []),
        ("kubernetes_pod_container", ["restarts_total"], ["memory_usage_bytes"]),
        ("nginx", ["requests", "accepts"], ["active", "waiting"]),
        ("haproxy", ["http_response.5xx", "bin", "stot"], ["scur", "rate", "qcur"]),
        ("mysql", ["com_select", "slow_queries", "innodb_buffer_pool_read_requests"],
         ["threads_connected", "uptime", "innodb_row_lock_current_waits"]),
        ("postgresql", ["xact_commit", "deadlocks", "temp_bytes"], ["numbackends"]),
        ("redis", ["total_commands_processed", "keyspace_hits"],
         ["connected_slaves", "total_system_memory", "used_memory"]),
        ("rabbitmq_node", [], ["fd_total", "sockets_total"]),
        ("rabbitmq_queue", ["messages_publish"], ["messages", "messages_publish_rate"]),
        ("memcached", ["get_hits", "cmd_set"], ["curr_connections", "bytes"]),
        ("mongodb", ["commands", "net_in_bytes_count"], ["commands_per_sec", "open_connections"]),
        ("my_exporter", ["requests_total", "counter"], ["queue", "gauge"]),
    ],
)  # fmt: skip
def test_the_cumulative_fields_of_the_usual_plugins_are_counters(
    plugin: str, counters: list[str], gauges: list[str]
) -> None:
    fields = {name: 1 for name in (*counters, *gauges)}
    table = SeriesTable()
    payload = metric(plugin, {"host": "a"}, **fields)
    found = create_decoder("telegraf-json", CATALOGUE)([payload], table)
    kinds = {
        name.removeprefix(f"{plugin}."): s.counter and s.counter.kind
        for name, s in zip(table.source_metric, table.series, strict=True)
    }
    assert len(found.batch.value) == len(kinds) == len(fields)
    assert kinds == {**dict.fromkeys(counters, "rate"), **dict.fromkeys(gauges)}


def test_a_counter_is_a_reading_and_its_unit_a_rate() -> None:
    (sample,) = decode("telegraf-json", metric("custom_app", {"host": "a"}, jobs_total=7)).samples
    assert sample.series.counter == Counter("rate")
    assert sample.value == 7.0


def test_a_field_of_a_known_plugin_that_ends_in_total_may_be_a_gauge() -> None:
    assert not is_counter("disk", "inodes_total", known=True)
    assert is_counter("other", "inodes_total", known=False)


def test_another_table_is_filled_anew_field_by_field() -> None:
    decoder, first, second = (
        create_decoder("telegraf-json", CATALOGUE),
        SeriesTable(),
        SeriesTable(),
    )
    one = decoder([BATCH, CPU], first)
    two = decoder([BATCH, CPU], second)
    assert first.series == second.series
    assert np.array_equal(one.batch.series, two.batch.series)
