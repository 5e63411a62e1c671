import msgspec
import pytest

from operators.patterns import MAX_DEPLOYS, PatternSettings, note_deploy
from operators.triage import Triage, TriageSettings
from schema import Anomaly, Closed, Deploy, Effect, Evidence, Incident, Matcher, Resource
from tests.operators.edges import LATENCY, at, edge, evidence, resource

DB = resource("db")


def deploy(minute: float, of: str = "db", name: str = "d1") -> Deploy:
    return Deploy(name, at(minute), "v7", (Matcher("resource", "=", of),))


def effect(
    of: Resource, minute: float, metric: str, value: float, expected: float, *, load: bool = False
) -> Effect:
    half = expected / 10
    bounds = (value, expected, expected - half, expected + half)
    strength = abs(value - expected) / half
    return Effect(
        at(minute), of, metric, (), "", "", load, *bounds, strength, at(minute), None
    )  # fmt: skip


def incident(
    *alerts: Anomaly, deploys: tuple[Deploy, ...] = (), effects: tuple[Effect, ...] = ()
) -> Incident:
    commands = tuple((each.effective_ms, each) for each in deploys)
    word = Closed(0, at(40), False, alerts, commands=commands, effects=effects)
    return Triage(TriageSettings(), 1).step(word)[-1].incident


def alert(
    of: Resource = DB, *proof: Evidence, kind: str = "metrics", minute: float = 30
) -> Anomaly:
    return edge("open", of, minute, kind=kind, onset=minute, proof=proof or LATENCY)


def test_what_begins_soon_after_a_deploy_of_it_is_a_bad_deploy() -> None:
    found = incident(alert(), deploys=(deploy(20),))
    assert found.pattern == "bad_deploy"
    assert found.hint.endswith("; it began after deploy d1 of v7")


def test_a_deploy_that_the_flow_hears_of_late_counts_from_when_it_was() -> None:
    heard = msgspec.structs.replace(deploy(33), at_ms=at(20))
    later = alert(resource("db-2"), minute=36)
    assert incident(alert(), later, deploys=(heard,)).pattern == "bad_deploy"
    assert incident(alert(), later, deploys=(deploy(33),)).pattern != "bad_deploy"


@pytest.mark.parametrize("given", [deploy(-60), deploy(35), deploy(20, "web")])
def test_other_deploys_are_not_to_blame(given: Deploy) -> None:
    assert incident(alert(), deploys=(given,)).pattern == ""


def test_a_deploy_that_names_no_resource_is_not_to_blame() -> None:
    everything = Deploy("d1", at(20), "v7", ())
    assert incident(alert(), deploys=(everything,)).pattern == ""


def test_a_resource_that_sends_nothing_is_silent() -> None:
    assert incident(alert(kind="silent")).pattern == "silent_resource"


def test_a_means_that_is_full_is_saturation() -> None:
    assert incident(alert(DB, evidence())).pattern == "saturation"


@pytest.mark.parametrize(
    ("metric", "pattern"), [("disk.utilization", "disk_filling"), ("memory.utilization", "leak")]
)
def test_a_climb_is_a_leak_or_a_disk_that_fills(metric: str, pattern: str) -> None:
    climb = tuple(effect(DB, 20 + i, metric, 60.0 + i, 40.0) for i in range(10))
    found = incident(alert(DB, evidence(metric)), effects=climb)
    assert found.pattern == pattern
    assert "leak" in found.hint or "filling" in found.hint


def test_more_traffic_is_a_surge() -> None:
    surge = (effect(DB, 30, "request.rate", 900.0, 400.0, load=True),)
    assert incident(alert(), effects=surge).pattern == "traffic_surge"


def test_what_others_suffer_from_is_a_failed_dependency() -> None:
    found = incident(alert(minute=25), alert(resource("web"), minute=30))
    assert found.pattern == "dependency_failure"


def test_the_last_deploys_are_kept_once_and_in_order() -> None:
    kept: list[Deploy] = []
    for minute in (*range(MAX_DEPLOYS, -1, -1), 7):
        note_deploy(kept, deploy(minute, name=f"d{minute}"))
    assert [each.effective_ms for each in kept] == [at(i + 1) for i in range(MAX_DEPLOYS)]


def test_refuses_settings_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="deploy_s must be in"):
        PatternSettings(deploy_s=-1.0)
