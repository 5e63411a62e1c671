"""An incident is kept with plots of its main members, and what lies around them, in bounds."""

import msgspec
import pytest

from operators.evidence import EvidenceSettings
from operators.exhibits import surroundings
from operators.topology import NO_MAP, Topology
from operators.triage import Triage
from schema import Edge, Plot, Resource, Shown, Surroundings, TopologyMap, Transition
from tests.connectors.made_evidence import PLOT
from tests.operators.edges import BRISK, at, closed, edge, resource

replace = msgspec.structs.replace
WEB = TopologyMap(edges=(Edge("web-1", "db"), Edge("web-2", "db"), Edge("batch", "db")))


def plot(of: Resource, minute: float, metric: str = "latency") -> Plot:
    return replace(PLOT, resource=of.key, name=of.name, until_ms=at(minute), metric=metric)


def shown(
    names: str, settings: EvidenceSettings, topology: TopologyMap = NO_MAP
) -> tuple[list[Transition], list[Shown]]:
    """Let resources alert one a minute, each with a plot, and all once more at the end."""
    triage = Triage(BRISK, 1, None, topology, settings)
    resources = [resource(name) for name in names.split()]
    edges = [edge("open", each, minute) for minute, each in enumerate(resources)]
    plots = [plot(each, minute) for minute, each in enumerate(resources)]
    plots += [plot(each, 30) for each in resources]
    word = replace(closed(0, 31, edges), plots=tuple(plots))
    return triage.step(word), triage.shown()


def plots_of(said: list[Shown]) -> list[Plot]:
    return [each.what for each in said if isinstance(each.what, Plot)]


def test_the_first_members_are_kept_with_plots_and_the_rest_not() -> None:
    said, kept = shown("a b c d e f", EvidenceSettings(members=2))
    assert {each.incident for each in kept} == {said[0].incident.id}
    assert {each.name for each in plots_of(kept)} == {"a", "b"}
    assert len(plots_of(kept)) == 4


def test_a_storm_has_no_more_than_twice_as_many() -> None:
    triage = Triage(BRISK, 1, None, NO_MAP, EvidenceSettings(members=2))
    seen = set()
    for minute in range(12):  # each is more suspect than those before
        one = resource(f"r{minute}")
        word = closed(0, minute + 1, [edge("open", one, minute, onset=-minute)])
        triage.step(replace(word, plots=(plot(one, minute),)))
        seen |= {each.name for each in plots_of(triage.shown())}
    assert seen == {"r0", "r1", "r2", "r3"}


def test_who_has_no_incident_is_kept_with_nothing() -> None:
    triage = Triage(BRISK, 1, None, NO_MAP, EvidenceSettings())
    triage.step(replace(closed(0, 1), plots=(plot(resource("a"), 0),)))
    assert triage.shown() == []


def test_nothing_is_shown_unasked() -> None:
    triage = Triage(BRISK, 1, None, WEB)
    one = resource("web-1")
    word = replace(closed(0, 1, [edge("open", one, 0)]), plots=(plot(one, 0),))
    assert triage.step(word)
    assert triage.shown() == []


def test_a_restart_knows_whose_plots_are_kept() -> None:
    asked = EvidenceSettings(members=1)
    triage = Triage(BRISK, 1, None, NO_MAP, asked)
    first, second = resource("a"), resource("b")
    opened = closed(0, 1, [edge("open", first, 0)])
    triage.step(replace(opened, plots=(plot(first, 0),)))
    resumed = Triage(BRISK, 1, triage.snapshot(), NO_MAP, asked)
    sooner = closed(0, 3, [edge("open", second, 2, onset=-9)])  # first of the members from now on
    resumed.step(replace(sooner, plots=(plot(first, 2), plot(second, 2))))
    assert [each.name for each in plots_of(resumed.shown())] == ["a", "b"]


def test_the_topology_around_comes_with_the_first_word() -> None:
    (opened, *_), kept = shown("web-1", EvidenceSettings(), WEB)
    around = next(each.what for each in kept if isinstance(each.what, Surroundings))
    assert around.until_ms == opened.ts_ms
    assert [(node.name, node.hops) for node in around.nodes] == [
        ("web-1", 0),
        ("db", 1),
        ("batch", 2),
        ("web-2", 2),
    ]
    assert [node.role for node in around.nodes[1:]] == ["neighbour"] * 3
    assert around.nodes[0].role in ("suspect", "member")
    assert around.edges == (Edge("batch", "db"), Edge("web-1", "db"), Edge("web-2", "db"))
    assert around.more == 0


@pytest.mark.parametrize("most", [3, 50])
def test_what_is_around_is_bounded_nearest_first(most: int) -> None:
    edges = [Edge(f"web-{number:03}", "db") for number in range(200)]
    topology = Topology.load(edges=[*edges, Edge("db", "disk", "runs_on")])
    (opened, *_), _ = shown("db", EvidenceSettings())
    asked = EvidenceSettings(nodes=most)
    around = surroundings(opened.incident, at(0), topology, asked)
    assert len(around.nodes) == most
    assert around.more == 202 - most
    assert around.nodes[0].name == "db"
    assert len(around.edges) <= 3 * most
    names = {node.name for node in around.nodes}
    assert all({each.source, each.target} <= names for each in around.edges)
