"""`make quality`: how good detection is on labelled cloud metrics, with the default settings.

Scores the corpora below a folder that is no part of this project (FORESHOCK_DATA, or `../shared`
beside the checkout) with `foreshock score`, and has the scorers there judge the result.
"""

import argparse
import atexit
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from cli.score import score

DATA = "FORESHOCK_DATA"
BESIDE = Path(__file__).parent.parent.parent / "shared"
AWS = "realAWSCloudwatch"
PAD_ROWS = 3  # an alert so close to a labelled row is right, as `point_score.py` has it
PROBATION = (0.15, 750)  # of the rows, rows at most: not judged
_FIGURE = re.compile(r"([\w@./-]+)=\s*(-?[\d.]+)")


class Figure(NamedTuple):
    """What is measured, and what it is measured by."""

    name: str
    goal: float | None
    reference: str
    value: float


def data_folder() -> Path:
    """Return where the corpora and their scorers are, or would be."""
    return Path(os.environ.get(DATA) or BESIDE)


@cache
def _kernels() -> str:
    """Return a folder for what the scorers compile, once a run."""
    folder = mkdtemp(prefix="foreshock-scorers-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def judged(tool: Path, results: Path, *args: str) -> dict[str, float]:
    """Return the figures that a scorer prints of `results`; the first of each name counts."""
    ran = subprocess.run(
        [sys.executable, "-B", str(tool), str(results), *args],
        env={**os.environ, "NUMBA_CACHE_DIR": _kernels()},  # the scorers' folder is only read
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise SystemExit(f"{tool}: {ran.stderr.strip()[-500:]}")
    found: dict[str, float] = {}
    for name, value in _FIGURE.findall(ran.stdout):
        found.setdefault(name, float(value))
    return found


def alerts_of(data: Path, results: Path) -> tuple[float, float, float]:
    """Return precision, recall of labelled segments, and false alerts a series-day, as shipped.

    Of alert edges: right within `PAD_ROWS` of a labelled row.
    """
    right = wrong = caught = segments = 0
    days = 0.0
    for file in sorted(data.glob("*/*.csv")):
        labelled = pd.read_csv(file)
        start = int(min(PROBATION[0] * len(labelled), PROBATION[1]))
        times = pd.to_datetime(labelled["TimeStamp"], utc=True).to_numpy("datetime64[s]")
        label = (pd.to_numeric(labelled["Label"], errors="coerce") > 0).to_numpy()[start:]
        scored = pd.read_csv(results / file.relative_to(data))
        alert = scored["is_anomaly"].to_numpy()[start:] == 1
        step_s = max(float(np.median(np.diff(times).astype(float))), 1.0)
        days += len(label) * step_s / 86_400
        edge = np.diff(np.concatenate(([0], label.astype(int), [0])))
        near = np.zeros(len(label), np.bool_)
        for first, end in zip(np.flatnonzero(edge == 1), np.flatnonzero(edge == -1), strict=True):
            span = slice(max(first - PAD_ROWS, 0), end + PAD_ROWS)
            near[span] = True
            caught += bool(alert[span].any())
            segments += 1
        right += int((alert & near).sum())
        wrong += int((alert & ~near).sum())
    return right / max(right + wrong, 1), caught / max(segments, 1), wrong / max(days, 1e-9)


def nab(folder: Path, tools: Path, results: Path) -> list[Figure]:
    """Return the figures of the Numenta Anomaly Benchmark."""
    tool = tools / "nab_score.py"
    profiles = {
        name: judged(tool, results, "--corpus", str(folder), "--profile", name)["score"]
        for name in ("standard", "reward_low_FP_rate", "reward_low_FN_rate")
    }
    aws = judged(tool, results, "--corpus", str(folder), "--subset", AWS)["score"]
    return [
        Figure("NAB, 28 series, standard", 78.0, "72.3 Numenta HTM", profiles["standard"]),
        Figure("NAB, AWS CloudWatch alone", 73.4, "73.4 Numenta HTM", aws),
        Figure("NAB, few false alarms wanted", None, "", profiles["reward_low_FP_rate"]),
        Figure("NAB, few misses wanted", None, "", profiles["reward_low_FN_rate"]),
    ]


def cloud_monitoring(folder: Path, tools: Path, results: Path) -> list[Figure]:
    """Return the figures of Microsoft's Cloud Monitoring Dataset."""
    kind = ("--kind", "msft", "--data", str(folder))
    found = judged(tools / "point_score.py", results, *kind)
    precision, recall, false = alerts_of(folder / "data", results)
    by = "kNN of 2 points"
    return [
        Figure("Cloud Monitoring, VUS-PR", 0.72, ".654 isolation forest", found["VUS-PR"]),
        Figure("  event F1, best threshold", 0.66, f".629 {by}", found["F1"]),
        Figure("  recall at 0.1 false a day", 0.82, f".801 {by}", found["rec@0.1"]),
        Figure("  alerts as shipped: precision", 0.6, "", precision),
        Figure("  alerts as shipped: recall", 0.6, "", recall),
        Figure("  alerts as shipped: false a day", None, "", false),
    ]


def main() -> int:
    """Score what is there and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="folder for the scores; default: thrown away")
    parser.add_argument("--config", help="settings file; default: the default settings")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    folder = data_folder()
    figures: list[Figure] = []
    with TemporaryDirectory(prefix="foreshock-quality-") as temporary:
        for name, measure in (("nab", nab), ("cloud-monitoring", cloud_monitoring)):
            corpus, results = folder / "data" / name, Path(given.keep or temporary) / name
            if not (corpus / "data").is_dir() or not (folder / "tools").is_dir():
                print(
                    f"{name} is left out: {corpus / 'data'} or its scorers are not there ({DATA})"
                )
                continue
            score([corpus / "data"], results, config=given.config, processes=given.processes)
            figures += measure(corpus, folder / "tools", results)
    if figures:
        _print(figures)
    return 0


def _print(figures: list[Figure]) -> None:
    table = Table("figure", "here", "goal", "", "best of the references")
    for figure in figures:
        digits = 1 if figure.value > 10 else 3
        goal = "" if figure.goal is None else f"{figure.goal:.{digits}f}"
        met = "" if figure.goal is None else ("met" if figure.value >= figure.goal else "missed")
        table.add_row(figure.name, f"{figure.value:.{digits}f}", goal, met, figure.reference)
    Console(width=100).print(table)  # in a log too


if __name__ == "__main__":
    sys.exit(main())
