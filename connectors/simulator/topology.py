"""The fleet as a topology document: who calls whom, and what stands in which zone."""

import yaml

from connectors.simulator.fleet import Fleet


def topology_of(fleet: Fleet) -> dict[str, object]:
    """Return nodes, their types and edges as `topology.yaml` wants them; zones are nodes too."""
    zones = sorted({node.zone for node in fleet.nodes if node.zone})
    edges = [
        {"caller": fleet.nodes[caller].name, "callee": fleet.nodes[callee].name}
        for caller, callees in enumerate(fleet.callees)
        for callee in callees
    ]
    edges += [
        {"caller": node.name, "callee": node.zone, "type": "in_zone"}
        for node in fleet.nodes
        if node.zone
    ]
    types = {node.name: node.vendor.service for node in fleet.nodes}
    return {
        "nodes": [node.name for node in fleet.nodes] + zones,
        "node_types": types | dict.fromkeys(zones, "zone"),
        "edges": edges,
    }


def topology_yaml(fleet: Fleet) -> str:
    """Return the document as YAML."""
    return yaml.safe_dump(topology_of(fleet), sort_keys=False, width=200)
