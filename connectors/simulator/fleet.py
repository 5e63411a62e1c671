"""The fleet: applications of three clouds, each load balancer, instances and database."""

from dataclasses import dataclass
from functools import cached_property

import msgspec

from connectors.simulator.addresses import ACCOUNTS, address_of
from connectors.simulator.settings import CLOUDS
from connectors.simulator.vendors import KINDS, Kind, Metric

APPLICATION_SIZE = 8  # resources an application, about
REGIONS = {
    "aws": ("eu-west-1", "us-east-1"),
    "azure": ("westeurope", "eastus"),
    "gcp": ("europe-west1", "us-central1"),
}
ZONES = {"aws": ("a", "b", "c"), "azure": ("-1", "-2", "-3"), "gcp": ("-b", "-c", "-d")}
TITLES = (
    "checkout", "catalog", "payments", "search", "orders", "identity", "shipping", "pricing",
    "reviews", "billing", "media", "notify",
)  # fmt: skip
REGION_APPLICATIONS = 12  # applications in the first region before the second one is used in turn
# What an application is made of, in the order in which it grows; then the pattern's tail repeats.
PATTERNS = {
    "aws": ("rds:db", "ec2:web-1", "alb:lb", "ec2:web-2", "lambda:worker", "ec2:web-3"),
    "azure": ("vm:db", "vm:app-1", "app_service:web", "vm:app-2", "aks:jobs", "vm:app-3"),
    "gcp": ("cloudsql:db", "gce:web-1", "https_lb:lb", "gce:web-2", "gke:node-1", "gce:web-3"),
}
MORE = {"aws": "ec2:web", "azure": "vm:app", "gcp": "gce:web"}


class Node(msgspec.Struct, frozen=True):
    """A simulated resource. `name` is what a decoder makes of its payloads."""

    name: str
    title: str  # for people: "checkout-web-1"
    kind: str  # of vendors.KINDS
    cloud: str
    account: str
    region: str
    zone: str  # "" if it spans zones
    application: int  # position in Fleet.applications
    part: str  # "db", "web-1", "lb" ...: place in the application
    address: tuple[tuple[str, str], ...]  # labels on the wire, sorted

    @property
    def vendor(self) -> Kind:
        """What this kind of resource reports."""
        return KINDS[self.kind]

    @property
    def tier(self) -> str:
        """Layer of the application: "edge", "app" or "data"."""
        return {"db": "data", "lb": "edge"}.get(
            self.part, "edge" if self.kind == "app_service" else "app"
        )


@dataclass(frozen=True)
class Fleet:
    """All nodes, by position; a node's rows are its metrics in the vendor's order."""

    nodes: tuple[Node, ...]
    applications: tuple[str, ...]

    def metrics(self, node: int) -> tuple[Metric, ...]:
        """Return the metrics of a node."""
        return self.nodes[node].vendor.metrics

    def of_cloud(self, cloud: str) -> tuple[int, ...]:
        """Return the positions of a cloud's nodes."""
        return tuple(i for i, node in enumerate(self.nodes) if node.cloud == cloud)

    @cached_property
    def members(self) -> tuple[tuple[int, ...], ...]:
        """Return the node positions of each application."""
        found: list[list[int]] = [[] for _ in self.applications]
        for i, node in enumerate(self.nodes):
            found[node.application].append(i)
        return tuple(map(tuple, found))

    @cached_property
    def callees(self) -> tuple[tuple[int, ...], ...]:
        """Return for each node whom it calls: the edge calls the app tier, that the database."""
        found: list[tuple[int, ...]] = [()] * len(self.nodes)
        for members in self.members:
            layers = {
                tier: [i for i in members if self.nodes[i].tier == tier]
                for tier in ("edge", "app", "data")
            }
            for i in layers["edge"]:
                found[i] = tuple(layers["app"] or layers["data"])
            for i in layers["app"]:
                found[i] = tuple(layers["data"])
        return tuple(found)

    @cached_property
    def callers(self) -> tuple[tuple[int, ...], ...]:
        """Return for each node who calls it."""
        found: list[list[int]] = [[] for _ in self.nodes]
        for caller, callees in enumerate(self.callees):
            for callee in callees:
                found[callee].append(caller)
        return tuple(map(tuple, found))

    def find(self, name: str) -> int | None:
        """Return the node of that name or title."""
        for i, node in enumerate(self.nodes):
            if name in (node.name, node.title):
                return i
        return None


def _node(cloud: str, application: int, name: str, nth: int, slot: str, place: int) -> Node:
    """Make one node; `nth` is the application's place in its cloud, `place` the node's in it."""
    kind, part = slot.split(":")
    second = nth >= REGION_APPLICATIONS and nth % 2 == 1
    region = REGIONS[cloud][second]
    zones = ZONES[cloud]
    zone = region + zones[(place + nth) % len(zones)]
    zone = zone if KINDS[kind].zonal else ""
    address = address_of(kind, name, part, region, zone)
    return Node(
        name=address.name,
        title=f"{name}-{part}",
        kind=kind,
        cloud=cloud,
        account=ACCOUNTS[cloud],
        region=address.labels.get("region", region),
        zone=zone,
        application=application,
        part=part,
        address=tuple(sorted(address.labels.items())),
    )


def build_fleet(resources: int) -> Fleet:
    """Return a fleet of exactly so many resources, its applications spread over the clouds."""
    count = max(len(CLOUDS), -(-resources // APPLICATION_SIZE))
    nodes: list[Node] = []
    names: list[str] = []
    for application in range(count):
        cloud = CLOUDS[application % len(CLOUDS)]
        title = TITLES[application % len(TITLES)]
        round_ = application // len(TITLES)
        name = title if round_ == 0 else f"{title}{round_ + 1}"
        names.append(name)
        size = resources // count + (application < resources % count)
        pattern = PATTERNS[cloud]
        for place in range(size):
            more = f"{MORE[cloud]}-{place - 2}"
            slot = pattern[place] if place < len(pattern) else more
            nodes.append(_node(cloud, application, name, application // 3, slot, place))
    return Fleet(tuple(nodes), tuple(names))
