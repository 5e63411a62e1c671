"""What attributes and service graphs show of the topology."""

import pytest

from operators.seen_edges import calls, places
from schema import Edge, Resource, Seen, Series, stable_id

POD = {"pod": "cart-1", "node": "node-1"}


def resource(name: str, service: str, uid: str = "", **known: str) -> Resource:
    attributes = tuple(sorted((key.replace("__", "."), value) for key, value in known.items()))
    return Resource("aws", service, "1", "eu-west-1", name, attributes, uid)


@pytest.mark.parametrize(
    ("of", "edges"),
    [
        (
            resource("cart-1", "k8s.pod", "u1", zone="eu-west-1a", **POD),
            {"cart-1 runs_on node-1", "cart-1 in_zone eu-west-1a"},
        ),
        (resource("node-1", "k8s.node", zone="a", node="node-1"), {"node-1 in_zone a"}),
        (
            resource("app", "k8s.container", "pod=u1,container=app", service__name="cart", **POD),
            {
                "pod=u1,container=app runs_on cart-1",
                "cart runs_on cart-1",
                "cart-1 runs_on node-1",
            },
        ),
        (
            resource("cart", "app.service", service__name="cart", host="cart-1", **POD),
            {"cart runs_on cart-1", "cart-1 runs_on node-1"},
        ),
        (resource("cart", "app.service", host="vm-1"), {"cart runs_on vm-1"}),
        (resource("db.internal", "app.mysql", host="agent-1"), set()),
        (resource("cart", "k8s.workload", **POD), set()),
        (resource("i-1", "aws.ec2", load_balancer="lb", host="i-1"), {"lb calls i-1"}),
        (resource("mail", "aws.lambda", queue="outbox"), {"mail calls outbox"}),
        (resource("mail", "aws.lambda", zone="eu-west-1"), set()),
        (resource("mail", "aws.lambda", queue="mail", zone=""), set()),
    ],
)
def test_attributes_say_where_a_resource_runs_and_lies(of: Resource, edges: set[str]) -> None:
    found = places(of)
    assert found.owner == stable_id(of.key)
    assert {f"{edge.source} {edge.type} {edge.target}" for edge in found.edges} == edges
    assert found.edges == tuple(sorted(found.edges))


def test_tier_and_users_are_told_under_every_name_of_a_resource() -> None:
    db = resource("db", "aws.rds", "arn:db", tier="1", users="1200", team="data")
    found = places(db)
    assert found.told == (("tier", "1"), ("users", "1200"))
    assert found.names == ("db", "arn:db", db.key)
    assert places(resource("db", "aws.rds", team="data")).names == ()


@pytest.mark.parametrize(
    ("metric", "labels", "edge"),
    [
        ("traces_service_graph_request_total", {"client": "a", "server": "b"}, Edge("a", "b")),
        ("traces_service_graph_request_server", {"client": "a", "server": "b"}, Edge("a", "b")),
        ("traces_service_graph_request_total", {"client": "a", "server": "a"}, None),
        ("traces_service_graph_request_total", {"client": "a", "server": ""}, None),
        ("request.rate", {"client": "a", "server": "b"}, None),
    ],
)
def test_a_service_graph_says_who_calls_whom(
    metric: str, labels: dict[str, str], edge: Edge | None
) -> None:
    series = Series(resource("tempo", "app.tempo"), metric, "", tuple(labels.items()))
    assert calls(series) == (None if edge is None else Seen(0, (edge,)))
