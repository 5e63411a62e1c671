"""What a Prometheus series measures, by the name of its metric and by its labels.

The rules, in this order; the first that finds its labels decides. `exported_pod` and the like win
over `pod`: they are the exporter's, where the plain label says what was scraped.

1. `kube_<kind>_*` (kube-state-metrics): the object that the kind's label names, in its namespace.
   The scrape's own labels (`job`, `instance`, `pod` of a `kube_node_*` ...) are left out.
2. `container_*` (cAdvisor): the container; the pod where the container is "" or "POD"; outside
   Kubernetes the container by `name`; else the node.
3. `kubelet_volume_stats_*`: the volume claim.
4. `node_*`, `windows_*`: the host by `nodename`, `node`, or `instance` without its port.
5. All else: `app.<job>` at `instance`.

An empty label is an absent one. Labels that name a resource, its place or its attributes, and those
that tell replicas of Prometheus apart, are no labels of the series.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from connectors.formats.flat_text import Pairs, unambiguous
from schema import Catalogue, Resource

_CLOUDS = {
    "aws": "aws", "amazon": "aws", "eks": "aws",
    "azure": "azure", "azurerm": "azure", "aks": "azure",
    "gcp": "gcp", "google": "gcp", "gce": "gcp", "gke": "gcp",
}  # fmt: skip
_CLOUD = ("cloud", "cloud_provider", "provider")
_ACCOUNT = ("account", "account_id", "subscription_id", "project_id", "project")
_REGION = ("region", "cloud_region")
_CLUSTER = ("cluster", "k8s_cluster", "cluster_name", "k8s_cluster_name")
# Set on everything a server scrapes or sends: of all kinds.
_TAGS = ("team", "tier", "env", "environment", "owner", "application", "availability_zone")
_REPLICAS = ("prometheus", "prometheus_replica", "__replica__")
# What an exporter of other things' metrics says of itself, by the usual scrape configurations.
_SCRAPE = (
    "job", "instance", "endpoint", "service", "namespace", "pod", "container", "node", "app",
    "metrics_path", "helm_sh_chart", "app_kubernetes_io_name", "app_kubernetes_io_instance",
    "app_kubernetes_io_component", "app_kubernetes_io_managed_by", "app_kubernetes_io_part_of",
    "app_kubernetes_io_version",
)  # fmt: skip
# Part of who an application is, as one target's series may differ in them.
_OF_APPLICATIONS = ("namespace", "pod", "container", "node", "app")
_WORKLOADS = {
    "cronjob": "cronjob", "daemonset": "daemonset", "deployment": "deployment",
    "horizontalpodautoscaler": "horizontalpodautoscaler", "hpa": "hpa", "job": "job_name",
    "replicaset": "replicaset", "replicationcontroller": "replicationcontroller",
    "statefulset": "statefulset",
}  # fmt: skip


class Target(NamedTuple):
    """Who is measured, and what is left to tell its series apart."""

    resource: Resource
    labels: Pairs


class _Named(NamedTuple):
    """A resource by the rule that found it."""

    family: str  # with `kind`, arguments of catalogue.service
    kind: str
    name: str
    uid: str
    attributes: dict[str, str]
    used: frozenset[str]  # labels that are none of the series


def target_of(metric: str, labels: Mapping[str, str], catalogue: Catalogue) -> Target:
    """Return the resource of a series and the labels that remain, sorted."""
    known = {key: value for key, value in labels.items() if value and key != "__name__"}
    used = {key for key in _REPLICAS if key in known}
    cloud = next((key for key in _CLOUD if known.get(key, "").casefold() in _CLOUDS), "")
    account, region, cluster = (_first(known, keys) for keys in (_ACCOUNT, _REGION, _CLUSTER))
    used |= {key for key in (cloud, account, region, cluster) if key}
    cluster_name = known.get(cluster, "")
    found = next(filter(None, (rule(metric, known, cluster_name) for rule in _RULES)), None)
    if found is None:
        found = _application(metric, known, cluster_name)
    attributes = dict(found.attributes)
    if cluster_name:
        attributes["cluster"] = cluster_name
    tags = [key for key in _TAGS if key in known]
    attributes |= {"zone" if key == "availability_zone" else key: known[key] for key in tags}
    left_out = found.used.union(used, tags)
    resource = Resource(
        _CLOUDS.get(known.get(cloud, "").casefold(), ""),
        catalogue.service(found.family, found.kind),
        known.get(account, ""),
        known.get(region, ""),
        found.name,
        tuple(sorted(attributes.items())),
        found.uid if found.uid != found.name else "",
    )
    return Target(resource, tuple(sorted(p for p in known.items() if p[0] not in left_out)))


def _first(labels: Mapping[str, str], keys: tuple[str, ...]) -> str:
    return next((key for key in keys if key in labels), "")


def _own(labels: Mapping[str, str], key: str) -> str:
    """Return what the exporter says, where the scrape says something too."""
    return labels.get(f"exported_{key}") or labels.get(key, "")


def _exported(*keys: str) -> frozenset[str]:
    return frozenset(keys) | {f"exported_{key}" for key in keys}


def _told_apart(**parts: str) -> str:
    """Return the parts that are there, so that no two sets of them look alike."""
    present = tuple((key, value) for key, value in parts.items() if value)
    return present[0][1] if len(present) == 1 else unambiguous(present)


def _present(**attributes: str) -> dict[str, str]:
    return {key: value for key, value in attributes.items() if value}


def _kube_state(metric: str, labels: Mapping[str, str], cluster: str) -> _Named | None:
    prefix, _, rest = metric.partition("_")
    kind = rest.partition("_")[0]
    if prefix != "kube":
        return None
    label = _WORKLOADS.get(kind, kind)
    name, namespace = _own(labels, label), _own(labels, "namespace")
    if not name:
        return None
    used = _exported(*_SCRAPE, label) | {"uid"}
    if kind == "pod":
        used -= {"node"}  # where it runs, of `kube_pod_info` alone
        container = _own(labels, "container") if "_container_" in metric else ""
        return _pod(cluster, namespace, name, container, used)
    if kind == "node":
        return _node(cluster, name, used)
    return _object(kind, cluster, namespace, name, used)


def _object(kind: str, cluster: str, namespace: str, name: str, used: frozenset[str]) -> _Named:
    key, service, attributes = kind, kind, _present(namespace=namespace)
    if kind == "namespace":
        attributes = {}
    elif kind in _WORKLOADS:
        word = "hpa" if kind == "horizontalpodautoscaler" else kind
        key, service = f"k8s.{word}.name", "workload"  # as OpenTelemetry names them
        attributes["workload"] = word
    uid = _told_apart(**{"cluster": cluster, "namespace": namespace, key: name})
    return _Named("k8s", service, name, uid, attributes, used)


def _pod(cluster: str, namespace: str, pod: str, container: str, used: frozenset[str]) -> _Named:
    if not container:
        uid = _told_apart(cluster=cluster, namespace=namespace, pod=pod)
        return _Named("k8s", "pod", pod, uid, _present(namespace=namespace), used)
    uid = _told_apart(cluster=cluster, namespace=namespace, pod=pod, container=container)
    attributes = _present(namespace=namespace, pod=pod)
    return _Named("k8s", "container", container, uid, attributes, used)


def _node(cluster: str, name: str, used: frozenset[str]) -> _Named:
    return _Named("k8s", "node", name, _told_apart(cluster=cluster, node=name), {}, used)


def _cadvisor(metric: str, labels: Mapping[str, str], cluster: str) -> _Named | None:
    if not metric.startswith("container_"):
        return None
    used = _exported(*_SCRAPE) | {"pod_name", "container_name"}
    of_cgroup = used | {"id", "image", "name"}  # of one life of the container
    pod = _own(labels, "pod") or labels.get("pod_name", "")
    container = _own(labels, "container") or labels.get("container_name", "")
    if pod:
        if container == "POD":  # the sandbox: what it has is the pod's
            container = ""
        return _pod(cluster, _own(labels, "namespace"), pod, container, of_cgroup)
    host = labels.get("node") or _without_port(labels.get("instance", ""))
    name = labels.get("name", "")
    if name:
        return _Named("", "container", name, _told_apart(host=host, name=name), {}, of_cgroup)
    return _node(cluster, host, used) if host else None


def _volume(metric: str, labels: Mapping[str, str], cluster: str) -> _Named | None:
    name = _own(labels, "persistentvolumeclaim")
    if not metric.startswith("kubelet_volume_stats_") or not name:
        return None
    namespace = _own(labels, "namespace")
    uid = _told_apart(cluster=cluster, namespace=namespace, persistentvolumeclaim=name)
    used = _exported(*_SCRAPE, "persistentvolumeclaim")
    return _Named("k8s", "persistentvolumeclaim", name, uid, _present(namespace=namespace), used)


def _host(metric: str, labels: Mapping[str, str], cluster: str) -> _Named | None:
    if not metric.startswith(("node_", "windows_")):
        return None
    node = labels.get("node", "")
    used = frozenset(_SCRAPE if "pod" in labels else ("job", "instance", "node", "metrics_path"))
    if node.isdigit():  # a NUMA node
        node, used = "", used - {"node"}
    name = labels.get("nodename", "")
    if name and metric != "node_uname_info":  # where it is no label of the scrape
        used |= {"nodename"}
    else:
        name = ""
    name = name or node or _without_port(labels.get("instance", ""))
    if not name:
        return None
    return _Named("", "host", name, _told_apart(cluster=cluster, host=name), {}, used)


def _application(metric: str, labels: Mapping[str, str], cluster: str) -> _Named:
    job, instance = _own(labels, "job"), _own(labels, "instance")
    parts = {key: labels[key] for key in _OF_APPLICATIONS if key in labels}
    name = instance or parts.get("pod", "") or job or "unknown"
    uid = _told_apart(cluster=cluster, job=job, instance=instance, **parts)
    used = _exported("job", "instance") | {*_OF_APPLICATIONS, "metrics_path"}
    return _Named("app", job or "prometheus", name, uid, parts, used)


def _without_port(instance: str) -> str:
    """Return "10.0.0.7" of "10.0.0.7:9100", "::1" of "[::1]:9100"."""
    if instance.startswith("["):
        return instance[1:].partition("]")[0]
    host, colon, port = instance.rpartition(":")
    return host if colon and port.isdigit() and ":" not in host else instance


_RULES: tuple[Callable[[str, Mapping[str, str], str], _Named | None], ...] = (
    _kube_state,
    _cadvisor,
    _volume,
    _host,
)
