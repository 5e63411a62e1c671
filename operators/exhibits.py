"""Which evidence is kept with which incident: plots of its main members, and what is around it.

Key groups say plots of all that they follow; an incident is kept with those of its first members
and suspects only, whoever came to be one first.
"""

from collections.abc import Iterable, Sequence

from operators.case import Case
from operators.evidence import EvidenceSettings
from operators.ledger import Ledger
from operators.topology import Topology
from schema import Edge, Incident, NearNode, Plot, Shown, Surroundings, Transition

_SPEAKING = {"opened", "updated", "reopened", "split", "resolved"}  # what may have changed it
_ROOTS = 10  # suspects, and members, whose surroundings are looked at
_EDGES = 3  # a node at the most, on the whole

Held = dict[str, list[str]]
"""By incident the keys of the resources that it is kept with plots of."""


def choose(
    plots: Sequence[Plot], ledger: Ledger, held: Held, settings: EvidenceSettings
) -> list[Shown]:
    """Return the plots that an incident is to be kept with; note whose in `held`.

    Memory: `held` has the incidents that triage remembers, of each twice `members` resources.
    """
    out = []
    for plot in plots:
        case = ledger.find(ledger.by_resource.get(plot.resource, ""))
        if case is None or case.revision == 0:  # nobody has been told of it
            continue
        mine = held.setdefault(case.id, [])
        if plot.resource not in mine:
            if len(mine) >= 2 * settings.members or plot.resource not in _main(case, settings):
                continue
            mine.append(plot.resource)
        out.append(Shown(case.id, plot))
    if len(held) > len(ledger.cases):
        for name in [each for each in held if each not in ledger.cases]:
            del held[name]
    return out


def _main(case: Case, settings: EvidenceSettings) -> set[str]:
    """Return the keys of an incident's first members and suspects."""
    suspects = {each.suspect.resource.key for each in case.blamed[: settings.members]}
    members = (case.members[name].resource.key for name in case.suspects)
    return suspects | set(list(dict.fromkeys(members))[: settings.members])


def around(
    said: Iterable[Transition], topology: Topology, settings: EvidenceSettings
) -> list[Shown]:
    """Return what is around the incidents that have just been told of, of each the last word."""
    newest = {each.incident.id: each for each in said if each.event in _SPEAKING}
    if topology.is_empty:
        return []
    return [
        Shown(name, surroundings(each.incident, each.ts_ms, topology, settings))
        for name, each in newest.items()
    ]


def surroundings(
    incident: Incident, now_ms: int, topology: Topology, settings: EvidenceSettings
) -> Surroundings:
    """Return the topology around an incident's suspects and members, the nearest `nodes` of it."""
    suspects = [topology.node(each.resource) for each in incident.suspects[:_ROOTS]]
    members = [topology.node(each.resource) for each in incident.members[:_ROOTS]]
    roots = list(dict.fromkeys((*suspects, *members)))
    hops: dict[str, int] = {}
    for root in roots:
        for name, far in topology.within(root, settings.hops).items():
            hops[name] = min(far, hops.get(name, far))
    near = sorted((far, name) for name, far in hops.items() if name not in roots)
    nodes = [*((0, name) for name in roots), *near]
    shown = nodes[: settings.nodes]
    names = {name for _, name in shown}
    return Surroundings(
        now_ms,
        tuple(
            NearNode(
                name,
                topology.type_of(name),
                "suspect" if name in suspects else "member" if name in members else "neighbour",
                far,
            )
            for far, name in shown
        ),
        tuple(_among(names, topology)[: _EDGES * settings.nodes]),
        len(nodes) - len(shown),
    )


def _among(names: set[str], topology: Topology) -> list[Edge]:
    """Return the edges of which both ends are among the nodes."""
    return [
        Edge(name, target, type_)
        for name in sorted(names)
        for target in topology.needs(name)
        if target in names
        for type_ in topology.types(name, target)
    ]
