"""What a series tells of the topology: where its resource runs and lies, and who calls whom.

Attributes are those that the decoders give, whatever the format: OpenTelemetry's `k8s.node.name` is
`node`, Telegraf's `pod_name` is `pod`, CloudWatch's `AvailabilityZone` is `zone`. An inventory may
give them too.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from schema import Edge, Resource, Seen, Series, stable_id

TOLD = ("tier", "users")
SERVICE_GRAPH = "traces_service_graph_request"  # of OpenTelemetry's Collector, and of Tempo
_CALLS = ("messaging.destination.name", "peer.service", "queue")  # what the resource calls
_CALLED_BY = ("load_balancer",)
_MANY = ("app.process", "container", "k8s.container")  # one name, as "app" or "java", is of many
_OWN_HOST = ("app.process", "app.service")
_ABOVE = ("k8s.cluster", "k8s.namespace", "k8s.workload")  # they run on no one node


def places(resource: Resource) -> Seen:
    """Return what a resource's attributes, all that are known, show: it replaces what they did."""
    known = dict(resource.attributes)
    own = resource.uid or resource.name if resource.service in _MANY else resource.name
    edges: set[Edge] = set()
    if resource.service not in _ABOVE:
        chain = _chain(resource, known)
        edges |= {Edge(upper, lower, "runs_on") for upper, lower in pairwise(chain)}
        machine = known.get("pod") or (chain[-1] if chain else "")
        if machine and own not in chain:
            edges.add(Edge(own, machine, "runs_on"))
    zone = known.get("zone", "")
    if zone and zone != resource.region:
        edges.add(Edge(own, zone, "in_zone"))
    edges |= {Edge(own, known[name]) for name in _CALLS if known.get(name)}
    edges |= {Edge(known[name], own) for name in _CALLED_BY if known.get(name)}
    told = tuple((name, known[name]) for name in TOLD if known.get(name))
    names = tuple(dict.fromkeys(filter(None, (own, resource.uid, resource.key)))) if told else ()
    return Seen(stable_id(resource.key), _sorted(edges), names, told)


def calls(series: Series) -> Seen | None:
    """Return the call that a series of a service graph is about, which adds up; None: of none."""
    if not series.metric.startswith(SERVICE_GRAPH):
        return None
    labels = dict((*series.labels, *series.parts))
    client, server = labels.get("client", ""), labels.get("server", "")
    return Seen(0, (Edge(client, server),)) if client and server and client != server else None


def _chain(resource: Resource, known: Mapping[str, str]) -> list[str]:
    """Return service, pod and machine, as far as they are said; each runs on the next."""
    pod, node, host = known.get("pod", ""), known.get("node", ""), known.get("host", "")
    # An agent that asks a server somewhere else (`app.mysql`) says on which host it itself is.
    is_there = resource.service in _OWN_HOST or not resource.service.startswith("app.")
    machine = node or (host if is_there and host != pod else "")
    service = known.get("service.name", "") if pod else ""
    return list(dict.fromkeys(name for name in (service, pod, machine) if name))


def _sorted(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    return tuple(sorted(edge for edge in edges if edge.source != edge.target))
