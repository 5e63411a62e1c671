"""The part of the topology around some nodes, small enough to be drawn."""

from collections.abc import Sequence

from operators.topology import Topology
from schema import Surroundings
from schema.desk import EdgeView, NodeView, TopologyView

MOST_NODES = 60
HOPS = 2


def around(
    topology: Topology, names: Sequence[str], hops: int = HOPS, most: int = MOST_NODES
) -> TopologyView:
    """Return what `hops` edges reach from nodes that the map knows; nearest first, then by name.

    Without names, all of the map, the nodes first that most depend on.
    """
    if names:
        centre = tuple(dict.fromkeys(name for name in names if topology.knows(name)))
        far = _reached(topology, centre, hops)
    else:
        centre = ()
        far = dict.fromkeys(topology.nodes(), 0)
    order = sorted(far, key=lambda name: (far[name], -len(topology.needed_by(name)), name))
    kept = order[:most]
    chosen = set(kept)
    return TopologyView(
        around=centre,
        nodes=tuple(_node(topology, name, far[name]) for name in kept),
        edges=tuple(
            EdgeView(source=source, target=target, type=type_)
            for source in sorted(chosen)
            for target in topology.needs(source)
            if target in chosen
            for type_ in topology.types(source, target)
        ),
        more=len(order) - len(kept),
    )


def as_shown(kept: Surroundings) -> TopologyView:
    """Return the topology around an incident as the flow has kept it."""
    return TopologyView(
        around=tuple(each.name for each in kept.nodes if each.role == "suspect"),
        nodes=tuple(
            NodeView(name=each.name, type=each.type, hops=each.hops, role=each.role)
            for each in kept.nodes
        ),
        edges=tuple(
            EdgeView(source=each.source, target=each.target, type=each.type) for each in kept.edges
        ),
        more=kept.more,
    )


def _reached(topology: Topology, centre: Sequence[str], hops: int) -> dict[str, int]:
    far = dict.fromkeys(centre, 0)
    for name in centre:
        for other, distance in topology.within(name, hops).items():
            far[other] = min(distance, far.get(other, distance))
    return far


def _node(topology: Topology, name: str, hops: int) -> NodeView:
    return NodeView(
        name=name,
        type=topology.type_of(name),
        zone=topology.zone(name),
        dependants=len(topology.dependants(name, MOST_NODES)),
        hops=hops,
    )
