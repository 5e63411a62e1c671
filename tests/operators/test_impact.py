"""Who is hit beside an incident's own resources, and how that makes it worse."""

import msgspec

from operators.triage import Triage, TriageSettings
from schema import Edge, Impact, Seen, TopologyChange, TopologyMap, Transition
from tests.operators.edges import at, closed, edge, resource

DB = resource("db", "aws.rds", tier="2", users="100")
CHAIN = TopologyMap(
    edges=(Edge("web", "cart"), Edge("cart", "db"), Edge("app", "cart"), Edge("db", "disk"))
)
WEB = Seen(1, (), ("web",), (("tier", "1"), ("users", "250000")))
ODD = Seen(2, (), ("app",), (("tier", "1"), ("users", "many")))


def said(known: TopologyMap, *shown: Seen, until: float = 1) -> list[Transition]:
    triage = Triage(TriageSettings(), 1, None, known)
    word = closed(0, until, [edge("open", DB, 0)])
    return triage.step(msgspec.structs.replace(word, seen=tuple((at(0), seen) for seen in shown)))


def test_an_incident_hits_what_needs_its_members_nearest_first() -> None:
    (opened,) = said(CHAIN, WEB, ODD)
    assert opened.incident.impact == Impact(3, ("cart", "app", "web"), ("1", "2"), 250_000)


def test_what_is_on_no_map_hits_nobody_and_keeps_its_own_tier_and_users() -> None:
    (opened,) = said(TopologyMap())
    assert opened.incident.impact == Impact(0, (), ("2",), 100)


def test_users_that_are_no_number_are_passed_over() -> None:
    (opened,) = said(CHAIN, ODD)
    assert opened.incident.impact.users == 100


def test_dependants_and_users_make_it_worse_and_are_among_the_reasons() -> None:
    (alone,), (needed,) = said(TopologyMap()), said(CHAIN, WEB)
    assert needed.incident.severity > alone.incident.severity
    assert {"tier 1 depends on it (+1)", "250,000 users (+2)"} <= set(needed.incident.reasons)
    many = TopologyMap(edges=tuple(Edge(f"web-{i}", "db") for i in range(600)))
    (storm,) = said(many)
    assert "600 depend on it (+3)" in storm.incident.reasons
    assert len(storm.incident.impact.names) == 20


def test_a_member_that_joins_is_no_dependant_any_more() -> None:
    triage = Triage(TriageSettings(), 1, None, CHAIN)
    cart = resource("cart", "aws.rds")
    triage.step(closed(0, 1, [edge("open", DB, 0)]))
    (updated,) = triage.step(closed(0, 30, [edge("open", cart, 6)]))
    assert updated.incident.impact.names == ("app", "web")


def test_a_change_of_the_topology_counts_from_the_next_judgement_on() -> None:
    change = TopologyChange("1", at(3), (Edge("mobile", "db"),))
    for restart in (False, True):
        triage = Triage(TriageSettings(), 1, None, CHAIN)
        triage.step(closed(0, 1, [edge("open", DB, 0)]))
        word = closed(0, 30, [edge("open", resource("b", "aws.rds"), 6)])
        if restart:
            triage = Triage(TriageSettings(), 1, triage.snapshot(), CHAIN)
        (updated,) = triage.step(msgspec.structs.replace(word, commands=((at(3), change),)))
        assert updated.incident.impact.dependants == 4


def test_of_a_thing_that_thousands_need_at_least_a_thousand_are_counted() -> None:
    (opened,) = said(TopologyMap(edges=tuple(Edge(f"n{i:04}", "db") for i in range(1_500))))
    assert opened.incident.impact.dependants == 1_000
    assert any("at least 1000 depend on it" in text for text in opened.incident.reasons)
