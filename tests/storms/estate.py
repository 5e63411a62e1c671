"""An estate drawn from a seed: applications that call each other, on nodes, in zones; half known.

Nothing in it is tidy. All applications share accounts, services, nodes and zones; hubs such as
`auth` are called from everywhere; a fifth of the resources are on no map; attributes are missing.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from operators.topology import NO_MAP
from schema import Edge, Resource, TopologyMap

SERVICES = ("aws.ecs", "aws.lambda", "aws.elb", "aws.ec2", "aws.apigateway")
STORES = ("aws.rds", "aws.dynamodb", "aws.sqs", "aws.elasticache")
ZONES = ("eu-west-1a", "eu-west-1b", "eu-west-1c")
HUBS = ("auth", "config", "audit")
LAYERS = 7
OFF_MAP = 0.2  # share of the resources
NAMED = 0.9  # share of the resources that say their application
PLACED = 0.6  # share of those that say their zone


@dataclass
class Estate:
    """What there is, and how much of it the map shows."""

    resources: dict[str, Resource] = field(default_factory=dict)  # by name
    application: dict[str, str] = field(default_factory=dict)  # by name of a component
    callees: dict[str, list[str]] = field(default_factory=dict)  # by name of a component
    pods: dict[str, list[str]] = field(default_factory=dict)  # by name of a component
    zone: dict[str, str] = field(default_factory=dict)  # by name
    edges: list[Edge] = field(default_factory=list)
    known: TopologyMap = NO_MAP

    def callers(self, name: str) -> list[str]:
        """Return the components that call one."""
        return [caller for caller, called in self.callees.items() if name in called]


def draw_estate(rng: Random, applications: int, components: int, pods: int, nodes: int) -> Estate:
    """Draw an estate of so many applications, components each, pods each at most, and nodes."""
    estate = Estate()
    hosts = [f"ip-10-{i // 250}-{i % 250}" for i in range(nodes)]
    for i, host in enumerate(hosts):
        _add(rng, estate, host, "aws.ec2", "", ZONES[i % len(ZONES)])
        estate.edges.append(Edge(host, ZONES[i % len(ZONES)], "in_zone"))
    for hub in HUBS:
        _component(rng, estate, hub, "platform", "aws.ecs", pods, hosts)
    layers = [
        _application(rng, estate, f"app{a}", components, pods, hosts) for a in range(applications)
    ]
    for a, names in enumerate(layers):
        for name in names:
            for hub in HUBS:
                if rng.random() < 0.3:
                    _calls(estate, name, hub)
        other = layers[(a + 1) % len(layers)]
        _calls(estate, rng.choice(names[: len(names) // 2]), rng.choice(other[: len(other) // 2]))
    estate.known = _partial(rng, estate)
    return estate


def _application(
    rng: Random, estate: Estate, app: str, components: int, pods: int, hosts: list[str]
) -> list[str]:
    """Draw layers of components that call some of the next layer, seldom of the one after."""
    cuts = [i * components // LAYERS for i in range(LAYERS + 1)]
    named = [f"{app}-c{i:02d}" for i in range(components)]
    layers = [named[start:end] for start, end in pairwise(cuts)]
    for level, layer in enumerate(layers):
        for name in layer:
            service = rng.choice(STORES if level == LAYERS - 1 else SERVICES)
            _component(rng, estate, name, app, service, pods, hosts)
    for level, layer in enumerate(layers[:-1]):
        below = layers[level + 1]
        for name in layer:
            for callee in rng.sample(below, min(len(below), rng.randint(1, 3))):
                _calls(estate, name, callee)
            if rng.random() < 0.15 and level + 2 < LAYERS:
                _calls(estate, name, rng.choice(layers[level + 2]))
    return named


def _component(
    rng: Random, estate: Estate, name: str, app: str, service: str, pods: int, hosts: list[str]
) -> None:
    _add(rng, estate, name, service, app, "")
    estate.application[name] = app
    estate.callees[name] = []
    estate.pods[name] = []
    for i in range(rng.randint(1, pods) if pods else 0):
        pod, host = f"{name}-{rng.randrange(16**5):05x}-{i}", rng.choice(hosts)
        _add(rng, estate, pod, "k8s.pod", app, estate.zone[host])
        estate.pods[name].append(pod)
        estate.edges += [Edge(name, pod), Edge(pod, host, "runs_on")]


def _calls(estate: Estate, caller: str, callee: str) -> None:
    if callee not in estate.callees[caller] and callee != caller:
        estate.callees[caller].append(callee)
        estate.edges.append(Edge(caller, callee))


def _add(rng: Random, estate: Estate, name: str, service: str, app: str, zone: str) -> None:
    says: dict[str, str] = {}
    if app and rng.random() < NAMED:
        says["application"] = app
    if zone and rng.random() < PLACED:
        says["zone"] = zone
    account = "444455556666" if app in ("app1", "app4") else "111122223333"
    attributes = tuple(sorted(says.items()))
    estate.resources[name] = Resource("aws", service, account, "eu-west-1", name, attributes)
    if zone:
        estate.zone[name] = zone


def _partial(rng: Random, estate: Estate) -> TopologyMap:
    missing = set(rng.sample(sorted(estate.resources), round(OFF_MAP * len(estate.resources))))
    edges = [e for e in estate.edges if e.source not in missing and e.target not in missing]
    nodes = sorted(estate.resources.keys() - missing)
    return TopologyMap(tuple(nodes), tuple((zone, "zone") for zone in ZONES), tuple(sorted(edges)))
