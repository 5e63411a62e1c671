"""Faults and benign events of a run, checked on the data that is really written."""

from collections import defaultdict
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from connectors.simulator.faults import FAULTS
from connectors.simulator.origin import SimulatorOrigin
from connectors.simulator.plan import Plan, make_plan
from connectors.simulator.settings import SimulatorSource
from connectors.simulator.truth import TrueFault, truth_of


class Point(msgspec.Struct):
    resource: str
    metric: str
    ts_ms: int
    value: float


POINTS = msgspec.json.Decoder(Point)
Written = dict[tuple[str, str], dict[int, float]]

SETTINGS = SimulatorSource(
    days=4,
    seed=5,
    resources=30,
    quiet_days=1,
    faults_per_day=4,
    interval_s=300,
    format="foreshock-json",
)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(SETTINGS)


def written(settings: SimulatorSource) -> Written:
    """Return what a reader of the payloads gets: values by time, of every series."""
    found: Written = defaultdict(dict)
    origin = SimulatorOrigin(settings)
    for cloud in origin.partitions():
        reader = origin.open(cloud, None)
        while (chunk := reader.read()) is not None:
            for payload in chunk.payloads:
                for point in POINTS.decode_lines(payload):
                    found[point.resource, point.metric][point.ts_ms] = point.value
    return found


@pytest.fixture(scope="module")
def data() -> Written:
    return written(SETTINGS)


@pytest.fixture(scope="module")
def twin() -> Written:
    return written(msgspec.structs.replace(SETTINGS, faults=False))


def test_sizes_are_two_to_six_deviations_of_the_fault_free_twin(
    plan: Plan, data: Written, twin: Written
) -> None:
    effects = [effect for fault in truth_of(plan).faults for effect in fault.effects]
    assert len(effects) > 20
    for effect in effects:
        calm = twin[effect.resource, effect.metric]
        values = np.array(list(calm.values()))
        deviation = 1.4826 * np.median(np.abs(values - np.median(values)))
        assert effect.deviation == pytest.approx(deviation, rel=1e-9)
        hit = {
            ts_ms: value - calm[ts_ms]
            for ts_ms, value in data[effect.resource, effect.metric].items()
            if effect.start_ms <= ts_ms < effect.end_ms
        }
        peak = max(hit.values(), key=abs)
        assert 2.0 <= abs(peak) / deviation <= 6.0
        assert abs(peak) / deviation == pytest.approx(effect.size_dev, abs=1e-3)
        assert np.sign(peak) == effect.direction


def test_outside_of_its_faults_the_data_equals_its_twin(
    plan: Plan, data: Written, twin: Written
) -> None:
    faults = truth_of(plan).faults
    changed = 0
    for series, calm in twin.items():
        spans = [(f.start_ms, f.end_ms) for f in faults if series[0] in f.resources]
        for ts_ms, value in calm.items():
            if data[series].get(ts_ms) != value:
                changed += 1
                assert any(start <= ts_ms < end for start, end in spans)
    assert changed > 100


def test_silent_resources_send_nothing(plan: Plan, data: Written) -> None:
    outages = [fault for fault in truth_of(plan).faults if fault.silent]
    assert outages
    for fault in outages:
        for name in fault.silent:
            for (resource, _), values in data.items():
                if resource == name:
                    assert not any(fault.start_ms <= ts_ms < fault.end_ms for ts_ms in values)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_there_are_at_least_as_many_benign_events_as_faults(seed: int) -> None:
    plan = make_plan(SimulatorSource(days=6, seed=seed, faults_per_day=6, interval_s=600))
    assert len(plan.benign) >= len(plan.faults) > 0


def test_every_kind_of_fault_occurs(plan: Plan) -> None:
    assert {fault.kind for fault in plan.faults} == set(FAULTS)


def test_no_fault_starts_in_the_quiet_days_and_all_end_within_the_run(plan: Plan) -> None:
    truth = truth_of(plan)
    for fault in truth.faults:
        assert truth.quiet_until_ms <= fault.start_ms < fault.end_ms <= truth.end_ms
        minutes = (fault.end_ms - fault.start_ms) / 60_000
        assert 15 <= minutes <= 125


def test_benign_events_happen_in_the_quiet_days_too() -> None:
    truth = truth_of(make_plan(SimulatorSource(days=9, interval_s=300, seed=2)))
    assert any(event.start_ms < truth.quiet_until_ms for event in truth.benign)


def test_faults_of_one_application_are_three_hours_apart(plan: Plan) -> None:
    of_application: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for fault in plan.faults:
        for application in {plan.fleet.nodes[i].application for i in fault.nodes}:
            of_application[application].append((fault.start, fault.end))
    for spans in of_application.values():
        for (_, end), (start, _) in pairwise(sorted(spans)):
            assert (start - end) * SETTINGS.interval_s >= 3 * 3600


def test_no_surge_or_deploy_hides_in_a_fault(plan: Plan) -> None:
    for fault in plan.faults:
        applications = {plan.fleet.nodes[i].application for i in fault.nodes}
        for event in plan.benign:
            if event.kind in {"surge", "deploy"} and event.application in applications:
                assert event.end <= fault.start or event.start >= fault.end


def test_a_cascade_reaches_callers_one_to_three_minutes_later(plan: Plan) -> None:
    one_minute = make_plan(
        SimulatorSource(days=2, seed=5, quiet_days=0.25, faults_per_day=6, resources=24)
    )
    cascades = [fault for fault in one_minute.faults if fault.kind == "cascade"]
    assert cascades
    for fault in cascades:
        starts = {e.strike.node: e.strike.start for e in fault.effects}
        assert starts[fault.root] == fault.start
        for caller in one_minute.fleet.callers[fault.root]:
            if caller in starts:
                assert 1 <= starts[caller] - fault.start <= 3


def test_the_label_names_the_root_first_and_its_place(plan: Plan) -> None:
    names = {node.name: node for node in plan.fleet.nodes}
    faults: tuple[TrueFault, ...] = truth_of(plan).faults
    for fault in faults:
        node = names[fault.root]
        assert fault.resources[0] == fault.root
        assert (fault.cloud, fault.account, fault.region) == (
            node.cloud,
            node.account,
            node.region,
        )
        assert set(fault.resources) <= set(names)
        assert {effect.resource for effect in fault.effects} | set(fault.silent) == set(
            fault.resources
        )


def test_the_twin_has_the_same_benign_events(plan: Plan) -> None:
    twin = make_plan(msgspec.structs.replace(SETTINGS, faults=False))
    assert twin.faults == ()
    assert twin.benign == plan.benign


def test_the_seed_decides() -> None:
    settings = SimulatorSource(days=3, interval_s=300, seed=8)
    assert truth_of(make_plan(settings)) == truth_of(make_plan(settings))
    other = msgspec.structs.replace(settings, seed=9)
    assert truth_of(make_plan(other)).faults != truth_of(make_plan(settings)).faults
