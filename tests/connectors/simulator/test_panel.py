"""Fault-free signals."""

import numpy as np
import pytest

from connectors.simulator.benign import Benign, plan_benign
from connectors.simulator.effects import Baseline
from connectors.simulator.fleet import build_fleet
from connectors.simulator.panel import MISSING, Panel
from connectors.simulator.settings import SimulatorSource
from schema import F64

WEEK = SimulatorSource(days=7, seed=3)


def whole(settings: SimulatorSource, title: str, events: tuple[Benign, ...] = ()) -> dict[str, F64]:
    fleet = build_fleet(settings.resources)
    node = fleet.find(title)
    assert node is not None
    panel = Panel(settings, fleet, events, [node])
    values = np.concatenate([panel.block(b).values for b in range(settings.blocks)], axis=1)
    return {row.metric.name: values[r] for r, row in enumerate(panel.rows)}


def test_a_resource_has_the_same_values_in_whatever_company() -> None:
    fleet = build_fleet(48)
    events = plan_benign(WEEK, fleet)
    everyone = Panel(WEEK, fleet, events, range(48))
    some = Panel(WEEK, fleet, events, [17, 5])
    for number in (0, 9):
        all_, few = everyone.block(number), some.block(number)
        rows = [everyone.rows.index(row) for row in some.rows]
        assert np.array_equal(all_.values[rows], few.values)
        assert np.array_equal(all_.delay[rows], few.delay)


def test_adding_resources_changes_no_other() -> None:
    few = whole(SimulatorSource(days=1), "checkout-web-1")
    many = whole(SimulatorSource(days=1, resources=400), "checkout-web-1")
    assert all(np.array_equal(values, many[name]) for name, values in few.items())


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    short = whole(SimulatorSource(days=1), "search-db")
    long = whole(SimulatorSource(days=2), "search-db")
    assert all(np.array_equal(values, long[name][:1440]) for name, values in short.items())


def test_traffic_has_a_day_and_a_week() -> None:
    requests = whole(WEEK, "checkout-lb")["RequestCount"]
    hours = requests.reshape(7, 24, 60).mean(axis=2)
    weekday = hours[:5].mean(axis=0)
    assert weekday.max() > 2 * weekday.min()
    assert 8 <= int(weekday.argmax()) <= 20
    assert hours[5:].mean() < 0.95 * hours[:5].mean()


def test_noise_is_autocorrelated() -> None:
    cpu = whole(WEEK, "checkout-web-2")["CPUUtilization"]
    rest = cpu - np.convolve(cpu, np.ones(61) / 61, mode="same")
    rest = rest[60:-60] - rest[60:-60].mean()
    assert 0.35 < float((rest[1:] * rest[:-1]).mean() / rest.var()) < 0.85


def test_cpu_follows_traffic_and_memory_does_not() -> None:
    requests = whole(WEEK, "search-lb")["RequestCount"]
    database = whole(WEEK, "search-db")
    assert np.corrcoef(requests, database["CPUUtilization"])[0, 1] > 0.7
    assert abs(np.corrcoef(requests, database["FreeableMemory"])[0, 1]) < 0.6


def test_values_stay_within_their_natural_limits() -> None:
    fleet = build_fleet(48)
    panel = Panel(WEEK, fleet, plan_benign(WEEK, fleet), range(48))
    block = panel.block(2)
    lower = np.array([[row.metric.lower] for row in panel.rows])
    upper = np.array([[row.metric.upper] for row in panel.rows])
    assert np.isfinite(block.values).all()
    assert ((block.values >= lower) & (block.values <= upper)).all()


def test_half_a_percent_is_missing_and_one_percent_comes_late() -> None:
    fleet = build_fleet(48)
    delay = Panel(WEEK, fleet, (), range(48)).block(1).delay
    assert 0.004 < (delay == MISSING).mean() < 0.006
    assert 0.008 < (delay > 0).mean() < 0.012
    assert delay.max() <= 3


def test_late_points_keep_within_the_bound_at_every_interval() -> None:
    for interval_s in (10, 30, 60, 120, 300):
        settings = SimulatorSource(days=1, interval_s=interval_s)
        fleet = build_fleet(48)
        delay = Panel(settings, fleet, (), range(12)).block(0).delay
        assert int(delay.max()) * interval_s <= 180


def test_a_surge_lifts_requests_cpu_and_network_but_hardly_latency() -> None:
    application = build_fleet(48).nodes[0].application
    surge = Benign("B", "surge", 700, 800, "aws", application, (), 2.0)
    before, after = whole(WEEK, "checkout-lb"), whole(WEEK, "checkout-lb", (surge,))
    during = slice(710, 790)

    def ratio(name: str) -> float:
        return float(after[name][during].mean() / before[name][during].mean())

    assert ratio("RequestCount") == pytest.approx(2.0, rel=0.05)
    assert ratio("ProcessedBytes") == pytest.approx(2.0, rel=0.05)
    assert ratio("TargetResponseTime") < 1.3
    web, busy = whole(WEEK, "checkout-web-1"), whole(WEEK, "checkout-web-1", (surge,))
    assert busy["CPUUtilization"][during].mean() > 1.3 * web["CPUUtilization"][during].mean()
    assert np.array_equal(before["RequestCount"][:700], after["RequestCount"][:700])
    assert np.array_equal(before["RequestCount"][800:], after["RequestCount"][800:])


def test_a_deploy_dips_for_minutes_and_then_moves_the_level_by_less_than_a_deviation() -> None:
    fleet = build_fleet(48)
    node = fleet.find("checkout-web-1")
    assert node is not None
    deploy = Benign("B1", "deploy", 5000, 5030, "aws", 0, (node,), 0.0)
    before, after = whole(WEEK, "checkout-web-1"), whole(WEEK, "checkout-web-1", (deploy,))
    deviations = Baseline(WEEK, fleet, ()).deviations([node])[node]
    dip = after["CPUUtilization"][5000:5004] / before["CPUUtilization"][5000:5004]
    assert dip.min() < 0.75
    for name, deviation in zip(before, deviations, strict=True):
        moved = np.abs(after[name][5010:] - before[name][5010:])
        assert np.median(moved) < deviation, name
    assert np.array_equal(before["CPUUtilization"][:5000], after["CPUUtilization"][:5000])


def test_a_gap_silences_one_cloud_alone() -> None:
    fleet = build_fleet(48)
    gap = Benign("B", "gap", 100, 105, "aws", -1, (), 0.0)
    panel = Panel(WEEK, fleet, (gap,), range(48))
    delay = panel.block(0).delay
    aws = np.array([fleet.nodes[row.node].cloud == "aws" for row in panel.rows])
    assert (delay[aws, 100:105] == MISSING).all()
    assert (delay[~aws, 100:105] == MISSING).mean() < 0.1
