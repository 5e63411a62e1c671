"""What an OTLP resource is, by its attributes and by the metric that was measured.

The rules, in this order; the first that finds its attributes decides:

1. The metric's own kind: `system.*` and `node_*` are of a host, `k8s.node.*` of a node, `k8s.pod.*`
   and `k8s.volume.*` of a pod, `k8s.container.*` and `container.*` of a container.
2. `service.name`, unless the metric is one of `k8s.*`: an application.
3. Container, pod, workload, node, namespace, cluster: the most specific one that is named.
4. `process.executable.name`: a process. `container.name`: a container outside Kubernetes.
5. `host.id` or `host.name`, where the metric's name says no more: a host.
6. `app.<first word of the metric>` at its `server.address`, host, or joined attributes.

Cloud, account and region are those of `cloud.*`. A resource enriched later in its life (a pod that
gets its uid) is another one.
"""

from collections.abc import Callable, Mapping

from connectors.formats.flat_text import joined, unambiguous
from schema import Catalogue, Labels, Resource

MAX_ATTRIBUTES = 32
MAX_TEXT = 256  # characters of an attribute's name or value

Attributes = Mapping[str, str]
_Found = tuple[tuple[str, str], str, str] | None  # arguments of catalogue.service, name, uid

# Most specific first: a job of a cron job, a replica set of a deployment.
_WORKLOADS = tuple(
    f"k8s.{kind}.name"
    for kind in (
        "hpa", "resourcequota", "job", "cronjob", "replicaset", "replicationcontroller",
        "daemonset", "statefulset", "deployment",
    )
)  # fmt: skip
_LOOPBACK = ("localhost", "127.", "0.0.0.0", "[::")  # noqa: S104 - compared with, not bound to
_OF_APPLICATIONS = frozenset(
    {"http", "db", "rpc", "messaging", "jvm", "process", "dotnet", "aspnetcore", "kestrel", "go",
     "nodejs", "v8js", "cpython", "faas", "gen_ai", "dns", "signalr"}
)  # fmt: skip
# Words of resource attributes that describe where a metric comes from, whatever it measures.
_OF_RESOURCES = frozenset(
    {"service", "host", "k8s", "container", "process", "cloud", "os", "telemetry", "deployment",
     "device", "faas", "server", "system"}
)  # fmt: skip
_RENAMED = {
    "cloud.availability_zone": "zone",
    "deployment.environment": "environment",
    "deployment.environment.name": "environment",
    "host.name": "host",
    "k8s.cluster.name": "cluster",
    "k8s.container.name": "container",
    "k8s.namespace.name": "namespace",
    "k8s.node.name": "node",
    "k8s.pod.name": "pod",
    "service.namespace": "application",
    "service.version": "version",
}
_FIRST = frozenset({*_RENAMED.values(), "team", "tier", "application", "service.name"})
_LEFT_OUT = ("telemetry.", "process.", "cloud.account.", "os.description", "host.ip", "host.mac")
_LEFT_OUT_ENDS = (".uid", ".start_time", "container.id", "cloud.provider", "cloud.region")


def otlp_resource(a: Attributes, metric: str, catalogue: Catalogue) -> Resource:
    """Return the resource of a metric; see the module's rules."""
    (cloud, kind), name, uid = _identity(a, metric)
    return Resource(
        a.get("cloud.provider", "").casefold(),
        catalogue.service(cloud, kind),
        a.get("cloud.account.id", ""),
        a.get("cloud.region", ""),
        name,
        _attributes(a),
        uid if uid != name else "",
    )


def resource_labels(a: Attributes, metric: str) -> Labels:
    """Return resource attributes that tell series of one resource apart.

    A pod has several volumes; receivers of databases and brokers name the table or the queue in
    the resource: what begins with the metric's own first word.
    """
    word, dot, _ = metric.partition(".")
    if word in _OF_RESOURCES or not dot:
        return tuple(pair for pair in a.items() if pair[0] == "k8s.volume.name")
    return tuple(pair for pair in a.items() if pair[0].startswith(word + "."))


def _identity(a: Attributes, metric: str) -> tuple[tuple[str, str], str, str]:
    word = metric.partition(".")[0]
    rules: list[Callable[[Attributes], _Found]] = []
    for prefixes, own in _OWN:
        if metric.startswith(prefixes):
            rules.append(own)
    if word != "k8s":
        rules.append(_application)
    for rule in (*rules, _container, _pod, _workload, _node, _namespace, _cluster, _process):
        found = rule(a)
        if found is not None:
            return found
    return _bare_container(a) or _by_metric(a, metric)


def _machine(a: Attributes) -> _Found:
    """A host; where nothing else names it, by its node or by what was scraped."""
    name = a.get("k8s.node.name") or a.get("service.instance.id")
    return _host(a) or ((("", "host"), name, "") if name else None)


def _host(a: Attributes) -> _Found:
    name = a.get("host.name") or a.get("host.id")
    return (("", "host"), name, a.get("host.id", "")) if name else None


def _application(a: Attributes) -> _Found:
    name = a.get("service.name")
    if not name:
        return None
    instance = a.get("service.instance.id", "")
    place = ""
    if not instance or instance.startswith(_LOOPBACK):
        place = "/".join(part for part in (_place(a), a.get("process.pid", "")) if part)
    environment = a.get("deployment.environment.name") or a.get("deployment.environment", "")
    return ("app", "service"), name, _told_apart(
        namespace=a.get("service.namespace", ""),
        name=name,
        environment=environment,
        instance=instance,
        place=place,
    )  # fmt: skip


def _place(a: Attributes) -> str:
    keys = ("k8s.pod.uid", "k8s.pod.name", "container.id", "host.id", "host.name")
    return next((a[key] for key in keys if a.get(key)), "")


def _pod_uid(a: Attributes) -> dict[str, str]:
    if a.get("k8s.pod.uid"):
        return {"pod": a["k8s.pod.uid"]}
    return _in_namespace(a) | {"pod": a.get("k8s.pod.name", "")}


def _in_namespace(a: Attributes) -> dict[str, str]:
    return {"cluster": _cluster_name(a), "namespace": a.get("k8s.namespace.name", "")}


def _cluster_name(a: Attributes) -> str:
    return a.get("k8s.cluster.name") or a.get("k8s.cluster.uid", "")


def _container(a: Attributes) -> _Found:
    name = a.get("k8s.container.name")
    if not name or not (a.get("k8s.pod.uid") or a.get("k8s.pod.name")):
        return None
    return ("k8s", "container"), name, _told_apart(**_pod_uid(a), container=name)


def _pod(a: Attributes) -> _Found:
    name = a.get("k8s.pod.name") or a.get("k8s.pod.uid")
    return (("k8s", "pod"), name, _told_apart(**_pod_uid(a))) if name else None


def _workload(a: Attributes) -> _Found:
    key = next((key for key in _WORKLOADS if a.get(key)), None)
    if key is None:
        return None
    return ("k8s", "workload"), a[key], _told_apart(**_in_namespace(a), kind=key, name=a[key])


def _node(a: Attributes) -> _Found:
    name = a.get("k8s.node.name")
    uid = _told_apart(cluster=_cluster_name(a), node=name or "")
    return (("k8s", "node"), name, uid) if name else None


def _namespace(a: Attributes) -> _Found:
    name = a.get("k8s.namespace.name")
    return (("k8s", "namespace"), name, _told_apart(**_in_namespace(a))) if name else None


def _cluster(a: Attributes) -> _Found:
    name = _cluster_name(a)
    return (("k8s", "cluster"), name, a.get("k8s.cluster.uid", "")) if name else None


def _process(a: Attributes) -> _Found:
    name = a.get("process.executable.name") or a.get("process.command")
    if not name:
        return None
    uid = _told_apart(place=_place(a), name=name, pid=a.get("process.pid", ""))
    return ("app", "process"), name, uid


def _bare_container(a: Attributes) -> _Found:
    name = a.get("container.name") or a.get("container.id")
    uid = _told_apart(host=a.get("host.id") or a.get("host.name", ""), name=name or "")
    return (("", "container"), name, uid) if name else None


def _by_metric(a: Attributes, metric: str) -> tuple[tuple[str, str], str, str]:
    word, dot, _ = metric.partition(".")
    host = _host(a)
    if host is not None and (not dot or word in _OF_RESOURCES - {"process", "faas"}):
        return host
    kind = "service" if not dot or word in _OF_APPLICATIONS else word
    address = ":".join(filter(None, (a.get("server.address"), a.get("server.port"))))
    place = "" if host is None else host[2] or host[1]
    known = tuple(sorted(pair for pair in a.items() if not pair[0].startswith(word + ".")))
    if not address and not place:
        return ("app", kind), joined(known) or "unknown", unambiguous(known)
    name = address or (host[1] if host is not None else "")
    return ("app", kind), name, _told_apart(address=address, place=place)


_OWN: tuple[tuple[tuple[str, ...], Callable[[Attributes], _Found]], ...] = (
    (("system.", "node_"), _machine),
    (("k8s.node.",), _node),
    (("k8s.pod.", "k8s.volume."), _pod),
    (("k8s.container.", "container."), _container),
)


def _told_apart(**parts: str) -> str:
    """Return the parts that are there, so that no two sets of several look alike."""
    present = tuple((key, value) for key, value in parts.items() if value)
    return present[0][1] if len(present) == 1 else unambiguous(present)


def _attributes(a: Attributes) -> Labels:
    """Return what people ask for by name, then the rest by name, within bounds."""
    found = {
        key[:MAX_TEXT]: value[:MAX_TEXT]
        for key, value in a.items()
        if value and not key.startswith(_LEFT_OUT) and not key.endswith(_LEFT_OUT_ENDS)
    }
    for key, ours in _RENAMED.items():
        value = found.pop(key, None)
        if value is not None:
            found.setdefault(ours, value)
    names = sorted(found, key=lambda name: (name not in _FIRST, name))[:MAX_ATTRIBUTES]
    return tuple(sorted((name, found[name]) for name in names))
