"""The live flow: what it says, what it sets, and that it runs from a file."""

import logging
from pathlib import Path

import pytest
from bytewax.testing import run_main
from msgspec.structs import replace

from config.app import App
from connectors.incident_store import SqlSink
from connectors.jsonl_sink import JsonLinesSink
from connectors.kafka_settings import KafkaOutput, KafkaSource
from connectors.recovery_store import RecoverySettings
from connectors.simulator.settings import SimulatorSource
from flows.run import from_file, greeting, run, with_control_log
from operators.shelf import EMPTY_SHELF

LIVE = KafkaSource(brokers="b:1", topics=("m",), format="cloudwatch-json")
SIMULATED = SimulatorSource(days=0.1, resources=3)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("app", "control_log"),
    [
        (App(sources=(LIVE,)), ".foreshock/control.jsonl"),
        (App(sources=(LIVE,), recovery=RecoverySettings(dir="r")), "r/control.jsonl"),
        (App(sources=(LIVE,), control_log="mine"), "mine"),
        (App(sources=(replace(LIVE, end="now"),)), None),
        (App(sources=(SIMULATED,)), None),
    ],
)
def test_a_live_topic_has_a_control_log(app: App, control_log: str | None) -> None:
    found = with_control_log(app)
    assert found.control_log == control_log
    assert found == replace(app, control_log=control_log)
    if app.control_log != control_log and control_log is not None:
        assert Path(control_log).parent.is_dir()


def test_says_what_is_read_and_where_it_goes() -> None:
    app = App(
        sources=(LIVE,),
        sinks=(KafkaOutput(brokers="b:1", topic="i"), SqlSink("sqlite:///i.db")),
        recovery=RecoverySettings(dir="r"),
    )
    assert greeting(app, ["kafka:m/1", "kafka:m/0", "files/a"], EMPTY_SHELF) == (
        "reading files (1), kafka:m (2) (partitions); incidents to kafka:i, sqlite:///i.db; "
        "models none, fitted as data comes; state kept in r"
    )


def test_ends_with_its_sources_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    run(App(sources=(SIMULATED,), sinks=(JsonLinesSink("events.jsonl"),)))
    said = [r.getMessage() for r in caplog.records if r.name.startswith(("flows", "connectors"))]
    assert said[0].startswith("reading simulator (3) (partitions); incidents to events.jsonl;")
    assert " payloads, " in said[1]
    assert said[-1] == "the sources have ended"


def test_runs_under_stock_bytewax(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").write_text(
        "sources: [{type: simulator, days: 0.1, resources: 3}]\n"
        "sinks: [{type: jsonl, path: events.jsonl}]\n"
    )
    run_main(from_file("mine.yaml"))
    assert capsys.readouterr().err == ""
