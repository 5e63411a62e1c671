"""Storms of a few seeds; `make storms` runs twenty of each kind, and prints how they go."""

from collections.abc import Callable

import pytest

from schema import Severity
from tests.storms.estate import ZONES
from tests.storms.faults import START_MS, Storm
from tests.storms.story import cascades, outages, pairwise_f1, run, told, two_faults

SEEDS = (0, 2, 5)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_loss_of_a_zone_is_one_incident_that_names_it_within_two_ticks(seed: int) -> None:
    storm = outages(seed, 1_000)
    said, _, _ = told(storm)
    score = run(storm)
    assert (score.incidents, score.ranks, score.critical) == (1, (1,), True)
    assert score.f1 > 0.99
    known = next(one for one in said if one.incident.pattern == "zone_outage")
    assert known.ts_ms - START_MS <= 21 * 60_000
    assert known.incident.severity is Severity.CRITICAL
    assert known.incident.suspects[0].resource.name in ZONES
    assert known.incident.title.startswith(f"zone {known.incident.suspects[0].resource.name}")


def test_the_incident_of_a_storm_sums_its_alerts_up() -> None:
    said, _, _ = told(outages(0, 1_000))
    biggest = max(said, key=lambda one: one.incident.member_count).incident
    assert len(biggest.members) == 50
    assert f"{biggest.member_count:,} alerts: k8s.pod " in biggest.hint
    assert "silent " in biggest.hint
    assert len(biggest.title) < 80


@pytest.mark.parametrize("seed", SEEDS)
def test_two_unrelated_faults_of_one_minute_are_two_incidents(seed: int) -> None:
    score = run(two_faults(seed))
    assert score.incidents == 2
    assert score.f1 > 0.8
    assert all(rank is not None and rank <= 3 for rank in score.ranks)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cascade_through_six_components_is_one_incident(seed: int) -> None:
    score = run(cascades(seed))
    assert score.incidents == 1
    assert score.f1 > 0.9
    assert all(rank is not None and rank <= 3 for rank in score.ranks)


@pytest.mark.parametrize("groups", [1, 3])
def test_a_storm_is_the_same_for_any_number_of_key_groups(groups: int) -> None:
    storm = cascades(7)
    assert told(storm, groups=groups)[0] == told(storm)[0]


@pytest.mark.parametrize("story", [two_faults, cascades, lambda seed: outages(seed, 500)])
def test_a_triage_resumed_in_the_middle_of_a_storm_goes_on_like_an_unbroken_one(
    story: Callable[[int], Storm],
) -> None:
    storm = story(3)
    whole, held, _ = told(storm)
    said, resumed, _ = told(storm, stops=range(90))
    assert said == whole
    assert resumed == held


def test_pairs_are_counted_by_what_they_are_and_where_they_ended() -> None:
    true = {"a": "x", "b": "x", "c": "y"}
    assert pairwise_f1(true, {"a": "1", "b": "1", "c": "2"}) == 1.0
    assert pairwise_f1(true, {"a": "1", "b": "1", "c": "1"}) == pytest.approx(0.5)
    assert pairwise_f1(true, {"a": "1", "b": "2", "c": "2"}) == 0.0
