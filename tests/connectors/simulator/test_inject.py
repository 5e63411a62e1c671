"""A fault handed to a running simulation."""

import threading
from pathlib import Path

import numpy as np
import pytest

from connectors.simulator.desk import Answer, Request, append_line
from connectors.simulator.inject import InjectError, check, inject, running_in
from connectors.simulator.origin import SimulatorOrigin, SimulatorReader
from connectors.simulator.settings import SimulatorSource
from connectors.simulator.truth import read_truth

LIMIT_S = 20.0


class Simulation:
    """A paced simulation of ours, whose clock a test moves."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 0.0
        settings = SimulatorSource(
            days=1, resources=24, speed=60.0, state_dir=str(folder), format="foreshock-json"
        )
        self.origin = SimulatorOrigin(settings, clock=lambda: self.now_s)
        self.readers = [self.origin.open(cloud, None) for cloud in self.origin.partitions()]
        self.folder = folder
        self.step()

    def step(self) -> list[bytes]:
        """Let a simulated minute pass."""
        self.now_s += 1.0
        chunks = [reader.read() for reader in self.readers]
        return [payload for chunk in chunks if chunk is not None for payload in chunk.payloads]

    def ask(self, fault: str, resource: str, minutes: float = 30, size: float = 4) -> Answer:
        """Inject from another thread, as another process would, while the simulation goes on."""
        answers: list[Answer] = []
        thread = threading.Thread(
            target=lambda: answers.append(
                inject(self.folder, fault, resource, minutes, size, LIMIT_S)
            )
        )
        thread.start()
        while thread.is_alive():
            self.step()
            thread.join(0.01)
        return answers[0]


@pytest.fixture
def simulation(tmp_path: Path) -> Simulation:
    return Simulation(tmp_path)


def reader_of(simulation: Simulation, cloud: str) -> SimulatorReader:
    return simulation.readers[simulation.origin.partitions().index(cloud)]


def test_a_fault_is_confirmed_played_and_labelled(simulation: Simulation) -> None:
    answer = simulation.ask("cpu_hog", "checkout-web-1")
    assert answer.accepted
    assert answer.fault is not None
    assert answer.fault.injected
    assert answer.fault.end_ms - answer.fault.start_ms == 30 * 60_000
    labels = read_truth(simulation.folder / "truth.json").faults
    assert [fault for fault in labels if fault.injected] == [answer.fault]
    assert simulation.origin.truth().faults == labels
    effect = answer.fault.effects[0]
    assert effect.size_dev == pytest.approx(4, abs=0.05)
    # the data from then on differs from the twin's by what the label says
    settings = simulation.origin.settings
    start = settings.step_of(answer.fault.start_ms)
    played = reader_of(simulation, "aws")._tape.block(start // settings.block_steps)
    twin_origin = SimulatorOrigin(SimulatorSource(days=1, resources=24, format="foreshock-json"))
    twin = twin_origin.open("aws", None)._tape.block(start // settings.block_steps)
    moved = abs(played.values - twin.values).max(axis=0)
    assert (moved[: start - played.first] == 0).all()
    assert moved[start - played.first : start - played.first + 30].max() == pytest.approx(
        effect.size_dev * effect.deviation, rel=1e-3
    )


def test_a_resource_may_be_named_as_on_the_wire(simulation: Simulation) -> None:
    name = next(n.name for n in simulation.origin.plan.fleet.nodes if n.kind == "ec2")
    answer = simulation.ask("cpu_hog", name)
    assert answer.fault is not None
    assert answer.fault.root == name


def test_a_cascade_takes_its_callers_along(simulation: Simulation) -> None:
    answer = simulation.ask("cascade", "payments-db", minutes=40, size=5)
    assert answer.fault is not None
    assert len(answer.fault.resources) > 2


def test_a_drift_moves_the_whole_service_for_good_and_is_labelled(simulation: Simulation) -> None:
    answer = simulation.ask("drift", "checkout-web-1")
    drift = answer.drift
    assert answer.accepted
    assert drift is not None
    assert answer.fault is None
    fleet, settings = simulation.origin.plan.fleet, simulation.origin.settings
    wanted = [node.name for node in fleet.nodes if node.vendor.service == "aws.ec2"]
    assert (drift.service, list(drift.resources)) == ("aws.ec2", wanted)
    assert drift.end_ms == settings.ms(settings.steps)
    assert simulation.origin.truth().drifts == (drift,)
    tape = reader_of(simulation, "aws")._tape
    start = settings.step_of(drift.start_ms)
    assert start >= 1
    moved = tape.block(start // settings.block_steps)
    later = tape.block(start // settings.block_steps + 1)
    twin = SimulatorOrigin(SimulatorSource(days=1, resources=24, format="foreshock-json"))
    as_it_was = twin.open("aws", None)._tape
    before = as_it_was.block(moved.first // settings.block_steps)
    assert (moved.values[:, : start - moved.first] == before.values[:, : start - moved.first]).all()
    ratios = {c.resource: c.ratio for c in drift.changes if c.metric == "CPUUtilization"}
    assert set(ratios) == set(wanted)
    assert all(1.2 < ratio < 1.6 for ratio in ratios.values())
    after = as_it_was.block(later.first // settings.block_steps)
    rows = np.unique(np.nonzero(later.values != after.values)[0])
    assert {fleet.nodes[tape.panel.rows[row].node].name for row in rows} == set(wanted)


@pytest.mark.parametrize(
    ("fault", "resource", "minutes", "size", "said"),
    [
        ("cpu_hgo", "checkout-web-1", 30, 4, "did you mean cpu_hog"),
        ("cpu_hog", "chekout-web-1", 30, 4, "near checkout-web-1"),
        ("disk_filling", "checkout-web-1", 30, 4, "which can have cpu_hog"),
        ("drifts", "checkout-web-1", 30, 4, "did you mean drift"),
        ("cpu_hog", "checkout-web-1", 0, 4, "minutes must be in"),
        ("cpu_hog", "checkout-web-1", float("nan"), 4, "minutes must be in"),
        ("cpu_hog", "checkout-web-1", 30, 7, "size must be in"),
    ],
)
def test_a_bad_request_is_refused_with_what_would_do(
    simulation: Simulation, fault: str, resource: str, minutes: float, size: float, said: str
) -> None:
    with pytest.raises(InjectError, match=said):
        check(running_in(simulation.folder), fault, resource, minutes, size)


def test_says_so_if_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(InjectError, match="no simulation has run"):
        inject(tmp_path, "cpu_hog", "checkout-web-1", 30, 4, 0.1)


def test_says_so_if_the_simulation_has_ended(simulation: Simulation) -> None:
    for reader in simulation.readers:
        reader.close()
    with pytest.raises(InjectError, match="has ended"):
        inject(simulation.folder, "cpu_hog", "checkout-web-1", 30, 4, 0.1)


def test_gives_up_waiting_for_one_that_stands_still(simulation: Simulation) -> None:
    with pytest.raises(InjectError, match="no answer within"):
        inject(simulation.folder, "cpu_hog", "checkout-web-1", 30, 4, 0.1)


def test_what_cannot_be_read_is_left_alone(simulation: Simulation) -> None:
    with (simulation.folder / "inject.jsonl").open("ab") as file:
        file.write(b"{broken\n\xff\n[]\n")
    append_line(
        simulation.folder / "inject.jsonl", Request("x", "no_such", "checkout-web-1", 30.0, 4.0)
    )
    assert simulation.step()
    assert simulation.ask("cpu_hog", "checkout-web-1").accepted


def test_what_an_earlier_run_was_asked_for_is_not_played(tmp_path: Path) -> None:
    append_line(tmp_path / "inject.jsonl", Request("x", "cpu_hog", "checkout-web-1", 30.0, 4.0))
    simulation = Simulation(tmp_path)
    simulation.step()
    assert not any(fault.injected for fault in simulation.origin.truth().faults)
