"""A drift as it is planned, played and labelled."""

from collections import defaultdict

import msgspec
import numpy as np
import pytest

from connectors.simulator.drifts import FAULT_SLOTS_MIN, LEAST_NODES
from connectors.simulator.origin import SimulatorOrigin
from connectors.simulator.plan import make_plan
from connectors.simulator.settings import SimulatorSource
from connectors.simulator.truth import truth_of

SETTINGS = SimulatorSource(
    days=2,
    seed=5,
    resources=48,
    quiet_days=0.5,
    faults=False,
    drifts=1,
    interval_s=1800,
    format="foreshock-json",
)


def written(settings: SimulatorSource) -> dict[tuple[str, str], dict[int, float]]:
    found: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    origin = SimulatorOrigin(settings)
    for cloud in origin.partitions():
        reader = origin.open(cloud, None)
        while (chunk := reader.read()) is not None:
            for payload in chunk.payloads:
                for line in payload.splitlines():
                    point = msgspec.json.decode(line)
                    found[point["resource"], point["metric"]][point["ts_ms"]] = point["value"]
    return found


def test_a_drift_moves_its_metrics_by_its_ratio_until_the_end_and_nothing_else() -> None:
    [drift] = truth_of(make_plan(SETTINGS)).drifts
    data, twin = written(SETTINGS), written(msgspec.structs.replace(SETTINGS, drifts=0))
    ratios = {(change.resource, change.metric): change.ratio for change in drift.changes}
    assert len(ratios) > 2 * LEAST_NODES
    for series, calm in twin.items():
        times = np.array(list(calm))
        old = np.array(list(calm.values()))
        new = np.array([data[series][ts_ms] for ts_ms in calm])
        since = drift.start_ms + 1_800_000  # all have taken it up
        assert np.array_equal(new[times < drift.start_ms], old[times < drift.start_ms])
        if series not in ratios:
            assert np.array_equal(new, old)
            continue
        level = np.median(new[times >= since] / np.maximum(old[times >= since], 1e-9))
        assert "free" in series[1].lower() or level == pytest.approx(ratios[series], rel=0.02)


def test_a_drift_is_of_a_whole_service_that_is_large_where_there_is_one() -> None:
    for seed in range(5):
        plan = make_plan(msgspec.structs.replace(SETTINGS, seed=seed))
        [drift] = truth_of(plan).drifts
        of_service = [n.name for n in plan.fleet.nodes if n.vendor.service == drift.service]
        assert sorted(drift.resources) == sorted(of_service)
        assert len(of_service) >= LEAST_NODES
        assert drift.kind == "drift"


def test_several_drifts_are_of_several_services_one_after_the_other() -> None:
    drifts = make_plan(msgspec.structs.replace(SETTINGS, days=12, drifts=3)).drifts
    assert len({drift.service for drift in drifts}) == 3
    assert [drift.start for drift in drifts] == sorted(drift.start for drift in drifts)


def test_its_resources_have_faults_before_it_in_its_first_hour_and_after() -> None:
    settings = SimulatorSource(days=10, seed=2, drifts=1, interval_s=900)
    truth = truth_of(make_plan(settings))
    [drift] = truth.drifts
    after_min = [
        (fault.start_ms - drift.start_ms) / 60_000
        for fault in truth.faults
        if fault.id.startswith(drift.id)
    ]
    assert len(after_min) >= 0.75 * len(FAULT_SLOTS_MIN)
    assert all(any(lo <= m < hi for lo, hi in FAULT_SLOTS_MIN) for m in after_min)
    assert any(m < 0 for m in after_min)
    assert any(0 < m < 60 for m in after_min)
    assert any(m > 1_440 for m in after_min)
    assert all(
        set(fault.resources) & set(drift.resources)
        for fault in truth.faults
        if fault.id.startswith(drift.id)
    )


def test_a_run_without_drifts_is_as_it_was() -> None:
    assert truth_of(make_plan(msgspec.structs.replace(SETTINGS, drifts=0))).drifts == ()


@pytest.mark.parametrize("drifts", [-1, 4])
def test_their_number_has_limits(drifts: int) -> None:
    with pytest.raises(ValueError, match=rf"drifts must be in \[0, 3\], got {drifts}"):
        SimulatorSource(drifts=drifts)
