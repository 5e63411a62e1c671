"""`foreshock simulate` and `foreshock inject`."""

import json
from pathlib import Path

import pytest

import foreshock


def run(*args: object) -> int:
    return foreshock.main([str(arg) for arg in args])


def test_simulate_writes_a_folder_and_says_what_is_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sim"
    assert run("simulate", "--days", 0.1, "--resources", 6, "--seed", 4, "--out", out) == 0
    said = capsys.readouterr().out
    assert "samples/aws.jsonl  cloudwatch-json" in said
    assert "benign events" in said
    assert json.loads((out / "manifest.json").read_bytes())["seed"] == 4


def test_the_twin_has_no_faults(tmp_path: Path) -> None:
    common = ("--days", 2, "--resources", 6, "--interval-s", 600, "--faults-per-day", 3)
    assert run("simulate", *common, "--out", tmp_path / "a") == 0
    assert run("simulate", *common, "--no-faults", "--out", tmp_path / "b") == 0
    with_, without = (
        json.loads((tmp_path / name / "truth.json").read_bytes()) for name in ("a", "b")
    )
    assert with_["faults"]
    assert without["faults"] == []
    assert without["benign"] == with_["benign"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--days", "1"), "exactly one of --out DIR and --kafka BROKERS"),
        (("--out", "x", "--kafka", "h:1"), "exactly one of --out DIR and --kafka BROKERS"),
        (("--out", "x", "--live"), "--live needs --kafka"),
        (("--out", "x", "--days", "0"), "days must be in (0, 3660], got 0.0"),
        (("--out", "x", "--days", "nan"), "days must be in"),
        (("--out", "x", "--resources", "1"), "resources must be in"),
        (("--out", "x", "--format", "csv"), "format must be one of cloudwatch-json"),
        (("--out", "x", "--start", "soon"), "start must be an ISO 8601 time"),
        (("--kafka", "h:1", "--speed", "0", "--live"), "speed must be in"),
        (("--kafka", "h:1", "--topic-prefix", "a b"), "topic must be of letters"),
        (("--kafka", "h:1", "--kafka-property", "ssl"), "NAME=VALUE"),
    ],
)
def test_bad_input_is_one_clear_line(
    args: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("simulate", *args) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_inject_without_a_simulation_says_how_to_start_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("inject", "cpu_hog", "--resource", "x", "--state-dir", tmp_path) == 2
    assert "start `foreshock demo`" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["simulate", "inject"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, "--help") == 0
    assert f"foreshock {command} " in capsys.readouterr().out
