"""The forecast detector in the pass: what opens an alert, and what must not."""

from functools import cache

import msgspec
import numpy as np

from models.forecast import ForecastSettings
from operators.cohort_pass import new_cohort, score_in_passes
from operators.detect_settings import DetectSettings
from operators.findings import anomalies, new_found
from operators.layout import MAX_EVIDENCE
from operators.rules import RuleTable
from schema import F64, Anomaly, MetricSpec
from tests.operators.group_input import named, series

DAY = 1440
STARTS = 5 * DAY + 200
LEAK_MIN = 80
TICK_MS = 60_000
MEMORY = MetricSpec("memory.utilization", "percent", bad="up", upper=100.0, min_change=2.0)
TRAFFIC = MetricSpec("request.rate", bad="down", load=True)
ALONE = DetectSettings(
    detectors=("temporal", "forecast"), forecast=ForecastSettings(warm_up_h=24.0)
)


def course(seed: int, size: float, noise: float) -> F64:
    """Return a smooth wandering of some hours, with a little noise."""
    rng = np.random.default_rng(seed)
    n = STARTS + LEAK_MIN
    knots = rng.normal(0.0, size, n // 240 + 2)
    return np.interp(np.arange(n) / 240.0, np.arange(len(knots)), knots) + rng.normal(0, noise, n)


def opened(
    memory: F64, traffic: F64, spec: MetricSpec = MEMORY, detect: DetectSettings = ALONE
) -> list[Anomaly]:
    """Return the alerts that open from the leak on, of one resource of two metrics."""
    rules = RuleTable(())
    table, forests = new_cohort("aws.ec2", detect, rules, TICK_MS)
    table.add(
        [(named(series("a", spec.metric)), spec), (named(series("a", "request.rate")), TRAFFIC)]
    )
    order = np.argsort(table.ranks()).astype(np.int32)
    tick = np.repeat(np.arange(len(memory)), 2)
    value = np.stack([memory, traffic])[order].T.ravel()
    found = new_found(512, 512 * MAX_EVIDENCE)
    knobs = detect.knobs(rules, 60.0)
    out: list[Anomaly] = []
    rows = np.tile(order, len(memory))
    for _ in score_in_passes(table, forests, tick, rows, value, knobs, 60.0, found):
        out += anomalies(found, table, rules, TICK_MS)
    return [a for a in out if a.edge == "open" and a.tick_ms >= STARTS * TICK_MS]


@cache
def usual() -> tuple[F64, F64]:
    return 50.0 + course(1, 1.5, 0.03), 1000.0 + course(2, 20.0, 5.0)


def leaking(pace: float) -> F64:
    memory = usual()[0].copy()
    memory[STARTS:] += pace * np.arange(LEAK_MIN)
    return memory


def test_a_leak_opens_an_alert_that_says_where_and_since_when() -> None:
    (alert,) = opened(leaking(0.2), usual()[1])
    assert alert.evidence[0].metric == "memory.utilization"
    assert dict(alert.detectors)["forecast"] > 5.0
    assert alert.tick_ms - STARTS * TICK_MS <= 40 * TICK_MS
    assert abs(alert.onset_ms - STARTS * TICK_MS) <= 20 * TICK_MS
    assert alert.evidence[0].onset_ms == alert.onset_ms


def test_a_leak_says_when_it_reaches_its_limit_at_the_pace_that_it_has() -> None:
    (alert,) = opened(leaking(0.5), usual()[1])
    memory = alert.evidence[0]
    full_ms = (STARTS + 50 / 0.5) * TICK_MS  # from about 50 % on
    assert memory.limit == 100.0
    assert memory.limit_at_ms is not None
    assert abs(memory.limit_at_ms - full_ms) < 30 * TICK_MS


def test_where_there_is_no_limit_or_it_is_far_off_none_is_told() -> None:
    unlimited = msgspec.structs.replace(MEMORY, upper=None)
    for pace, spec in ((0.5, unlimited), (0.2, MEMORY)):  # the latter after 16 of 250 minutes
        (alert,) = opened(leaking(pace), usual()[1], spec)
        assert (alert.evidence[0].limit, alert.evidence[0].limit_at_ms) == (None, None)


def test_without_the_detector_the_same_leak_is_found_later_or_not_at_all() -> None:
    (with_it,) = opened(leaking(0.2), usual()[1])
    without = opened(
        leaking(0.2), usual()[1], detect=msgspec.structs.replace(ALONE, detectors=("temporal",))
    )
    assert all(alert.tick_ms > with_it.tick_ms for alert in without)


def test_a_climb_below_the_smallest_change_of_interest_opens_nothing() -> None:
    assert opened(leaking(0.2), usual()[1], msgspec.structs.replace(MEMORY, min_change=30.0)) == []


def test_a_climb_the_other_way_opens_nothing() -> None:
    assert opened(leaking(-0.2), usual()[1]) == []


def test_a_metric_that_may_hurt_both_ways_has_no_climbs() -> None:
    both = msgspec.structs.replace(MEMORY, bad="both")
    assert all("forecast" not in dict(a.detectors) for a in opened(leaking(0.2), usual()[1], both))


def test_traffic_that_climbs_explains_a_climb() -> None:
    traffic = usual()[1].copy()
    traffic[STARTS:] += 6.0 * np.arange(LEAK_MIN)
    for alert in opened(leaking(0.06), traffic):
        assert dict(alert.detectors).get("forecast", 0.0) < 5.0


def test_a_step_is_left_to_the_others() -> None:
    memory = usual()[0].copy()
    memory[STARTS:] += 1.9
    assert opened(memory, usual()[1]) == []
