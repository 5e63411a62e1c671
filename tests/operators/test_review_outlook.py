"""What comes next is within its interval, what gets worse is named, what comes again is counted."""

import msgspec
import numpy as np
import pytest

from operators.deadlines import SlaSettings
from operators.review_counts import OPENED, WIDTH
from operators.review_effort import READ_S, Burden, effort
from operators.review_outlook import (
    counted,
    forecast,
    noisy,
    outlook,
    recurring,
    responses,
    worsening,
)
from operators.review_settings import ReviewSettings
from schema import IncidentEvent

DAY_MS = 86_400_000
SETTINGS = ReviewSettings()
WEEK = np.array([1.2, 1.2, 1.1, 1.1, 1.2, 0.5, 0.6])


def event(
    name: str, step: str, at_ms: int, since_ms: int | None = None, **more: object
) -> IncidentEvent:
    made = IncidentEvent(name, "opened", at_ms, at_ms, "pay", "core", 4)
    return msgspec.structs.replace(
        made, step=step, since_ms=at_ms if since_ms is None else since_ms, **more
    )


@pytest.mark.parametrize("days", [1, 7])
@pytest.mark.parametrize("scatter", [0.0, 0.2])
def test_nine_forecasts_in_ten_hold(days: int, scatter: float) -> None:
    draw = np.random.default_rng(5)
    rate = 6.0 * WEEK[np.arange(700) % 7]
    if scatter:
        rate = rate * draw.gamma(1 / scatter**2, scatter**2, size=700)
    opened = draw.poisson(rate)
    counts = np.zeros((700, WIDTH))
    counts[:, OPENED] = opened
    held = []
    for today in range(150, 690):
        found = forecast(counts[:today], today, days, SETTINGS)
        assert found is not None
        held.append(found.low <= opened[today : today + days].sum() <= found.high)
    assert 0.87 <= np.mean(held) <= 0.97


def test_too_little_history_foretells_nothing() -> None:
    assert forecast(np.zeros((27, WIDTH)), 27, 7, SETTINGS) is None
    empty = outlook([], 100 * DAY_MS, 93 * DAY_MS, SlaSettings().targets)
    assert empty.forecasts == ()
    assert empty.responses == ()


def test_a_service_whose_last_weeks_are_worse_is_named_and_a_steady_one_is_not() -> None:
    draw = np.random.default_rng(2)
    steady = np.zeros((150, WIDTH))
    steady[:, OPENED] = draw.poisson(4.0, size=150)
    assert worsening("pay", steady, 150, SETTINGS) == []
    steady[-28:, OPENED] += 4
    (found,) = worsening("pay", steady, 150, SETTINGS)
    assert (found.service, found.measure) == ("pay", "rate")
    assert "incidents in 28 days" in found.words


def test_a_cause_that_comes_on_several_days_recurs() -> None:
    many = [event(f"a{i}", "opened", i * DAY_MS, cause="db / locks") for i in range(4)]
    ended = [event("a0", "resolved", 7_200_000, 0, cause="db / locks")]
    once = [event(f"b{i}", "opened", i, cause="one day") for i in range(9)]
    (found,) = recurring([*many, *ended, *once])
    assert (found.cause, found.incidents, found.days, found.last) == ("db / locks", 4, 4, "a3")
    assert found.hours == 2.0


def test_noise_is_ranked_with_what_was_wrong_or_left_alone() -> None:
    events = [event(f"a{i}", "opened", i, rules=("rule:disk",)) for i in range(3)]
    events += [event("b", "opened", 5, rules=("rule:cpu",))]
    events += [
        event("a0", "false_positive", 9),
        event("a1", "resolved", 9),
        event("a2", "acknowledged", 9),
    ]
    first, second = noisy(events, lambda each: each.rules)
    assert (first.name, first.incidents, first.false_positives, first.untouched) == (
        "rule:disk", 3, 1, 1
    )  # fmt: skip
    assert second.name == "rule:cpu"


def test_responses_are_held_against_their_targets() -> None:
    events = [event("a", "opened", 0), event("a", "acknowledged", 200_000, 0),
              event("b", "opened", 0), event("b", "acknowledged", 900_000, 0),
              event("a", "resolved", 3_000_000, 0)]  # fmt: skip
    (found,) = responses(events, SlaSettings().targets)
    assert (found.severity, found.incidents) == ("CRITICAL", 2)
    assert (found.acknowledge_s, found.acknowledge_target_s) == (550.0, 300.0)
    assert (found.acknowledged_in_time, found.resolved_in_time) == (0.5, 1.0)


def test_days_are_counted_up_to_a_day_and_not_beyond() -> None:
    events = [event("a", "opened", DAY_MS), event("b", "opened", 3 * DAY_MS)]
    assert counted(events, 3)[:, OPENED].tolist() == [1.0, 0.0]


def test_without_triage_every_alert_of_a_storm_is_read_before_the_next_incident() -> None:
    storm = Burden(0, 60_000, (60_000,) * 10, 100, 61_000, 2)
    other = Burden(0, 61_000, (61_000,), 1, None, 0)
    found = effort([storm, other])
    assert found.alerts_an_incident == 50.5
    assert found.messages_an_incident == 2.0
    assert found.to_first_message_s == 61.0
    with_triage = ((60 + READ_S) + (60 + 2 * READ_S)) / 2
    without = ((60 + READ_S) + (60 + 101 * READ_S)) / 2
    assert found.to_read_with_triage_s == pytest.approx(with_triage)
    assert found.to_read_without_triage_s == pytest.approx(without)


def test_nothing_takes_no_effort() -> None:
    assert effort([]).alerts_an_incident is None
