"""What the topology says of which alerts are one incident."""

import pytest

from operators.triage import Triage, TriageSettings
from schema import Anomaly, Edge, TopologyChange, TopologyMap, Transition
from tests.operators.edges import at, closed, edge, resource

SHOP = TopologyMap(
    edges=(
        Edge("web", "cart"),
        Edge("cart", "db"),
        Edge("web", "search"),
        Edge("pod", "node", "runs_on"),
        Edge("far", "away"),
        *(Edge(f"user-{i}", "hub") for i in range(30)),
        *(Edge(f"app-{i}", "store") for i in range(4)),
    )
)


def told(
    *edges: Anomaly, known: TopologyMap = SHOP, rule: TriageSettings | None = None
) -> list[Transition]:
    triage = Triage(TriageSettings() if rule is None else rule, 1, topology=known)
    return triage.step(closed(0, 60, edges))


def groups(*edges: Anomaly, rule: TriageSettings | None = None) -> list[list[str]]:
    last = {said.incident.id: said.incident for said in told(*edges, rule=rule)}
    live = [one for one in last.values() if one.state != "merged"]
    return sorted(sorted(member.resource.name for member in one.members) for one in live)


def opened(name: str, minute: float = 0, service: str | None = None) -> Anomaly:
    return edge("open", resource(name, service or f"s.{name}"), minute)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["web", "cart"], 1),
        (["cart", "web"], 1),
        (["web", "db"], 1),  # cart raises no alert
        (["pod", "node"], 1),
        (["web", "far"], 2),
        (["cart", "search"], 2),  # one caller, which does not alert
        (["user-0", "user-1"], 2),  # thirty need the hub
        (["app-0", "app-1", "app-2"], 1),  # most that need the store
        (["app-0", "app-1"], 2),
    ],
)
def test_alerts_are_one_incident_where_one_thing_may_have_caused_them(
    names: list[str], wanted: int
) -> None:
    assert len(groups(*(opened(name) for name in names))) == wanted


def test_hops_say_how_many_may_be_silent_in_between() -> None:
    rule = TriageSettings(hops=1)
    assert len(groups(opened("web"), opened("db"), rule=rule)) == 2


def test_alerts_far_apart_in_time_are_two() -> None:
    assert len(groups(opened("db"), opened("cart", 10))) == 1
    assert len(groups(opened("db"), opened("cart", 11))) == 2


def test_the_map_tells_apart_what_the_scope_would_join() -> None:
    assert len(groups(opened("web", 0, "aws.ec2"), opened("far", 0, "aws.ec2"))) == 2
    assert len(groups(opened("web", 0, "aws.ec2"), opened("unknown", 0, "aws.ec2"))) == 1


def test_two_incidents_that_an_alert_belongs_to_are_merged_and_the_older_one_says_so() -> None:
    rule = TriageSettings(hops=1)
    said = told(opened("db"), opened("web", 1), opened("cart", 2), rule=rule)
    assert [(one.event, (one.ts_ms - at(0)) // 60_000) for one in said] == [
        ("opened", 0),
        ("opened", 1),
        ("merged", 2),
        ("updated", 2),
    ]
    older, younger = said[0].incident.id, said[1].incident.id
    merged, updated = said[2].incident, said[3].incident
    assert (merged.id, merged.state, merged.merged_into) == (younger, "merged", older)
    assert (updated.id, updated.merged, updated.member_count) == (older, (younger,), 3)
    assert f"{younger} is part of it" in said[3].reason


def test_an_edge_that_appears_merges_what_it_joins() -> None:
    triage = Triage(TriageSettings(), 1, topology=SHOP)
    triage.step(closed(0, 2, [opened("web"), opened("far")]))
    change = TopologyChange("t-1", at(2), add=(Edge("far", "web"),))
    word = closed(0, 4)
    said = triage.step(type(word)(0, word.until_ms, False, commands=((at(2), change),)))
    assert [one.event for one in said] == ["merged", "updated"]


def test_a_callee_that_most_callers_lost_is_named_even_if_it_is_silent() -> None:
    (said,) = told(*(opened(f"app-{i}") for i in range(4)))
    incident = said.incident
    assert incident.pattern == "shared_dependency"
    assert incident.suspects[0].resource.name == "store"
    assert incident.title == "trouble at store: 4 that need it alert"
    assert incident.hint.startswith("4 of 4 resources known to need store alert")


def test_callers_that_came_later_than_others_do_not_make_what_they_share_the_cause() -> None:
    known = TopologyMap(
        edges=(
            *(Edge(f"user-{i}", "hidden") for i in range(3)),
            *(Edge(f"user-{i}", "queue") for i in range(3)),
            *(Edge("queue", f"part-{i}") for i in range(3)),
        )
    )
    first = [opened(f"part-{i}") for i in range(3)]
    later = [opened(f"user-{i}", 6) for i in range(3)]
    last = told(*first, opened("queue", 3), *later, known=known)[-1].incident
    assert "hidden" not in {suspect.resource.name for suspect in last.suspects}
    alone = told(*later, known=known)[-1].incident
    assert alone.suspects[0].resource.name == "hidden"


def tagged(name: str, minute: float, application: str = "") -> Anomaly:
    says = {"application": application} if application else {}
    return edge("open", resource(name, f"s.{name}", **says), minute)


def test_what_nothing_is_known_of_is_drawn_in_whether_it_comes_first_or_last() -> None:
    storm = [opened("web", 1), opened("cart", 1), opened("db", 2)]
    wanted = [["cart", "db", "unknown", "web"]]
    assert groups(*storm, opened("unknown", 3)) == wanted
    assert groups(opened("unknown", 0), *storm) == wanted
    assert groups(tagged("unknown", 0, "mail"), *storm) == [["cart", "db", "web"], ["unknown"]]
    assert groups(opened("unknown", 0), *storm[:2]) == [["cart", "web"], ["unknown"]]


def test_a_member_without_a_tag_is_of_the_only_application_that_others_name() -> None:
    edges = [tagged("web", 0, "shop"), tagged("cart", 3.5), tagged("other", 7, "shop")]
    assert groups(*edges) == [["cart", "other", "web"]]
    assert groups(edges[0], edges[2]) == [["other"], ["web"]]
