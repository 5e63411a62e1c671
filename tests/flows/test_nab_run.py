"""The benchmark's score of a run: that of the scores that the run gave, row by row."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from config.app import App
from connectors.files import FileSource
from flows.backtest import Plan, run
from flows.label_forms import read_label_file

START = np.datetime64("2026-03-01T00:00:00", "s")
ROWS = 700


def write(folder: Path) -> tuple[App, str]:
    """Write two series, of which one has a jump that is labelled, and return how they are read."""
    rng = np.random.default_rng(3)
    for name in ("calm", "jump"):
        value = rng.normal(50, 2, ROWS)
        if name == "jump":
            value[500:520] = 120.0
        rows = [f"{START + np.timedelta64(300 * i, 's')},{v:.3f}" for i, v in enumerate(value)]
        (folder / "data" / "aws").mkdir(parents=True, exist_ok=True)
        path = folder / "data" / "aws" / f"{name}.csv"
        path.write_text("timestamp,value\n" + "\n".join(rows) + "\n")
    window = [str(START + np.timedelta64(300 * i, "s")) for i in (495, 530)]
    labels = folder / "windows.json"
    labels.write_bytes(msgspec.json.encode({"aws/calm.csv": [], "aws/jump.csv": [window]}))
    source = FileSource((str(folder / "data"),))
    return App(sources=(source,), sinks=()), str(labels)


def test_a_backtest_of_windows_by_file_says_the_benchmarks_score(tmp_path: Path) -> None:
    app, where = write(tmp_path)
    labels = read_label_file(where)
    figures = run(Plan(app), labels=labels).figures
    assert figures is not None
    assert [each.profile for each in figures.nab] == [
        "standard",
        "reward_low_FP_rate",
        "reward_low_FN_rate",
    ]
    first = figures.nab[0]
    assert (first.windows, first.windows_found) == (1, 1)
    assert first.score > 60
    assert figures.overall.faults == 1
    curve = figures.curve
    assert curve.basis == "scores"
    assert curve.points[0].threshold < curve.in_use < curve.points[-1].threshold
    assert curve.points[0].false_alarms > curve.points[-1].false_alarms == 0
    assert curve.points[0].recall == curve.points[-1].recall == 1.0


def test_labels_of_other_files_are_refused(tmp_path: Path) -> None:
    app, _ = write(tmp_path)
    other = tmp_path / "other.json"
    other.write_bytes(b'{"gcp/x.csv": [["2026-03-01", "2026-03-02"]]}')
    with pytest.raises(ValueError, match=r"none of the files that were read is named"):
        run(Plan(app), labels=read_label_file(str(other)))
