from collections.abc import Iterable

import msgspec
import pytest

from operators.suspects import SuspectSettings
from operators.triage import Triage, TriageSettings
from schema import Closed, Edge, Effect, Felt, Incident, TopologyMap
from tests.operators.edges import LATENCY, at, edge, resource

CALLS = TopologyMap(edges=(Edge("web", "cart"), Edge("cart", "db"), Edge("db", "node", "runs_on")))


def effect(
    name: str,
    minute: float,
    excess: float = 100.0,
    requests: float | None = 1_000.0,
    *,
    metric: str = "latency",
    felt: Felt = "delay",
    strength: float = 8.0,
    unit: str = "ms",
) -> Effect:
    bounds = (100.0 + excess, 100.0, 90.0, 110.0)
    return Effect(
        at(minute), resource(name), metric, (), unit, felt, False, *bounds, strength,
        at(minute), requests,
    )  # fmt: skip


def told(
    effects: Iterable[Effect],
    *,
    topology: TopologyMap = CALLS,
    front: str = "web",
    minute: float = 30,
    until: float = 31,
    settings: TriageSettings | None = None,
) -> list[Incident]:
    """Return what an alert of the front door's latency comes to, revision by revision."""
    triage = Triage(settings or TriageSettings(), 1, topology=topology)
    alert = edge("open", resource(front), minute, onset=minute, proof=LATENCY)
    word = Closed(0, at(until), False, (alert,), effects=tuple(effects))
    return [said.incident for said in triage.step(word)]


def names(incident: Incident) -> list[str]:
    return [suspect.resource.name for suspect in incident.suspects]


def test_what_the_alert_can_reach_is_suspected_whether_or_not_it_alerts() -> None:
    effects = [effect("web", 30, 500), effect("cart", 30, 480), effect("db", 30, 470, 1_000)]
    (incident,) = told(effects)
    assert names(incident)[0] == "db"
    assert incident.title == "latency of db rose to 570 ms (+1 resource)"
    assert incident.suspects[0].why == (
        "`latency` of `db` rose at 12:30 UTC; normal 90-110 ms, was 570 ms"
    )
    assert sum(suspect.score for suspect in incident.suspects) == pytest.approx(1, abs=1e-3)


def test_what_lies_elsewhere_is_no_suspect_and_who_calls_comes_after() -> None:
    stranger = TopologyMap(edges=(*CALLS.edges, Edge("mail", "smtp"), Edge("client", "web")))
    effects = [effect(n, 30, 900) for n in ("web", "mail", "smtp", "client")]
    (incident,) = told(effects, topology=stranger)
    assert names(incident) == ["web", "client"]
    assert incident.impact.suffering == ("client",)


def test_the_cause_is_found_behind_a_caller_that_suffers() -> None:
    other = TopologyMap(edges=(*CALLS.edges, Edge("web", "mail"), Edge("shop", "web")))
    effects = [effect("db", 30, 20), effect("web", 30, 900), effect("mail", 30, 890)]
    (incident,) = told([*effects, effect("shop", 30, 900)], topology=other, front="db")
    assert names(incident) == ["db"]  # nobody who calls it directly is off
    effects.append(effect("cart", 30, 30))
    (incident,) = told([*effects, effect("shop", 30, 900)], topology=other, front="db")
    assert names(incident)[0] == "mail"
    assert incident.impact.suffering == ("cart", "web", "shop")


def test_what_began_before_the_alert_counts() -> None:
    effects = [effect("db", minute, 470) for minute in (25, 26, 27)]
    (incident,) = told([*effects, effect("web", 30, 500)])
    assert names(incident)[0] == "db"


def test_suspects_are_judged_anew_as_the_fault_shows() -> None:
    effects = [effect("web", 30, 500), *(effect("db", 36 + i, 450_000) for i in range(3))]
    said = told(effects, until=40)
    assert [names(incident)[0] for incident in said] == ["web", "db"]


def test_a_host_that_is_full_is_suspected_of_what_runs_on_it() -> None:
    memory = effect(
        "node", 29, 60, None, metric="memory.utilization", felt="", strength=30, unit="percent"
    )
    slow = [effect("web", 30, 50), effect("cart", 30, 49), effect("db", 30, 48)]
    (incident,) = told([memory, *slow])
    assert names(incident)[:2] == ["node", "db"]


def test_a_climb_is_told_with_its_pace() -> None:
    climb = [
        effect("node", 20 + i, i * 2.0, None, metric="memory.utilization", felt="",
               strength=3 + i, unit="percent")
        for i in range(8)
    ]  # fmt: skip
    (incident,) = told([*climb, effect("web", 30, 1, 1)], front="db")
    assert incident.suspects[0].why.startswith(
        "`memory.utilization` of `node` climbs 2 %/min since 12:27 UTC, before every other"
    )


def test_without_a_map_the_scope_is_looked_through() -> None:
    (incident,) = told([effect("web", 30, 50), effect("db", 28, 900)], topology=TopologyMap())
    assert names(incident)[0] == "db"


def test_without_effects_members_are_the_suspects() -> None:
    (incident,) = told([])
    assert names(incident) == ["web"]
    assert incident.suspects[0].score == 1.0


def test_no_more_suspects_are_shown_than_wanted() -> None:
    star = TopologyMap(edges=tuple(Edge("web", f"s{i}") for i in range(30)))
    few = TriageSettings(suspects=SuspectSettings(most=3))
    (incident,) = told([effect(f"s{i}", 30) for i in range(30)], topology=star, settings=few)
    assert len(incident.suspects) == 3


def test_a_resumed_triage_knows_the_past() -> None:
    past = Closed(0, at(30), False, (), effects=(effect("db", 29, 470),))
    alert = edge("open", resource("web"), 30, onset=30, proof=LATENCY)
    triage = Triage(TriageSettings(), 1, topology=CALLS)
    assert triage.step(past) == []
    again = Triage(TriageSettings(), 1, triage.snapshot(), CALLS)
    word = Closed(0, at(31), False, (alert,))
    (said,) = again.step(word)
    assert [said] == triage.step(word)
    assert names(said.incident)[0] == "db"


def test_effects_are_forgotten_as_they_get_old_or_too_many() -> None:
    small = TriageSettings(suspects=SuspectSettings(points=1_000))
    triage = Triage(small, 1)
    sizes = []
    for minute in range(0, 400, 10):
        many = tuple(effect(f"s{i}", minute + j) for j in range(10) for i in range(30))
        triage.step(Closed(0, at(minute + 10), False, (), effects=many))
        sizes.append(len(triage.snapshot()))
    assert max(sizes[10:]) < 3 * sizes[2]


@pytest.mark.parametrize("given", [b"most: 0", b"points: 1", b"lead_s: 7200.0", b"margin: 0.5"])
def test_refuses_settings_that_make_no_sense(given: bytes) -> None:
    with pytest.raises(msgspec.ValidationError, match="must be"):
        msgspec.yaml.decode(given, type=SuspectSettings)
