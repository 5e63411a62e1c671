"""`foreshock tune` as its user runs it, over replays that are made up."""

import json
from pathlib import Path

import msgspec
import pytest

import foreshock
from flows.backtest import Plan
from flows.outcome import Outcome
from tests.flows.test_tune import KEY, LABELS, finds, outcome

EVERYTHING, FEW = list(range(40)), list(range(0, 40, 4))


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the command without its tries; by a threshold of 5 every fault is found."""
    (tmp_path / "a.jsonl").write_text("{}\n")
    (tmp_path / "truth.json").write_bytes(msgspec.json.encode(LABELS))

    def replayed(plan: Plan, **_: object) -> Outcome:
        threshold = plan.app.detect.fusion.threshold
        return outcome(finds(*(EVERYTHING if threshold == 5.0 else FEW)))

    monkeypatch.setattr("flows.backtest.replayed", replayed)
    labels = str(tmp_path / "truth.json")
    return [
        "tune", str(tmp_path / "a.jsonl"), "--format", "foreshock-json", "--labels", labels,
    ]  # fmt: skip


def test_what_is_confirmed_is_printed_as_yaml(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert foreshock.main([*command, "--try", f"{KEY}=5.0,6.0"]) == 0
    printed = capsys.readouterr()
    assert "foreshock: 3 runs over the data, the present settings first" in printed.err
    assert f"foreshock: run 3 of 3: {KEY}=6.0" in printed.err
    lines = printed.out.splitlines()
    assert lines[2].split() == ["present", "settings", "1.00", "0.25", "0.40", "0.00"]
    assert lines[3].split() == [f"{KEY}=5.0", "1.00", "1.00", "1.00", "0.00"]
    assert f"best        {KEY}=5.0" in lines
    assert printed.out.endswith("Use:\n\ndetect:\n  fusion:\n    threshold: 5.0\n")


def test_where_nothing_is_better_nothing_is_to_be_used(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert foreshock.main([*command, "--try", f"{KEY}=6.0"]) == 0
    assert capsys.readouterr().out.endswith(
        "the present settings have the best f1: nothing to change\n"
    )


def test_programs_get_one_object(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert foreshock.main([*command, "--try", f"{KEY}=5.0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["confirmed"], found["best"]) == (True, {KEY: 5.0})
    assert {"tried", "figures", "settings", "training", "confirming"} <= set(found)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--try", f"{KEY}=5", "--objective", "luck"], "--objective must be one of"),
        (["--try", f"{KEY}=5,6,7", "--max-runs", "3"], "gives 4 runs, more than --max-runs 3"),
        (["--try", f"{KEY}=99"], "threshold must be in (0, 16], got 99"),
        (["--try", "detect.nothing=1"], "must be a setting, got 'nothing'"),
        (["--try", f"{KEY}=5", "--split", "soon"], "--split must be a time such as"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_runs(
    command: list[str], options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert foreshock.main([*command, *options]) == 2
    printed = capsys.readouterr()
    assert said in " ".join(printed.err.split())
    assert "runs over the data" not in printed.err
