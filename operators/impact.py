"""Who is hit beside an incident's own resources: what needs them, by the topology."""

import math
from collections.abc import Iterable

from operators.case import Case
from operators.scope import attribute
from operators.severity import MAX_DEPENDANTS
from operators.topology import Topology
from schema import Impact

MAX_NAMES = 20


def judge_impact(case: Case, topology: Topology) -> None:
    """Find out whom the episode hits, where members have joined or the topology has changed.

    Cost: a pass over the members, and over the part of the topology that needs them, as far as
    `MAX_DEPENDANTS`: who has so many has at least so many.
    """
    now = (case.episode_ms, case.resources, topology.revision)
    if case.impact_of == now:
        return
    case.impact_of = now
    records = case.members.values()
    members = [record.resource for record in records if record.opened_ms >= case.episode_ms]
    nodes = {topology.node(member) for member in members}
    hit = topology.dependants_of(sorted(nodes), MAX_DEPENDANTS)
    case.needing = _told(topology, "tier", hit, set())
    own = {attribute(member, "tier") for member in members}
    tiers = _told(topology, "tier", nodes, own.union(case.needing))
    users = {attribute(member, "users") for member in members}
    counts = map(_count, _told(topology, "users", (*nodes, *hit), users))
    most = max((count for count in counts if count is not None), default=None)
    case.impact = Impact(len(hit), tuple(hit[:MAX_NAMES]), tiers, most)


def _told(topology: Topology, name: str, nodes: Iterable[str], also: set[str]) -> tuple[str, ...]:
    """Return what the nodes' resources say of themselves by an attribute, and `also`; sorted."""
    found = also.union(*(topology.told(node, name) for node in topology.telling() & set(nodes)))
    return tuple(sorted(found - {""}))


def _count(text: str) -> int | None:
    """Return a number of users; None where the attribute is something else."""
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if math.isfinite(number) and number >= 0 else None
