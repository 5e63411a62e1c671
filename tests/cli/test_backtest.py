"""`foreshock backtest` over windows of files: ranges, models, partial runs, and going on."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from flows import progress
from foreshock import main
from tests.operators.small_estate import MINUTES, START_MS, point

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a sample a minute of two resources."""
    path = tmp_path_factory.mktemp("history") / "a.jsonl"
    lines = [
        point(name, "cpu.utilization", minute, 20.0 + minute % 7)
        for minute in range(MINUTES)
        for name in ("i-1", "i-2")
    ]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def time_at(hours: float) -> str:
    stamp = time.gmtime((START_MS + hours * HOUR_MS) / 1000)
    return time.strftime("%Y-%m-%dT%H:%MZ", stamp)


def backtest(capsys: pytest.CaptureFixture[str], *args: object, code: int = 0) -> dict[str, Any]:
    words = ["backtest", *map(str, args), "--format", "foreshock-json", "--json"]
    assert main(words) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_range_of_files_is_one_of_event_times(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = backtest(capsys, data, "--from", time_at(1), "--to", time_at(2))
    assert (found["payloads"], found["samples"]) == (2 * MINUTES, 120)
    assert found["event_s"] == pytest.approx(3_600, abs=120)
    assert found["times_real_time"] > 0
    assert found["cpu_s"] > 0
    assert found["peak_rss_bytes"] > 2**24


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--from", "yesterday"), "--from must be a time such as '2026-03-01T00:00:00Z', got"),
        (("--to", "2026-03-02T00:00"), "--to must be a time such as"),
        (("--from", time_at(2), "--to", time_at(1)), "--to must be after --from"),
        (("--train-to", time_at(2), "--from", time_at(1)), "--train-to must not be after --from"),
        (("--train-from", time_at(1)), "--train-from needs --train-to or --from"),
        (("--model", "v1"), "--model: v1: neither a registry's folder, nor"),
        (("--control-log", "none.jsonl"), "--control-log: none.jsonl: no such file"),
    ],
)
def test_windows_and_models_that_cannot_be_are_refused(
    data: Path, options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backtest", str(data), "--format", "foreshock-json", *options]) == 2
    assert said in capsys.readouterr().err


def test_without_paths_and_settings_nothing_can_be_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["backtest", "--workers", "1"]) == 2
    assert "say what to read: PATHS, or -c FILE for its sources" in capsys.readouterr().err


def test_a_model_serves_that_was_trained_before_and_one_that_is_given(
    data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = tmp_path / "s.yaml"
    registry = tmp_path / "models"
    settings.write_text(
        f"sources: [{{type: files, paths: [{data}], format: foreshock-json}}]\n"
        f"models: {registry}\ningest: {{groups: 2}}\n"
        "detect: {isolation_forest: {trees: 10, max_samples: 64, min_rows: 60}}\n"
    )
    with_settings = ("-c", settings, "--from", time_at(4))
    alone = backtest(capsys, *with_settings)
    walked = backtest(capsys, *with_settings, "--train-from", time_at(0))
    assert walked["samples"] == alone["samples"] == 2 * (MINUTES - 240)
    assert not registry.exists()
    assert main(["train", "-c", str(settings), "--models", str(registry)]) == 0
    version = capsys.readouterr().out.split(": ")[1].split()[0]
    assert backtest(capsys, *with_settings, "--model", version)["samples"] == alone["samples"]
    assert main(["backtest", "-c", str(settings), "--model", "none-1"]) == 1
    assert "no model 'none-1' in the registry" in capsys.readouterr().err


def test_a_run_that_is_stopped_says_how_far_it_came_and_is_gone_on_with(
    data: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = backtest(capsys, data)
    folder = tmp_path / "kept"
    kept = (data, "--batch", "10", "--resume", folder)

    def stop_once_something_is_judged() -> None:
        deadline = time.monotonic() + 60
        words = folder / "words"
        while time.monotonic() < deadline and not (words.exists() and words.stat().st_size):
            threading.Event().wait(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.001)
    stopper = threading.Thread(target=stop_once_something_is_judged)
    stopper.start()
    part = backtest(capsys, *kept, code=130)
    stopper.join()
    assert part["partial"].startswith("stopped by SIGINT: judged up to ")
    assert part["samples"] < whole["samples"]
    assert (
        main(["backtest", *map(str, kept), "--format", "foreshock-json", "--to", time_at(3)]) == 1
    )
    assert "must be of a backtest with the same settings, sources differ" in capsys.readouterr().err
    rest = backtest(capsys, *kept)
    assert rest["partial"] == ""
    for name in ("samples", "payloads", "late", "incident_count", "outcome_digest"):
        assert rest[name] == whole[name]
