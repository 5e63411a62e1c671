"""The graph: what it answers, and that neither order nor history but what is in force decides."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators import sightings
from operators.topology import Topology, TopologyState
from schema import Edge, Resource, Seen, TopologyChange, TopologyMap

SHOP = [
    Edge("web", "cart"),
    Edge("web", "search"),
    Edge("cart", "db"),
    Edge("search", "db"),
    Edge("cart", "node-1", "runs_on"),
    Edge("search", "node-2", "runs_on"),
    Edge("node-1", "zone-a", "in_zone"),
    Edge("node-2", "zone-a", "in_zone"),
    Edge("db", "zone-b", "in_zone"),
]
shop = Topology.load(("batch",), {"db": "aws.rds", "client": "client"}, SHOP)

names = st.sampled_from("abcdef")
edges = st.builds(Edge, names, names, st.sampled_from(["calls", "runs_on", "in_zone"]))
some_edges = st.lists(edges, max_size=12)
shown = st.builds(Seen, st.integers(0, 3), st.lists(edges, max_size=3).map(tuple), st.just(("a",)))
changes = st.builds(
    TopologyChange,
    st.just("1"),
    st.just(0),
    some_edges.map(tuple),
    some_edges.map(tuple),
    st.lists(st.tuples(names, st.sampled_from(["", "aws.rds"])), max_size=2).map(tuple),
)


def calls(*found: Edge) -> list[Seen]:
    return [Seen(0, (edge,)) for edge in found]


def answers(topology: Topology) -> object:
    """Return all that can be asked."""
    return [
        topology.edges(),
        topology.nodes(),
        [
            (
                topology.type_of(name),
                topology.callees(name),
                topology.callers(name),
                topology.hosts(name),
                topology.hosted(name),
                topology.zone(name),
                topology.needs(name),
                topology.needed_by(name),
                topology.within(name, 2),
                topology.within(name, 2, through_zones=True),
                topology.dependants(name),
            )
            for name in "abcdef"
        ],
    ]


def test_tells_the_neighbours_by_type_and_direction() -> None:
    assert shop.callees("web") == ("cart", "search")
    assert shop.callers("db") == ("cart", "search")
    assert shop.hosts("cart") == ("node-1",)
    assert shop.hosted("node-1") == ("cart",)
    assert shop.needs("cart") == ("db", "node-1")
    assert shop.needed_by("node-1") == ("cart",)
    assert shop.type_of("db") == "aws.rds"


def test_knows_declared_nodes_ends_of_edges_and_typed_names_only() -> None:
    assert all(shop.knows(name) for name in ("batch", "client", "web", "zone-b"))
    assert not shop.knows("nowhere")
    assert shop.nodes() == (
        "batch", "cart", "client", "db", "node-1", "node-2", "search", "web", "zone-a", "zone-b",
    )  # fmt: skip


def test_answers_nothing_of_a_name_that_is_on_no_map() -> None:
    assert shop.needs("nowhere") == shop.needed_by("nowhere") == shop.callees("nowhere") == ()
    assert shop.dependants("nowhere") == []
    assert shop.within("nowhere", 3) == {}
    assert shop.zone("nowhere") == shop.type_of("nowhere") == ""


def test_a_zone_is_that_of_the_node_itself_or_else_of_what_it_runs_on() -> None:
    assert shop.zone("db") == "zone-b"
    assert shop.zone("cart") == "zone-a"
    assert shop.zone("web") == ""


def test_reaches_in_every_direction_but_not_from_one_to_another_through_their_zone() -> None:
    assert shop.within("web", 1) == {"cart": 1, "search": 1}
    assert shop.within("node-1", 2) == {"cart": 1, "zone-a": 1, "db": 2, "web": 2}
    assert shop.within("node-1", 2, through_zones=True)["node-2"] == 2
    assert shop.within("zone-a", 1) == {"node-1": 1, "node-2": 1}


def test_dependants_come_nearest_first_and_as_many_as_asked_for() -> None:
    assert shop.dependants("db") == ["cart", "search", "web"]
    assert shop.dependants("zone-a") == ["node-1", "node-2", "cart", "search", "web"]
    assert shop.dependants("zone-a", 3) == ["node-1", "node-2", "cart"]
    assert shop.dependants_of(["db", "cart"]) == ["search", "web"]


def test_a_resource_is_the_node_of_its_key_or_uid_before_that_of_its_name() -> None:
    db = Resource("aws", "aws.rds", "1", "eu", "db", uid="arn:db")
    assert shop.node(db) == "db"
    assert Topology.load(("arn:db",)).node(db) == "arn:db"
    assert Topology.load((db.key, "arn:db")).node(db) == db.key
    assert Topology().node(db) == "db"


def test_a_change_adds_and_removes_edges_and_types() -> None:
    topology = Topology.load((), {"db": "aws.rds"}, SHOP)
    assert topology.change(
        TopologyChange("1", 0, (Edge("web", "cache"),), (SHOP[0],), (("cache", "aws.redis"),))
    )
    assert topology.callees("web") == ("cache", "search")
    assert topology.type_of("cache") == "aws.redis"
    assert topology.change(TopologyChange("2", 0, (SHOP[0],), (Edge("web", "cache"),)))
    assert topology.callees("web") == ("cart", "search")


def test_a_change_to_what_is_so_already_changes_nothing() -> None:
    topology = Topology.load((), {"db": "aws.rds"}, SHOP)
    idle = TopologyChange("1", 0, (SHOP[0],), (Edge("cart", "web"),), (("db", "aws.rds"),))
    before = topology.state()
    assert not topology.change(idle)
    assert topology.state() == before


def test_an_edge_seen_in_the_data_gives_way_to_the_map_for_its_pair() -> None:
    topology = Topology.load((), (), [Edge("a", "b", "runs_on")])
    topology.see(calls(Edge("a", "b"), Edge("a", "c")))
    assert topology.callees("a") == ("c",)
    topology.change(TopologyChange("1", 0, (), (Edge("a", "b", "runs_on"),)))
    assert topology.callees("a") == ("b", "c")


def test_a_resource_is_where_it_was_last_seen_and_calls_all_that_it_ever_did() -> None:
    topology = Topology()
    topology.see([Seen(1, (Edge("pod", "n1", "runs_on"),)), *calls(Edge("pod", "db"))])
    topology.see([Seen(1, (Edge("pod", "n2", "runs_on"),)), *calls(Edge("pod", "cache"))])
    assert topology.hosts("pod") == ("n2",)
    assert topology.callees("pod") == ("cache", "db")
    assert not topology.see([Seen(1, (Edge("pod", "n2", "runs_on"),)), *calls(Edge("pod", "db"))])


def test_resources_of_one_name_have_the_places_of_all_of_them() -> None:
    topology = Topology()
    topology.see([Seen(owner, (Edge("cart", f"n{owner}", "runs_on"),)) for owner in (1, 2)])
    topology.see([Seen(2, (Edge("cart", "n3", "runs_on"),))])
    assert topology.hosts("cart") == ("n1", "n3")
    topology.see([Seen(1, (Edge("cart", "n3", "runs_on"),))])
    topology.see([Seen(2, ())])
    assert topology.hosts("cart") == ("n3",)


def test_what_resources_say_of_themselves_is_found_by_every_name_of_theirs() -> None:
    topology = Topology()
    topology.see([Seen(1, (), ("db", "arn:db"), (("tier", "1"),))])
    topology.see([Seen(2, (), ("db",), (("tier", "2"), ("users", "7")))])
    assert topology.told("db", "tier") == {"1", "2"}
    assert topology.told("arn:db", "tier") == {"1"}
    assert topology.told("db", "users") == {"7"}
    before = topology.revision
    assert topology.see([Seen(1, ())])
    assert topology.revision > before
    assert topology.told("db", "tier") == {"2"}
    assert topology.told("arn:db", "tier") == set()


def test_answers_hold_over_a_restart_unless_the_map_is_another() -> None:
    topology = Topology(TopologyMap(("a",)))
    topology.see(calls(Edge("a", "b")))
    kept = topology.state()
    assert Topology.of(kept, TopologyMap(("a",))).revision == topology.revision
    assert Topology.of(kept, TopologyMap(("b",))).revision > topology.revision


def test_what_was_removed_stays_removed_however_often_it_is_seen() -> None:
    topology = Topology()
    topology.see(calls(Edge("a", "b")))
    topology.change(TopologyChange("1", 0, (), (Edge("a", "b"),)))
    topology.see(calls(Edge("a", "b"), Edge("a", "c")))
    again = Topology.of(topology.state())
    again.see(calls(Edge("a", "b")))
    assert topology.callees("a") == again.callees("a") == ("c",)


def test_what_is_seen_is_bounded_and_the_first_seen_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sightings, "MAX_LASTING", 2)
    monkeypatch.setattr(sightings, "MAX_OWNERS", 2)
    topology = Topology()
    topology.see(calls(Edge("z", "z1")))
    topology.see(calls(Edge("a", "a1"), Edge("b", "b1")))
    assert topology.edges() == (Edge("a", "a1"), Edge("b", "b1"))
    topology.see([Seen(owner, (Edge(f"p{owner}", "n", "runs_on"),)) for owner in (1, 2, 3)])
    assert topology.hosted("n") == ("p2", "p3")


@given(st.lists(names), some_edges, st.randoms())
def test_the_order_of_loading_is_irrelevant(
    nodes: list[str], of: list[Edge], chance: object
) -> None:
    one = Topology.load(nodes, {"a": "x", "b": "y"}, of)
    other = Topology.load(nodes[::-1], {"b": "y", "a": "x"}, of[::-1] + of)
    assert answers(one) == answers(other)


@given(some_edges, some_edges, edges)
def test_a_change_and_its_inverse_leave_all_as_it_was(
    of: list[Edge], seen: list[Edge], edge: Edge
) -> None:
    topology = Topology.load((), (), of)
    topology.see(calls(*seen))
    before = answers(topology)
    there = edge in topology.edges()
    add, remove = TopologyChange("1", 0, (edge,)), TopologyChange("2", 0, (), (edge,))
    for change in (remove, add) if there else (add, remove):
        topology.change(change)
        answers(topology)
    assert answers(topology) == before


@given(some_edges)
def test_dependants_and_neighbours_never_hold_the_node_itself(of: list[Edge]) -> None:
    topology = Topology.load((), (), of)
    for name in "abcdef":
        assert name not in topology.dependants(name)
        assert name not in topology.within(name, 4, through_zones=True)


@given(some_edges)
def test_needs_and_needed_by_are_two_views_of_one_graph(of: list[Edge]) -> None:
    topology = Topology.load((), (), of)
    for a in "abcdef":
        for b in topology.needs(a):
            assert a in topology.needed_by(b)
            assert a in topology.dependants(b)
            assert topology.within(a, 1)[b] == topology.within(b, 1)[a] == 1


@given(some_edges, st.lists(st.one_of(changes, st.lists(shown, max_size=3)), max_size=6))
def test_goes_on_from_a_snapshot_as_if_there_had_been_none(
    of: list[Edge], steps: list[TopologyChange | list[Seen]]
) -> None:
    known = TopologyMap(("a",), (("b", "x"),), tuple(of))
    topology = other = Topology(known)
    for step in steps:
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(other.state()), type=TopologyState)
        other = Topology.of(state, known)
        for each in (topology, other):
            each.change(step) if isinstance(step, TopologyChange) else each.see(step)
    assert answers(topology) == answers(other)
    assert topology.state() == other.state()
