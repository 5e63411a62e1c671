"""Monitored resources and metrics of Cloud Monitoring."""

import re

import msgspec

from connectors.formats.flat_text import Pairs, joined, unambiguous
from connectors.formats.reasons import PARSE_ERRORS, WRONG_SHAPE, WRONG_TYPE, BadPoint, explain
from schema import Catalogue, Resource

# The label by which people know a resource of this type. Where it is unique in its project and
# region it is the identity too; else all labels are.
_NAMED_BY = {
    "cloud_run_revision": "service_name",
    "cloudsql_database": "database_id",
    "gce_instance": "instance_id",
    "https_lb_rule": "url_map_name",
    "k8s_cluster": "cluster_name",
    "k8s_container": "pod_name",
    "k8s_node": "node_name",
    "k8s_pod": "pod_name",
    "pubsub_subscription": "subscription_id",
    "pubsub_topic": "topic_id",
}
_UNIQUE = frozenset({"cloudsql_database", "gce_instance", "pubsub_subscription", "pubsub_topic"})
_PLACES = ("location", "zone", "region")
_ZONE = re.compile(r"(.+-.+\d)-[a-z]")
_ATTRIBUTES = {
    "cluster_name": "cluster",
    "container_name": "container",
    "namespace_name": "namespace",
}


class _Typed(msgspec.Struct, gc=False):
    type: str
    labels: dict[str, str] | None = None


class _Metadata(msgspec.Struct, gc=False, rename="camel"):
    user_labels: dict[str, str] | None = None


_TYPED = msgspec.json.Decoder(_Typed)
_METADATA = msgspec.json.Decoder(_Metadata | None)


def parse_metric(raw: bytes) -> tuple[str, Pairs]:
    """Return a metric's type and its labels, sorted."""
    metric = _typed(raw, "metric")
    return metric.type, tuple(sorted((metric.labels or {}).items()))


def gcp_resource(raw: bytes, metadata: bytes, catalogue: Catalogue) -> Resource:
    """Return the resource; the user labels of `metadata` become attributes.

    Raises: BadPoint if it is not a type with labels.
    """
    found = _typed(raw, "resource")
    labels = tuple(sorted((found.labels or {}).items()))
    known = dict(labels)
    account = known.get("project_id", "")
    identity = tuple((k, v) for k, v in labels if k != "project_id")
    name = known.get(_NAMED_BY.get(found.type, ""), "")
    uid = ""
    if not name or found.type not in _UNIQUE:
        uid = f"{found.type}:{unambiguous(identity)}"
        name = name or joined(identity) or found.type
    place = next((known[key] for key in _PLACES if known.get(key)), "")
    zone = _ZONE.fullmatch(place)
    attributes = _user_labels(metadata)
    attributes |= {ours: known[key] for key, ours in _ATTRIBUTES.items() if known.get(key)}
    if zone is not None:
        attributes["zone"] = place
    return Resource(
        "gcp",
        catalogue.service("gcp", found.type),
        account,
        place if zone is None else zone[1],
        name,
        tuple(sorted(attributes.items())),
        uid,
    )


def _typed(raw: bytes, where: str) -> _Typed:
    try:
        return _TYPED.decode(raw)
    except PARSE_ERRORS as ex:
        reason, detail = explain(raw, ex)
        reason = WRONG_TYPE if reason == WRONG_SHAPE else reason
        raise BadPoint(reason, f"{where}: {detail}") from ex


def _user_labels(metadata: bytes) -> dict[str, str]:
    """Return the user labels; metadata of another shape is ornament and no reason to reject."""
    if not metadata:
        return {}
    try:
        found = _METADATA.decode(metadata)
    except PARSE_ERRORS:
        return {}
    return {} if found is None or found.user_labels is None else dict(found.user_labels)
