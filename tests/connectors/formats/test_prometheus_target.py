import pytest

from connectors.formats.prometheus_target import target_of
from tests.connectors.formats.payloads import CATALOGUE

PLACE = {"cluster": "c", "region": "eu-west-1", "provider": "AWS", "account_id": "42"}
OPERATOR = {  # what the operator's scrape of an exporter adds
    "job": "exporter", "instance": "10.0.0.9:8080", "endpoint": "http", "service": "exporter",
    "namespace": "monitoring", "pod": "exporter-0", "container": "exporter",
    "prometheus": "monitoring/k8s", "prometheus_replica": "prometheus-k8s-0",
}  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "labels", "service", "name", "uid", "rest"),
    [
        # kube-state-metrics: labels honoured, so that the scrape's fill what the object lacks
        ("kube_pod_status_phase", {**OPERATOR, "namespace": "shop", "pod": "web-1", "uid": "u-1",
                                   "phase": "Running"},
         "k8s.pod", "web-1", "namespace=shop,pod=web-1", {"phase": "Running"}),
        ("kube_pod_container_status_restarts_total",
         {**OPERATOR, "namespace": "shop", "pod": "web-1", "container": "app"},
         "k8s.container", "app", "namespace=shop,pod=web-1,container=app", {}),
        ("kube_pod_info", {"namespace": "shop", "pod": "web-1", "node": "n1", "job": "ksm"},
         "k8s.pod", "web-1", "namespace=shop,pod=web-1", {"node": "n1"}),
        ("kube_node_status_condition", {**OPERATOR, "node": "n1", "condition": "Ready",
                                        "status": "true"},
         "k8s.node", "n1", "", {"condition": "Ready", "status": "true"}),
        ("kube_deployment_status_replicas", {**OPERATOR, "namespace": "shop", "deployment": "web"},
         "k8s.workload", "web", "namespace=shop,k8s.deployment.name=web", {}),
        ("kube_horizontalpodautoscaler_spec_max_replicas",
         {"namespace": "shop", "horizontalpodautoscaler": "web"},
         "k8s.workload", "web", "namespace=shop,k8s.hpa.name=web", {}),
        ("kube_job_status_failed", {"namespace": "shop", "job_name": "n-1", "job": "ksm"},
         "k8s.workload", "n-1", "namespace=shop,k8s.job.name=n-1", {}),
        ("kube_namespace_status_phase", {"namespace": "shop", "phase": "Active"},
         "k8s.namespace", "shop", "", {"phase": "Active"}),
        ("kube_persistentvolumeclaim_status_phase",
         {"namespace": "shop", "persistentvolumeclaim": "data", "phase": "Bound"},
         "k8s.persistentvolumeclaim", "data", "namespace=shop,persistentvolumeclaim=data",
         {"phase": "Bound"}),
        # labels not honoured
        ("kube_pod_status_phase", {**OPERATOR, "exported_namespace": "shop",
                                   "exported_pod": "web-1", "phase": "Running"},
         "k8s.pod", "web-1", "namespace=shop,pod=web-1", {"phase": "Running"}),
        ("kube_pod_container_status_ready", {**OPERATOR, "exported_namespace": "shop",
                                             "exported_pod": "web-1", "exported_container": "app"},
         "k8s.container", "app", "namespace=shop,pod=web-1,container=app", {}),
        # an object that no label names
        ("kube_apiserver_clock", {"job": "api", "instance": "i:1"},
         "app.api", "i:1", "job=api,instance=i:1", {}),
        # cAdvisor
        ("container_cpu_usage_seconds_total",
         {"namespace": "shop", "pod": "web-1", "container": "app", "cpu": "total", "id": "/k/1",
          "image": "i@sha256:0", "name": "k8s_app_1", "node": "n1", "job": "kubelet",
          "instance": "10.0.0.1:10250", "metrics_path": "/metrics/cadvisor"},
         "k8s.container", "app", "namespace=shop,pod=web-1,container=app", {"cpu": "total"}),
        ("container_network_receive_bytes_total",
         {"namespace": "shop", "pod": "web-1", "container": "POD", "interface": "eth0"},
         "k8s.pod", "web-1", "namespace=shop,pod=web-1", {"interface": "eth0"}),
        ("container_memory_usage_bytes", {"namespace": "shop", "pod": "web-1", "container": ""},
         "k8s.pod", "web-1", "namespace=shop,pod=web-1", {}),
        ("container_memory_usage_bytes", {"namespace": "shop", "pod_name": "web-1",
                                          "container_name": "app"},
         "k8s.container", "app", "namespace=shop,pod=web-1,container=app", {}),
        ("container_memory_usage_bytes", {"id": "/system.slice", "node": "n1",
                                          "instance": "10.0.0.1:10250"},
         "k8s.node", "n1", "", {"id": "/system.slice"}),
        ("container_memory_usage_bytes", {"id": "/docker/1", "name": "db", "image": "pg",
                                          "instance": "box:8080", "job": "cadvisor"},
         "container", "db", "host=box,name=db", {}),
        ("kubelet_volume_stats_used_bytes",
         {"namespace": "shop", "persistentvolumeclaim": "data", "node": "n1",
          "instance": "10.0.0.1:10250", "job": "kubelet", "metrics_path": "/metrics"},
         "k8s.persistentvolumeclaim", "data", "namespace=shop,persistentvolumeclaim=data", {}),
        # hosts
        ("node_load1", {"instance": "web-1:9100", "job": "node"}, "host", "web-1", "", {}),
        ("node_load1", {"instance": "[fd00::7]:9100"}, "host", "fd00::7", "", {}),
        ("node_load1", {"instance": "fd00::7"}, "host", "fd00::7", "", {}),
        ("node_load1", {"instance": "web-1"}, "host", "web-1", "", {}),
        ("node_load1", {**OPERATOR, "node": "n1"}, "host", "n1", "", {}),
        ("node_load1", {"instance": "10.0.0.1:9100", "nodename": "web-1"}, "host", "web-1", "", {}),
        ("node_uname_info", {"instance": "10.0.0.1:9100", "nodename": "web-1"},
         "host", "10.0.0.1", "", {"nodename": "web-1"}),
        ("node_memory_numa_MemFree", {"instance": "web-1:9100", "node": "0"},
         "host", "web-1", "", {"node": "0"}),
        ("node_backup_age_seconds", {"instance": "web-1:9100", "app": "db", "service": "b"},
         "host", "web-1", "", {"app": "db", "service": "b"}),
        ("windows_os_info", {"instance": "win:9182", "job": "w"}, "host", "win", "", {}),
        # all else
        ("http_requests_total", {"job": "Shop/API", "instance": "10.0.0.1:80", "code": "200"},
         "app.shop_api", "10.0.0.1:80", "job=Shop/API,instance=10.0.0.1:80", {"code": "200"}),
        ("x", {"job": "push", "instance": "", "exported_job": "batch"},
         "app.batch", "batch", "batch", {}),
        ("x", {"job": "a", "instance": "i", "namespace": "n", "pod": "p",
               "exported_namespace": "m"},
         "app.a", "i", "job=a,instance=i,namespace=n,pod=p", {"exported_namespace": "m"}),
        ("x", {}, "app.prometheus", "unknown", "", {}),
    ],
)  # fmt: skip
def test_the_metric_and_its_labels_name_the_resource(
    metric: str, labels: dict[str, str], service: str, name: str, uid: str, rest: dict[str, str]
) -> None:
    for given in (labels, dict(reversed(labels.items()))):
        resource, left = target_of(metric, {"__name__": metric, **given}, CATALOGUE)
        assert (resource.service, resource.name, dict(left)) == (service, name, rest)
        assert (resource.uid or resource.name) == (uid or name)
        assert (resource.cloud, resource.account, resource.region) == ("", "", "")


@pytest.mark.parametrize(
    ("metric", "labels", "uid"),
    [
        ("kube_pod_info", {"namespace": "n", "pod": "p"}, "cluster=c,namespace=n,pod=p"),
        ("kube_node_info", {"node": "n1"}, "cluster=c,node=n1"),
        ("node_load1", {"instance": "i:1"}, "cluster=c,host=i"),
        ("x", {"job": "j", "instance": "i:1"}, "cluster=c,job=j,instance=i:1"),
    ],
)
def test_place_is_no_label_and_a_cluster_tells_apart(
    metric: str, labels: dict[str, str], uid: str
) -> None:
    resource, rest = target_of(metric, {**labels, **PLACE}, CATALOGUE)
    assert (resource.cloud, resource.account, resource.region) == ("aws", "42", "eu-west-1")
    assert (resource.uid, rest) == (uid, ())
    assert ("cluster", "c") in resource.attributes


@pytest.mark.parametrize(
    ("labels", "cloud", "rest"),
    [
        ({"cloud": "gcp"}, "gcp", ()),
        ({"cloud_provider": "Azure"}, "azure", ()),
        ({"provider": "google"}, "gcp", ()),
        ({"provider": "github"}, "", (("provider", "github"),)),
        ({"cloud": "on-prem", "provider": "aws"}, "aws", (("cloud", "on-prem"),)),
    ],
)
def test_only_a_cloud_that_we_know_is_a_cloud(
    labels: dict[str, str], cloud: str, rest: tuple[tuple[str, str], ...]
) -> None:
    resource, left = target_of("x", labels, CATALOGUE)
    assert (resource.cloud, left) == (cloud, rest)


def test_tags_are_attributes_and_do_not_identify() -> None:
    labels = {"job": "j", "instance": "i"}
    tags = {"team": "shop", "tier": "1", "env": "prod", "availability_zone": "eu-west-1a"}
    plain, _ = target_of("x", labels, CATALOGUE)
    tagged, rest = target_of("x", {**labels, **tags}, CATALOGUE)
    assert (tagged.key, rest) == (plain.key, ())
    assert tagged.attributes == (
        ("env", "prod"), ("team", "shop"), ("tier", "1"), ("zone", "eu-west-1a")
    )  # fmt: skip


def test_objects_of_a_namespace_carry_it_as_an_attribute() -> None:
    found, _ = target_of("kube_deployment_x", {"namespace": "s", "deployment": "w"}, CATALOGUE)
    assert found.attributes == (("namespace", "s"), ("workload", "deployment"))
    found, _ = target_of(
        "kube_pod_container_x", {"namespace": "s", "pod": "p", "container": "c"}, CATALOGUE
    )
    assert found.attributes == (("namespace", "s"), ("pod", "p"))


def test_replicas_of_prometheus_give_one_series() -> None:
    labels = {"job": "j", "instance": "i", "prometheus": "m/k8s"}
    first = target_of("x", {**labels, "prometheus_replica": "a"}, CATALOGUE)
    assert first == target_of("x", {**labels, "prometheus_replica": "b"}, CATALOGUE)


def test_one_targets_namespaces_are_resources_of_their_own() -> None:
    labels = {"job": "kubelet", "instance": "i:1"}
    first, _ = target_of("x", {**labels, "namespace": "a"}, CATALOGUE)
    second, _ = target_of("x", {**labels, "namespace": "b"}, CATALOGUE)
    assert first.key != second.key


def test_separators_in_labels_mix_no_resources() -> None:
    first, _ = target_of("x", {"job": "a,instance=b", "instance": "c"}, CATALOGUE)
    second, _ = target_of("x", {"job": "a", "instance": "b,instance=c"}, CATALOGUE)
    assert first.key != second.key
