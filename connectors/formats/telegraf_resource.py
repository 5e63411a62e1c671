"""What a Telegraf metric is measured on, by its plugin's name and its tags.

The rules, in this order:

1. Plugins of the machine (`cpu`, `mem`, `disk`, `net` ...) are of the host in the tag `host`.
2. `docker_container_*` are of a container, `kubernetes_*` of the container, pod, node or workload
   that they name.
3. Any other is of an application, service `app.<first word of the plugin's name>`: identity is the
   agent's `host` and where the server is (`server`, `port`, `url` ...; a table for some plugins).
   Its name is the address, or the host where the address means "here".

Of the other tags, those that say where something runs and whose it is become fields and attributes
of the resource, a few tell streams of one series apart, and the rest are labels of the series.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from connectors.formats.flat_text import Pairs, unambiguous
from connectors.formats.reasons import MISSING_FIELD, BadPoint
from schema import Catalogue, Resource

MACHINE = frozenset(
    {
        "bond", "chrony", "conntrack", "cpu", "disk", "diskio", "ethtool", "hddtemp", "interrupts",
        "ipmi_sensor", "kernel", "kernel_vmstat", "linux_cpu", "linux_sysctl_fs", "mdstat", "mem",
        "net", "netstat", "nstat", "ntpq", "nvidia_smi", "processes", "sensors", "smart_attribute",
        "smart_device", "soft_interrupts", "swap", "system", "systemd_units", "temp", "wireless",
    }
)  # fmt: skip
_WHOLE = frozenset({"dns_query", "http_response", "net_response", "x509_cert"})
_WORD = re.compile(r"[^_./:\- ]+")

_PLACES = ("server", "port", "url", "source", "address", "agent_host", "hostname")
_IDENTITY = {
    "dns_query": ("server", "domain"),
    "elasticsearch": ("cluster_name", "node_name", "name"),
    "http_response": ("server",),
    "mongodb": ("hostname",),
    "net_response": ("server", "port", "protocol"),
    "ping": ("url",),
    "procstat": ("process_name", "exe", "pattern", "systemd_unit"),
    "rabbitmq": ("url",),
    "x509_cert": ("source", "common_name"),
}
_NAMED_BY = {"dns_query": "domain", "elasticsearch": "node_name"}  # else the first that is there
# What differs from one gather to the next of one thing: a series each would hold a few points.
_PARTS = {
    "dns_query": {"result", "rcode", "record_type"},
    "http_response": {"result", "status_code"},
    "net_response": {"result"},
    "procstat": {"pid"},
}
_FIELDS = {
    "cloud": "cloud",
    "cloud_provider": "cloud",
    "account": "account",
    "account_id": "account",
    "project_id": "account",
    "subscription_id": "account",
    "region": "region",
    "aws_region": "region",
}
_ATTRIBUTES = {
    **{
        name: name
        for name in (
            "application", "cluster", "datacenter", "engine_host", "environment", "instance_id",
            "instance_type", "owner", "rack", "role", "stage", "team", "tier", "zone",
            "replication_role", "container_image", "container_version", "container_status",
            "server_version", "host", "namespace",
        )
    },
    "app": "application",
    "availability_zone": "zone",
    "az": "zone",
    "dc": "datacenter",
    "env": "environment",
    "node_name": "node",
    "pod_name": "pod",
}  # fmt: skip
_DOCKER_LABELS = frozenset({"cpu", "device", "network"})  # all other tags are the container's own
_WORKLOADS = ("deployment_name", "statefulset_name", "daemonset_name")
_LOCAL = re.compile(r"(\w+://)?(localhost|127\.|0\.0\.0\.0|\[?::1?\]?(:|/|$)|/)|unix:")
_USER = re.compile(r"//[^/@]*@")
_DSN = re.compile(r"\b(host|port)=(\S+)")


class Measured(NamedTuple):
    """A resource, and what tells its series apart."""

    resource: Resource
    labels: Pairs
    parts: Pairs


class _Named(NamedTuple):
    service: tuple[str, str]  # arguments of catalogue.service
    name: str
    uid: str
    used: frozenset[str]  # tags that are identity and so no labels


def telegraf_resource(plugin: str, tags: Mapping[str, str], catalogue: Catalogue) -> Measured:
    """Return what a plugin's metric with these tags is about; see the module's rules.

    Raises: BadPoint if the tags do not say it.
    """
    root = root_of(plugin)
    named = _named(plugin, root, tags)
    fields = {"cloud": "", "account": "", "region": ""}
    attributes: dict[str, str] = {}
    labels: list[tuple[str, str]] = []
    parts: list[tuple[str, str]] = []
    own = plugin.startswith("docker_container_")
    for tag, value in sorted((tag, _shown(text)) for tag, text in tags.items()):
        if not value or tag in named.used:
            continue
        if tag in _FIELDS:
            fields[_FIELDS[tag]] = fields[_FIELDS[tag]] or value
        elif tag in _ATTRIBUTES:
            attributes.setdefault(_ATTRIBUTES[tag], value)
        elif own and tag not in _DOCKER_LABELS:
            attributes.setdefault(tag, value)
        elif tag in _PARTS.get(root, ()):
            parts.append((tag, value))
        else:
            labels.append((tag, value))
    resource = Resource(
        fields["cloud"].casefold(),
        catalogue.service(*named.service),
        fields["account"],
        fields["region"],
        named.name,
        tuple(sorted(attributes.items())),
        named.uid if named.uid != named.name else "",
    )
    return Measured(resource, tuple(labels), tuple(parts))


def root_of(plugin: str) -> str:
    """Return what a plugin's measurements have in common: `redis` of `redis_keyspace`."""
    if plugin in MACHINE or plugin in _WHOLE:
        return plugin
    word = _WORD.search(plugin)
    return plugin if word is None else word[0]


def is_machine(plugin: str) -> bool:
    """Say whether a plugin measures the host that it runs on; `win_*` are Windows' counters."""
    return plugin in MACHINE or plugin.startswith("win_")


def _named(plugin: str, root: str, tags: Mapping[str, str]) -> _Named:
    if is_machine(plugin):
        if not tags.get("host"):
            raise BadPoint(MISSING_FIELD, f"no tag `host` on a metric of {plugin}")
        return _Named(("", "host"), tags["host"], "", frozenset({"host"}))
    if plugin.startswith("docker_container_") and tags.get("container_name"):
        name = tags["container_name"]
        uid = _told_apart(("host", tags.get("host", "")), ("name", name))
        return _Named(("", "container"), name, uid, frozenset({"container_name"}))
    if root == "kubernetes":
        found = _of_kubernetes(plugin, tags)
        if found is not None:
            return found
    return _application(root, tags)


def _of_kubernetes(plugin: str, tags: Mapping[str, str]) -> _Named | None:
    place = (("cluster", tags.get("cluster", "")), ("namespace", tags.get("namespace", "")))
    pod, container = tags.get("pod_name", ""), tags.get("container_name", "")
    if pod and container:
        uid = _told_apart(*place, ("pod", pod), ("container", container))
        return _Named(("k8s", "container"), container, uid, frozenset({"container_name"}))
    if pod:
        uid = _told_apart(*place, ("pod", pod))
        return _Named(("k8s", "pod"), pod, uid, frozenset({"pod_name"}))
    for tag in _WORKLOADS:
        if tags.get(tag):
            uid = _told_apart(*place, (f"k8s.{tag.removesuffix('_name')}.name", tags[tag]))
            return _Named(("k8s", "workload"), tags[tag], uid, frozenset({tag}))
    node = tags.get("node_name", "")
    if node and plugin in {"kubernetes_node", "kubernetes_system_container"}:
        uid = _told_apart(place[0], ("node", node))
        return _Named(("k8s", "node"), node, uid, frozenset({"node_name"}))
    return None


def _application(root: str, tags: Mapping[str, str]) -> _Named:
    host = tags.get("host", "")
    keys = _IDENTITY.get(root, _PLACES)
    identity = [(key, _shown(tags[key])) for key in keys if tags.get(key)]
    known = dict(identity)
    name = known.get(_NAMED_BY.get(root, ""), "") or (identity[0][1] if identity else "")
    if not name or _LOCAL.match(name):
        name = host or name or root
    elif "port" in known and "server" in known:
        name = f"{name}:{known['port']}"
    uid = _told_apart(*identity, ("host", host)) if identity or host else ""
    service = "telegraf" if root == "internal" else "statsd" if "metric_type" in tags else root
    return _Named(("app", service), name, uid, frozenset(known))


def _shown(value: str) -> str:
    """Return an address without what nobody should see, such as a password in a URL."""
    if "//" in value:
        return _USER.sub("//", value)
    if "host=" in value:
        found = dict(_DSN.findall(value))
        return ":".join(found[key] for key in ("host", "port") if key in found) or value
    return value


def _told_apart(*members: tuple[str, str]) -> str:
    """Return the members that are there, so that no two sets of them look alike."""
    present = tuple((key, value) for key, value in members if value)
    return present[0][1] if len(present) == 1 else unambiguous(present)
