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
    assert FileControlLog(log).read() == [Deploy("d1", 1_772_359_200_000, "v42", matchers, "kim")]


@pytest.mark.parametrize("matcher", ["resource", "resource=~(", ""])
def test_a_bad_matcher_is_one_clear_line(
    matcher: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "control.jsonl"
    assert main(["deploys", "add", "v42", matcher, "--at", WHEN, "--control", str(log)]) != 0
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not log.exists()
