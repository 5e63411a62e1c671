"""The demo on a small estate."""

import json
import threading
from pathlib import Path

import msgspec
import pytest

import foreshock
from connectors.incident_store import IncidentStore, SqlSink
from connectors.model_registry import Registry
from connectors.outbox import Outbox
from connectors.simulator.inject import inject as hand_in
from connectors.simulator.settings import SimulatorSource
from flows.demo import MODELS, OWN_STORE, run

SOURCE = SimulatorSource(days=1.0, resources=6, faults_per_day=6, quiet_days=0.7, seed=2)
STORE = SqlSink(OWN_STORE)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_trains_on_the_quiet_part_and_detects_over_all(capsys: pytest.CaptureFixture[str]) -> None:
    summary = run(SOURCE, STORE, headless=True)
    entries = Registry(Path(MODELS)).list()
    quiet_ms = SOURCE.ms(SOURCE.quiet_steps)
    assert entries
    assert all(0 <= quiet_ms - (entry.effective_from_ms or 0) <= 120_000 for entry in entries)
    assert summary.counts.resources == SOURCE.resources
    assert summary.counts.samples > SOURCE.resources * SOURCE.steps
    assert summary.labelled is not None
    assert summary.labelled.faults == len(
        json.loads(Path(".foreshock/simulator/truth.json").read_text())["faults"]
    )
    assert summary.labelled.false_positive_rate is not None
    assert 0 <= summary.labelled.false_positive_rate < 0.5
    store = IncidentStore(OWN_STORE)
    assert len(store.list_incidents(limit=1000)) == len(summary.incidents)
    store.close()
    outbox = Outbox(OWN_STORE)
    told = {each.id for each in summary.incidents if outbox.told_of(each.id)}
    assert told == {each.id for each in summary.incidents}
    outbox.close()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("training on the first 0.7 days")


def test_is_the_same_again_and_its_summary_has_the_keys_of_a_backtest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = []
    for _ in range(2):
        args = ["--days", "0.4", "--resources", "3", "--seed", "3", "--summary", "s/s.json"]
        assert foreshock.main(["demo", *args]) == 0
        seen.append(json.loads(Path("s/s.json").read_text()))
    assert seen[0]["outcome_digest"] == seen[1]["outcome_digest"]
    assert seen[0]["incidents"] == seen[1]["incidents"]
    assert foreshock.main(["simulate", "--days", "0.1", "--resources", "3", "--out", "sim"]) == 0
    capsys.readouterr()
    assert foreshock.main(["backtest", "sim", "--labels", "sim/truth.json", "--json"]) == 0
    backtest = json.loads(capsys.readouterr().out)
    assert seen[0].keys() == backtest.keys()
    assert {"precision", "recall", "false_positive_rate", "samples_per_s"} <= backtest.keys()


def test_a_fault_put_in_meanwhile_is_among_the_labels() -> None:
    live = msgspec.structs.replace(
        SOURCE, days=0.2, quiet_days=0.0, faults=False, speed=5000.0, resources=3
    )
    answers = []

    def put_in() -> None:
        clocks, deadline = Path(".foreshock/simulator"), threading.Event()
        while not list(clocks.glob("clock.*.json")) and not deadline.wait(0.02):
            pass
        fleet = json.loads((clocks / "fleet.json").read_text())["resources"]
        first = next(each for each in fleet if each["faults"])
        answers.append(hand_in(clocks, first["faults"][0], first["name"], 20.0, 5.0, 30.0))

    other = threading.Thread(target=put_in)
    other.start()
    summary = run(live, STORE, headless=True)
    other.join()
    assert [answer.accepted for answer in answers] == [True]
    assert summary.labelled is not None
    assert summary.labelled.faults == 1


def test_a_store_of_somebody_else_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.db").write_text("precious")
    assert foreshock.main(["demo", "--store", "sqlite:///mine.db"]) != 0
    assert "store must be new, or the demo's own" in capsys.readouterr().err
    assert Path("mine.db").read_text() == "precious"
