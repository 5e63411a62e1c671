from pathlib import Path

import pytest

from connectors.control_log import FileControlLog
from foreshock import main
from schema import Deploy, Matcher

WHEN = "2026-03-01T10:00:00Z"


def test_a_deploy_is_written_to_the_control_log(tmp_path: Path) -> None:
    log = tmp_path / "control.jsonl"
    given = ["v42", "resource=~web-.*", "--id", "d1", "--at", WHEN, "--actor", "kim"]
    assert main(["deploys", "add", *given, "--control", str(log)]) == 0
    matchers = (Matcher("resource", "=~", "web-.*"),)
    (deploy,) = FileControlLog(log).read()
    assert isinstance(deploy, Deploy)
    assert (deploy.id, deploy.version, deploy.matchers) == ("d1", "v42", matchers)
    assert (deploy.actor, deploy.was_ms) == ("kim", 1_772_359_200_000)
    assert deploy.effective_ms > deploy.was_ms  # a live flow's ticks of then have long been closed


@pytest.mark.parametrize("matcher", ["resource", "resource=~(", ""])
def test_a_bad_matcher_is_one_clear_line(
    matcher: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "control.jsonl"
    assert main(["deploys", "add", "v42", matcher, "--at", WHEN, "--control", str(log)]) != 0
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not log.exists()


LINES = (
    '{"type": "deploy", "id": "d7", "ts_ms": 1772359200000, "resource": "web-3", "version": "v4"}\n'
    '{"id": "d8", "ts_ms": 1772359100000, "application": "shop", "region": "eu-west-1"}\n\n'
    '{"id": "d7", "ts_ms": 1772359260000, "resource": "web-4", "version": "v4"}\n'
)


def test_what_a_pipeline_has_announced_is_imported_once_by_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, file = tmp_path / "control.jsonl", tmp_path / "deploys.jsonl"
    file.write_text(LINES)
    command = ["deploys", "import", str(file), "--control", str(log), "--replay"]
    assert main(command) == 0
    assert capsys.readouterr().out == "3 of 3 deploys are new to the control log\n"
    shop = (Matcher("application", "=", "shop"), Matcher("region", "=", "eu-west-1"))
    assert FileControlLog(log).read() == [
        Deploy("d8", 1_772_359_100_000, "", shop),
        Deploy("d7:web-3", 1_772_359_200_000, "v4", (Matcher("resource", "=", "web-3"),)),
        Deploy("d7:web-4", 1_772_359_260_000, "v4", (Matcher("resource", "=", "web-4"),)),
    ]
    assert main(command) == 0
    assert capsys.readouterr().out == "0 of 3 deploys are new to the control log\n"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("{", "Input data was truncated"),
        ('{"id": "d9"}', "missing required field `ts_ms`"),
        ('{"id": "", "ts_ms": 1, "resource": "a"}', "id must name the deploy"),
        ('{"id": "d9", "ts_ms": 1}', "a deploy must say what it changed"),
    ],
)
def test_a_line_that_is_no_deploy_is_named_and_nothing_is_taken(
    line: str, wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, file = tmp_path / "control.jsonl", tmp_path / "deploys.jsonl"
    file.write_text(LINES + line)
    assert main(["deploys", "import", str(file), "--control", str(log)]) != 0
    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 1
    assert f"{file}:5: " in said
    assert wrong in said
    assert not log.exists()
