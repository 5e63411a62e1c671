"""A replay knows what pipelines announced, beside what its control log says of deploys."""

import json
from pathlib import Path

import msgspec
import pytest

from config.app import App
from connectors.control_log import FileControlLog
from connectors.files import FileSource
from flows.backtest import Plan, replayed
from flows.control import control_of
from flows.outcome import CONTROL
from schema import Deploy, Matcher

START_MS, STEP_MS = 1_772_323_200_000, 60_000
MINUTES, DEPLOYED, BROKEN = 400, 300, 305


def write(folder: Path) -> App:
    """Write a resource whose latency jumps at a minute, and deploys before."""
    rows = [
        json.dumps(
            {
                "ts_ms": START_MS + minute * STEP_MS,
                "resource": "web-1",
                "service": "aws.ec2",
                "metric": "latency",
                "value": 100 + minute % 7 + (900 if minute >= BROKEN else 0),
            }
        )
        for minute in range(MINUTES)
    ]
    (folder / "samples.jsonl").write_text("\n".join(rows) + "\n")
    announced = [
        {"id": name, "ts_ms": START_MS + DEPLOYED * STEP_MS, "version": "v42", "resource": "web-1"}
        for name in ("d1", "d2")
    ]
    (folder / "deploys.jsonl").write_text("\n".join(map(json.dumps, announced)))  # no line end
    source = FileSource((str(folder / "samples.jsonl"),), format="foreshock-json")
    return App(sources=(source,), sinks=(), deploys=str(folder / "deploys.jsonl"))


def test_a_backtest_blames_a_deploy_that_was_announced(tmp_path: Path) -> None:
    app = write(tmp_path)
    where = (Matcher("resource", "=", "web-1"),)
    lived = Deploy("d1:web-1", START_MS + 310 * STEP_MS, "v42", where)
    log = FileControlLog(tmp_path / "lived.jsonl")
    log.append(lived)
    plan = Plan(msgspec.structs.replace(app, control_log=str(tmp_path / "lived.jsonl")))
    outcome = replayed(plan, folder=tmp_path / "run")
    assert {each.incident.pattern for each in outcome.transitions} >= {"bad_deploy"}
    obeyed = FileControlLog(tmp_path / "run" / CONTROL).read()
    assert obeyed[0] == lived  # as the live flow took it up
    assert [each.id for each in obeyed if isinstance(each, Deploy)] == ["d1:web-1", "d2:web-1"]
    assert log.read() == [lived]  # a backtest writes no log


def test_deploys_need_a_control_log(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="control_log must be set, since deploys are read into it"):
        control_of(write(tmp_path), None)
