"""The fleet."""

import pytest

from connectors.simulator.fleet import build_fleet
from connectors.simulator.topology import topology_of


@pytest.mark.parametrize("resources", [3, 4, 47, 48, 1000])
def test_has_exactly_as_many_resources_as_asked_for(resources: int) -> None:
    fleet = build_fleet(resources)
    assert len(fleet.nodes) == resources
    assert len({node.name for node in fleet.nodes}) == resources
    assert len({node.title for node in fleet.nodes}) == resources
    assert {node.cloud for node in fleet.nodes} == {"aws", "azure", "gcp"}


def test_the_edge_calls_the_applications_which_call_the_database() -> None:
    fleet = build_fleet(48)
    balancer, web, database = (
        fleet.find(name) for name in ("checkout-lb", "checkout-web-1", "checkout-db")
    )
    assert balancer is not None
    assert web is not None
    assert database is not None
    assert web in fleet.callees[balancer]
    assert fleet.callees[web] == (database,)
    assert web in fleet.callers[database]
    assert fleet.callers[balancer] == ()


def test_an_application_spreads_over_several_zones() -> None:
    zones = {node.zone for node in build_fleet(48).nodes if node.title.startswith("checkout")}
    assert len(zones - {""}) >= 2


def test_topology_names_every_resource_and_its_zone() -> None:
    fleet = build_fleet(48)
    document = topology_of(fleet)
    nodes, edges = document["nodes"], document["edges"]
    assert isinstance(nodes, list)
    assert isinstance(edges, list)
    assert {node.name for node in fleet.nodes} <= set(nodes)
    assert {edge["caller"] for edge in edges} | {edge["callee"] for edge in edges} <= set(nodes)
    placed = {edge["caller"]: edge["callee"] for edge in edges if edge.get("type") == "in_zone"}
    assert placed == {node.name: node.zone for node in fleet.nodes if node.zone}
