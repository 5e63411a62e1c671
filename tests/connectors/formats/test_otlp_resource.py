import pytest

from connectors.formats.otlp_resource import (
    MAX_ATTRIBUTES,
    MAX_TEXT,
    otlp_resource,
    resource_labels,
)
from schema import Resource
from tests.connectors.formats.otlp_requests import attributes, both, envelope, metric, number
from tests.connectors.formats.payloads import CATALOGUE

POD = {"k8s.pod.name": "web-1", "k8s.namespace.name": "shop", "k8s.cluster.name": "eu"}


def resource(metric_name: str = "some.metric", **a: str) -> Resource:
    return otlp_resource({key.replace("_", "."): text for key, text in a.items()}, metric_name,
                         CATALOGUE)  # fmt: skip


def of(metric_name: str, a: dict[str, str]) -> tuple[str, str, str]:
    found = otlp_resource(a, metric_name, CATALOGUE)
    return found.service, found.name, found.uid


@pytest.mark.parametrize(
    ("metric_name", "a", "service", "name"),
    [
        ("x", POD | {"k8s.container.name": "app"}, "k8s.container", "app"),
        ("x", POD, "k8s.pod", "web-1"),
        ("x", POD | {"k8s.deployment.name": "web"}, "k8s.pod", "web-1"),
        ("x", {"k8s.deployment.name": "web", "k8s.node.name": "n"}, "k8s.workload", "web"),
        ("x", {"k8s.replicaset.name": "web-5", "k8s.deployment.name": "web"}, "k8s.workload",
         "web-5"),
        ("x", {"k8s.job.name": "j-1", "k8s.cronjob.name": "j"}, "k8s.workload", "j-1"),
        ("x", {"k8s.node.name": "n1", "host.name": "h"}, "k8s.node", "n1"),
        ("x", {"k8s.namespace.name": "shop"}, "k8s.namespace", "shop"),
        ("x", {"k8s.cluster.name": "eu"}, "k8s.cluster", "eu"),
        ("x", POD | {"service.name": "shop"}, "app.service", "shop"),
        ("http.server.request.duration", POD | {"service.name": "shop"}, "app.service", "shop"),
        ("k8s.pod.cpu.usage", POD | {"service.name": "shop"}, "k8s.pod", "web-1"),
        ("k8s.node.cpu.usage", POD | {"k8s.node.name": "n1"}, "k8s.node", "n1"),
        ("k8s.volume.available", POD | {"k8s.volume.name": "v"}, "k8s.pod", "web-1"),
        ("k8s.deployment.available", {"service.name": "collector", "k8s.deployment.name": "web"},
         "k8s.workload", "web"),
        ("container.cpu.usage", POD | {"k8s.container.name": "app", "service.name": "shop"},
         "k8s.container", "app"),
        ("container.cpu.usage", {"container.name": "redis", "host.name": "h"}, "container",
         "redis"),
        ("system.cpu.time", {"host.name": "h", "service.name": "shop"}, "host", "h"),
        ("system.cpu.time", {"host.name": "h", "host.id": "i-1"}, "host", "h"),
        ("system.cpu.time", {"k8s.node.name": "n1"}, "host", "n1"),
        ("node_load1", {"service.name": "node", "service.instance.id": "h:9100"}, "host",
         "h:9100"),
        ("process.cpu.time", {"process.executable.name": "nginx", "process.pid": "7",
                              "host.name": "h"}, "app.process", "nginx"),
        ("load", {"host.name": "h"}, "host", "h"),
        ("redis.memory.used", {"host.name": "h"}, "app.redis", "h"),
        ("redis.memory.used", {"server.address": "r", "server.port": "6379"}, "app.redis",
         "r:6379"),
        ("jvm.memory.used", {"host.name": "h"}, "app.service", "h"),
        ("x", {"b": "2", "a": "1"}, "app.service", "a=1,b=2"),
        ("x", {}, "app.service", "unknown"),
    ],
)  # fmt: skip
def test_the_first_rule_that_finds_its_attributes_decides(
    metric_name: str, a: dict[str, str], service: str, name: str
) -> None:
    assert of(metric_name, a)[:2] == (service, name)
    assert of(metric_name, dict(reversed(a.items()))) == of(metric_name, a)


@pytest.mark.parametrize(
    ("metric_name", "a", "key", "other"),
    [
        ("x", {"service.name": "s"}, "service.namespace", "n"),
        ("x", {"service.name": "s"}, "deployment.environment", "prod"),
        ("x", {"service.name": "s"}, "deployment.environment.name", "prod"),
        ("x", {"service.name": "s"}, "service.instance.id", "1"),
        ("x", {"service.name": "s"}, "k8s.pod.name", "p"),
        ("x", {"service.name": "s", "host.name": "h"}, "process.pid", "7"),
        ("x", {"service.name": "s", "service.instance.id": "localhost:80"}, "host.name", "h"),
        ("x", {"service.name": "s"}, "cloud.region", "eu-west-1"),
        ("x", {"service.name": "s"}, "cloud.account.id", "1"),
        ("x", POD, "k8s.pod.uid", "u"),
        ("x", POD, "k8s.namespace.name", "other"),
        ("x", POD, "k8s.cluster.name", "us"),
        ("x", {"k8s.deployment.name": "w"}, "k8s.namespace.name", "n"),
        ("x", {"k8s.node.name": "n"}, "k8s.cluster.name", "eu"),
        ("load", {"host.name": "h"}, "host.id", "i-1"),
        ("process.cpu.time", {"process.executable.name": "n"}, "process.pid", "8"),
        ("redis.keys", {"server.address": "r"}, "host.name", "h"),
    ],
)  # fmt: skip
def test_resources_of_one_name_are_told_apart(
    metric_name: str, a: dict[str, str], key: str, other: str
) -> None:
    one = otlp_resource(a, metric_name, CATALOGUE)
    two = otlp_resource(a | {key: other}, metric_name, CATALOGUE)
    assert one.name == two.name
    assert one.key != two.key


@pytest.mark.parametrize(
    ("a", "key", "other"),
    [
        ({"service.name": "s", "service.instance.id": "1"}, "k8s.pod.uid", "u"),
        ({"service.name": "s", "service.instance.id": "1"}, "host.name", "h"),
        ({"service.name": "s"}, "service.version", "2"),
        ({"service.name": "s"}, "team", "shop"),
        (POD | {"k8s.pod.uid": "u"}, "k8s.cluster.name", "us"),
    ],
)
def test_what_only_describes_is_no_identity(a: dict[str, str], key: str, other: str) -> None:
    one = otlp_resource(a, "x", CATALOGUE)
    assert one.key == otlp_resource(a | {key: other}, "x", CATALOGUE).key


def test_a_workload_and_another_kind_of_one_name_are_two() -> None:
    one = resource(k8s_deployment_name="w")
    assert one.key != resource(k8s_statefulset_name="w").key


def test_cloud_account_and_region_are_the_providers() -> None:
    found = resource(
        cloud_provider="AWS", cloud_account_id="1", cloud_region="eu-west-1", host_name="h"
    )
    assert (found.cloud, found.account, found.region) == ("aws", "1", "eu-west-1")


def test_attributes_are_named_as_those_of_other_formats() -> None:
    a = {"service.name": "s", "deployment.environment": "prod", "team": "shop", "tier": "1",
         "cloud.availability_zone": "eu-west-1a", "service.version": "2", "host.name": "h",
         "service.namespace": "store", "telemetry.sdk.name": "x", "k8s.pod.uid": "u",
         "e": ""}  # fmt: skip
    assert dict(otlp_resource(a | POD, "x", CATALOGUE).attributes) == {
        "service.name": "s", "environment": "prod", "team": "shop", "tier": "1",
        "zone": "eu-west-1a", "version": "2", "host": "h", "application": "store",
        "cluster": "eu", "namespace": "shop", "pod": "web-1",
    }  # fmt: skip


def test_attributes_are_bounded_and_those_that_people_ask_for_come_first() -> None:
    a = {f"a{i:03}": "x" * 10_000 for i in range(500)} | {"team": "shop", "y" * 5_000: "z"}
    found = otlp_resource(a, "x", CATALOGUE).attributes
    assert len(found) == MAX_ATTRIBUTES
    assert ("team", "shop") in found
    assert max(len(text) for pair in found for text in pair) == MAX_TEXT
    assert list(found) == sorted(found)


def test_two_volumes_and_two_tables_are_series_of_one_resource() -> None:
    assert resource_labels(POD | {"k8s.volume.name": "v"}, "k8s.volume.available") == (
        ("k8s.volume.name", "v"),
    )
    database = {"postgresql.database.name": "d", "postgresql.table.name": "t", "host.name": "h"}
    assert resource_labels(database, "postgresql.rows") == tuple(list(database.items())[:2])
    tables = [envelope(database | {"postgresql.table.name": t}, metric("postgresql.rows", "gauge",
              number(attributes=attributes({"state": "live"})))) for t in ("a", "b")]  # fmt: skip
    found = both(*tables)
    assert len({s.series.resource.key for s in found.samples}) == 1
    assert [s.series.labels for s in found.samples] == [
        (("postgresql.database.name", "d"), ("postgresql.table.name", t), ("state", "live"))
        for t in ("a", "b")
    ]


def test_one_metric_of_a_resource_may_be_of_the_host_and_another_of_the_service() -> None:
    document = envelope({"service.name": "s", "host.name": "h"},
                        metric("system.cpu.time", "gauge", number()),
                        metric("jvm.threads", "gauge", number()))  # fmt: skip
    found = both(document)
    assert [s.series.resource.service for s in found.samples] == ["host", "app.service"]


def test_a_metric_without_any_resource_is_of_the_unknown() -> None:
    document = envelope({}, metric("x", "gauge", number()))
    (sample,) = both(document).samples
    assert sample.series.resource.key == "|||app.service|unknown"
