"""`foreshock review` as its users meet it."""

import csv
import json
from pathlib import Path

import pytest

import foreshock
from schema import IncidentEvent
from tests.operators.test_review import EVENTS

STORE = "sqlite:///review.db"
KEYS = {
    "total_anomalies", "critical", "high", "medium", "low", "unresolved", "false_positive_rate",
    "average_confidence",
}  # fmt: skip
SPAN = ["--from", "2025-01-01", "--until", "2026-01-01"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORESHOCK_STORE", STORE)


def write_history(path: Path, events: list[IncidentEvent]) -> None:
    lives: dict[str, dict[str, IncidentEvent]] = {}
    for event in events:
        lives.setdefault(event.incident, {})[event.step] = event
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "opened_at", "resolved_at", "service", "team", "severity"])
        for name, life in lives.items():
            opened = life["opened"]
            ended = life["resolved"].ts_ms if "resolved" in life else ""
            rows.writerow([name, opened.ts_ms, ended, opened.service, opened.team, opened.severity])


def reviewed(capsys: pytest.CaptureFixture[str]) -> str:
    """Review a history; return the id of its record."""
    write_history(Path("history.csv"), EVENTS)
    assert foreshock.main(["review", "run", "history.csv", "--model", "statistical"]) == 0
    out = capsys.readouterr().out
    assert "1 record, 1 new or grown" in out
    return next(word for word in out.split() if word.startswith("anom-"))


def test_a_record_is_found_shown_moved_and_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    name = reviewed(capsys)
    assert foreshock.main(["review", "summary", *SPAN, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == KEYS
    assert (found["total_anomalies"], found["unresolved"]) == (1, 1)
    assert foreshock.main(["review", "confirm", name]) == 1
    assert "is DETECTED: next it can only be INVESTIGATING" in capsys.readouterr().err
    for act in ("investigate", "false-positive", "resolve"):
        assert foreshock.main(["review", act, name[:8], "--note", "a test", "--actor", "kim"]) == 0
    assert foreshock.main(["review", "show", name]) == 0
    shown = capsys.readouterr().out
    assert "INVESTIGATING -> FALSE_POSITIVE  kim: a test" in shown
    assert "metrics rate_1d" in shown
    assert foreshock.main(["review", "summary", *SPAN, "--json", "--by-service"]) == 0
    by_service = json.loads(capsys.readouterr().out)
    assert by_service["now"]["false_positive_rate"] == 1.0
    assert set(by_service["services"]["pay"]["now"]) == KEYS
    assert foreshock.main(["review", "list", *SPAN, "--state", "RESOLVED"]) == 0
    assert name in capsys.readouterr().out


def test_what_cannot_be_read_is_said_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": "a", "created_at": "2026-01-01T00:00:00Z", "severity": "purple"}, {"id": "b"}]
    Path("h.json").write_text(json.dumps(rows))
    assert foreshock.main(["review", "run", "h.json", "--dead-letter", "refused.jsonl"]) == 0
    said = capsys.readouterr()
    assert "1 refused: no timestamp" in said.err
    assert "severity unknown: counted as 0" in said.err
    assert "1 incident, models" in said.out
    assert "0 records" in said.out
    assert json.loads(Path("refused.jsonl").read_text())["reason"] == "no_timestamp"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["run", "nothing.csv"], "nothing.csv"),
        (["run"], "no such incident store"),
        (["run", "h.txt"], "must have a column of ids"),
        (["run", "h.json", "--model", "oracle"], "must be one of isolation_forest-1"),
        (["run", "h.json", "--window-hours", "5"], "window_hours must be one of"),
        (["run", "h.json", "--follow"], "--follow must be of a store alone"),
        (["summary", "--from", "2026-01-02", "--until", "2026-01-01"], "--from must be before"),
        (["models", "add", "x", "--algorithm", "oracle"], "got 'oracle'"),
    ],
)
def test_bad_usage_is_one_clear_line(
    args: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("h.txt").write_text("hello\n")
    Path("h.json").write_text('[{"id": "a", "created_at": "2026-01-01T00:00:00Z"}]')
    if args[0] in ("models", "summary"):
        foreshock.main(["review", "run", "h.json"])
        capsys.readouterr()
    assert foreshock.main(["review", *args]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_model_that_cannot_judge_fails_the_command_and_no_other_model(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reviewed(capsys)
    for model in ("isolation_forest", "temporal"):
        assert foreshock.main(["review", "models", "deactivate", model]) == 0
    add = ["review", "models", "add", "mine", "--algorithm", "statistical", "-p", "robust=true"]
    assert foreshock.main(add) == 0
    assert foreshock.main(["review", "models", "list"]) == 0
    out = capsys.readouterr().out
    assert "mine-1" in out
    assert "robust=True" in out
    day = ["--fit-on-window", "--until", "2020-01-01"]
    assert foreshock.main(["review", "run", "history.csv", *day]) == 1
    said = capsys.readouterr().err
    assert "model mine-1 failed: ValueError: a table to learn from must have 2 rows" in said
    assert "2 models failed; what the others found is kept" in said
