"""`backtest --report` as its user runs it."""

from pathlib import Path

import msgspec
import pytest

import foreshock
from tests.operators.small_estate import estate


@pytest.fixture
def history(tmp_path: Path) -> Path:
    folder = tmp_path / "history"
    folder.mkdir()
    for i, part in enumerate(estate()):
        (folder / f"{i}.jsonl").write_bytes(b"\n".join(part) + b"\n")
    return folder


def test_a_backtest_leaves_a_page_and_json_and_nothing_else(
    tmp_path: Path, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out" / "report"
    command = ["backtest", str(history), "--format", "foreshock-json", "--json"]
    assert foreshock.main([*command, "--report", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.json"]
    printed = msgspec.json.decode(capsys.readouterr().out)
    told = msgspec.json.decode((out / "report.json").read_bytes())
    assert told["summary"]["outcome_digest"] == printed["outcome_digest"]
    assert told["summary"]["samples"] == printed["samples"]
    assert [each["last"]["incident"]["id"] for each in told["incidents"]] == [
        each["id"] for each in printed["incidents"]
    ]
    assert all(each["plots"] for each in told["incidents"])
    page = (out / "report.html").read_text()
    assert all(each["id"] in page for each in printed["incidents"])


def test_two_runs_leave_one_page_and_json_and_nothing_else(
    tmp_path: Path, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, other = tmp_path / "report", tmp_path / "never.yaml"
    other.write_text(
        f"sources: [{{type: files, paths: [{history}]}}]\ndetect: {{fusion: {{threshold: 16.0}}}}\n"
    )
    command = ["backtest", str(history), "--format", "foreshock-json", "--json"]
    assert foreshock.main([*command, "--compare", str(other), "--report", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.json"]
    printed = msgspec.json.decode(capsys.readouterr().out)["comparison"]
    told = msgspec.json.decode((out / "report.json").read_bytes())["comparison"]
    assert len(printed["lost"]) > 0
    for name in ("before", "after", "gained", "lost", "changed", "unchanged", "figures"):
        assert told[name] == printed[name]
    assert [each["key"] for each in told["settings"]] == ["detect.fusion.threshold"]
    page = (out / "report.html").read_text()
    assert all(f'href="#{each["id"]}"' in page for each in printed["lost"])


def test_a_folder_that_cannot_be_written_is_said_before_the_run(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = str(history / "0.jsonl")
    command = ["backtest", str(history), "--format", "foreshock-json", "--report", taken]
    assert foreshock.main(command) == 2
    assert f"--report: {taken}: File exists" in capsys.readouterr().err
