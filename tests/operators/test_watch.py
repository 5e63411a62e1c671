"""Suspects are judged anew where an effect may concern them, and nobody can tell the difference."""

from collections.abc import Iterable

import pytest

from operators.case import Case
from operators.topology import Topology
from operators.triage import Triage, TriageSettings
from operators.watch import Watch
from schema import Act, Action, Closed, Edge, Effect, Resource, TopologyChange, Transition
from tests.operators.edges import at, edge, resource
from tests.storms.faults import MINUTE_MS, START_MS, Storm, edges_of
from tests.storms.story import cascades, two_faults

LAST = 60


def effect(of: Resource, tick_ms: int, strength: float = 2.0) -> Effect:
    value = 100.0 + 10.0 * strength
    band = (value, 100.0, 90.0, 110.0, strength)
    onset_ms = tick_ms - MINUTE_MS
    return Effect(tick_ms, of, "latency", (), "ms", "delay", False, *band, onset_ms, None)


def words(storm: Storm, *acts: Act) -> list[Closed]:
    """Return a storm with what is off in it: all that alert, from a minute before to the end."""
    held = storm.estate.resources
    edges = [one for each in storm.alerts for one in edges_of(each, held[each.name])]
    found: list[Closed] = []
    for minute in range(LAST):
        tick_ms = START_MS + minute * MINUTE_MS
        off = tuple(
            effect(held[each.name], tick_ms, 1.0 + 5.0 * each.strength)
            for each in storm.alerts
            if each.opens - 1 <= minute < each.closes
        )
        now = tuple(one for one in edges if one.tick_ms == tick_ms)
        asked = tuple((tick_ms, act) for act in acts if act.effective_ms == tick_ms)
        until_ms = tick_ms + MINUTE_MS
        found.append(Closed(0, until_ms, False, now, commands=asked, effects=off))
    return found


def run(storm: Storm, told: Iterable[Closed], *, stopping: bool = False) -> list[Transition]:
    """Return what triage says, which goes on from its snapshot before each word if `stopping`."""
    triage = Triage(TriageSettings(), 1, topology=storm.estate.known)
    said: list[Transition] = []
    for word in told:
        if stopping:
            triage = Triage(TriageSettings(), 1, triage.snapshot(), storm.estate.known)
        said += triage.step(word)
    return said


@pytest.mark.parametrize("storm", [cascades(1), two_faults(4)])
def test_judging_whom_effects_concern_says_what_judging_everybody_says(
    storm: Storm, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = run(storm, words(storm))
    monkeypatch.setattr(Watch, "concerned", lambda watch, _: set(watch.ids()))
    assert run(storm, words(storm)) == said


@pytest.mark.parametrize("actions", [("resolve", "reopen"), ("ack", "note")])
def test_a_resumed_triage_judges_whom_an_unbroken_one_judges(actions: tuple[Action, ...]) -> None:
    storm = two_faults(4)
    opened = next(one.incident for one in run(storm, words(storm)) if one.event == "opened")
    acts = [
        Act(f"r-{i}", opened.id, action, opened.opened_ms + 3 * i * MINUTE_MS, "ann", "why")
        for i, action in enumerate(actions, 1)
    ]
    told = words(storm, *acts)
    assert run(storm, told, stopping=True) == run(storm, told)


def test_a_change_of_the_map_is_judged_at_the_next_effects_whoever_has_resumed_between() -> None:
    db, app, far = resource("db", "aws.rds"), resource("app", "aws.ecs"), resource("far", "aws.s3")
    change = TopologyChange("r-1", at(1), add=(Edge("app", "db"),))
    told = [
        Closed(0, at(1), False, (edge("open", app, 0),)),
        Closed(0, at(2), False, commands=((at(1), change),)),
        Closed(0, at(3), False, effects=(effect(far, at(2)),)),
        Closed(0, at(4), False, effects=(effect(db, at(3)),)),
        Closed(0, at(9), False, (edge("update", app, 8),)),
    ]
    settings = TriageSettings()
    unbroken, resumed = Triage(settings, 1), Triage(settings, 1)
    for word in told:
        resumed = Triage(settings, 1, resumed.snapshot())
        assert resumed.step(word) == unbroken.step(word)
        assert resumed.snapshot() == unbroken.snapshot()


def watched(topology: Topology, *members: Resource) -> Watch:
    case = Case.of("inc-1", edge("open", members[0], 0))
    for member in members:
        case.open(edge("open", member, 0))
    case.suspects = list(case.members)
    watch = Watch(topology)
    watch.put(case)
    return watch


def test_an_effect_concerns_the_incidents_of_its_part_of_the_map() -> None:
    edges = [Edge("front", "cart"), Edge("cart", "db"), Edge("batch", "lake")]
    edges += [Edge(name, "zone-a", "in_zone") for name in ("cart", "lake")]
    watch = watched(Topology.load(edges=edges), resource("cart", "aws.ecs"))
    near = (resource("front", "aws.elb"), resource("db", "aws.rds"))
    assert all(watch.concerned([effect(each, 0)]) == {"inc-1"} for each in near)
    assert watch.concerned([effect(resource("lake", "aws.s3"), 0)]) == set()


def test_off_the_map_an_effect_concerns_what_shares_its_scope_or_a_link() -> None:
    watch = watched(Topology.load(), resource("a", "aws.rds", application="shop"))
    assert watch.concerned([effect(resource("b", "aws.rds"), 0)]) == {"inc-1"}
    assert watch.concerned([effect(resource("b", "aws.ecs", application="shop"), 0)]) == {"inc-1"}
    assert watch.concerned([effect(resource("b", "aws.ecs", application="mail"), 0)]) == set()
    watch.drop("inc-1")
    assert watch.concerned([effect(resource("a", "aws.rds"), 0)]) == set()
