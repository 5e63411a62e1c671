from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.deadlines import SlaSettings
from operators.flapping import FlapSettings
from operators.keygroup import KeyGroup
from operators.life import TriageSettings
from operators.triage import Triage
from schema import Anomaly, Severity, Transition
from tests.operators.edges import LATENCY, at, edge, evidence, resource, told
from tests.operators.group_input import MINUTE_MS, buffer, fed
from tests.operators.group_input import settings as group_settings

A, B = resource("a"), resource("b")
PLAIN = TriageSettings()


def flapping(period: float, on: float, until: float = 60) -> list[Anomaly]:
    """Return an alert that opens every `period` minutes, for `on` of them."""
    starts = [period * i for i in range(int(until / period))]
    return [
        one for start in starts for one in (edge("open", A, start), edge("close", A, start + on))
    ]


def news(said: list[Transition]) -> list[str]:
    return [one.event for one in said if one.event != "updated"]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("period", range(2, 21))
def test_an_hour_of_flapping_is_one_incident_and_two_words(period: int, share: float) -> None:
    said = told(flapping(period, period * share), 240, PLAIN)
    assert news(said) == ["opened", "resolved"]
    assert len(said) <= 4
    assert len({one.incident.id for one in said}) == 1


def test_it_says_once_that_it_flaps_and_is_held_open_until_it_is_quiet_for_long() -> None:
    said = told(flapping(10, 5), 240, PLAIN)
    assert [(one.event, one.reason, one.incident.flapping) for one in said] == [
        ("opened", "1 alert opened", False),
        ("updated", "came back 3 times in 20 min; held open until quiet for 40 min", True),
        ("resolved", "every alert has been closed for 40 min", False),
    ]
    assert [one.ts_ms for one in said] == [at(0), at(30), at(95)]


def test_two_returns_are_no_flapping_nor_are_three_that_are_far_apart() -> None:
    twice = told(flapping(15, 5, until=45), 240, PLAIN)
    assert [(one.event, one.ts_ms) for one in twice] == [("opened", at(0)), ("resolved", at(55))]
    rare = TriageSettings(flap=FlapSettings(window_s=1799.0))
    assert not any(one.incident.flapping for one in told(flapping(15, 5, until=60), 240, rare))


def test_what_comes_back_after_it_was_resolved_flaps_at_its_third_return() -> None:
    said = told(flapping(30, 5, until=240), 400, PLAIN)
    assert news(said) == ["opened", *["resolved", "reopened"] * 3, "resolved"]
    assert [one.ts_ms for one in said if one.event == "resolved"][-1] == at(210 + 5 + 40)


def test_an_alert_that_passes_from_one_resource_to_the_next_has_not_come_back() -> None:
    names = [resource(f"i-{i}") for i in range(8)]
    edges = [one for i, name in enumerate(names) for one in (edge("open", name, i),)]
    edges += [edge("close", name, i + 1) for i, name in enumerate(names)]
    edges.sort(key=lambda one: one.tick_ms)
    assert not any(one.incident.flapping for one in told(edges, 240, PLAIN))


def test_the_severity_of_what_flaps_does_not_fall_and_rise_again() -> None:
    edges: list[Anomaly] = []
    for i in range(8):
        strong = i % 2 == 0
        proof = (evidence(),) if strong else LATENCY[:0]
        edges += [
            edge("open", A, 14 * i, confidence=0.99 if strong else 0.5, proof=proof),
            edge("close", A, 14 * i + 13),
        ]
    said = told(edges, 240, PLAIN)
    levels = [one.incident.severity for one in said]
    assert max(levels) > Severity.LOW
    assert sum(a > b for a, b in pairwise(levels)) <= 1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 19), st.integers(1, 19)), min_size=1, max_size=30),
)
def test_whatever_comes_back_within_the_quiet_is_told_twice_at_most(
    cycles: list[tuple[int, int]],
) -> None:
    edges: list[Anomaly] = []
    minute = 0
    for on, off in cycles:
        edges += [edge("open", A, minute), edge("close", A, minute + on)]
        minute += on + off
    settings = TriageSettings(sla=SlaSettings(()))  # it may go on for a day
    assert news(told(edges, minute + 60, settings)) == ["opened", "resolved"]


@pytest.mark.parametrize("period", [2, 4, 10, 20])
def test_a_metric_that_flaps_is_told_twice_through_the_key_group(period: int) -> None:
    group, triage = KeyGroup(group_settings(), 0), Triage(PLAIN, 1)
    said: list[Transition] = []
    begins, ends, last = 1440, 1500, 1620
    for minute in range(last):
        bad = begins <= minute < ends and (minute - begins) % period < period / 2
        noise = (minute * 7919 % 13) / 10
        rows = [(name, float(minute), 20.0 + noise) for name in "bc"]
        rows.append(("a", float(minute), (80.0 if bad else 20.0) + noise))
        word = fed(group, buffer(rows, until=minute + 1))
        assert word is not None
        said += triage.step(word)
    mine = [one for one in said if one.ts_ms >= begins * MINUTE_MS]
    assert news(mine) == ["opened", "resolved"]
    assert len(mine) <= 5
