"""Whether a confidence means what it says: of what had 0.8, are eight in ten truly anomalous?

Reads scores that `benchmarks.quality --keep DIR` has left, or a store of incidents beside the truth
of the simulator; prints the curve, the expected calibration error (Naeini et al., 2015), and which
`even_at` and `steepness` of `detect.fusion` would have been the most likely (Platt, 1999).

    python -m benchmarks.reliability --scores DIR
    python -m benchmarks.reliability --store sqlite:///.foreshock/demo.db \
        --truth .foreshock/simulator/truth.json
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.quality import DATA, PAD_ROWS, PROBATION, data_folder
from connectors.incident_store import IncidentStore
from flows.labels import Told, read_labels
from models.fusion import FusionSettings
from schema import F64

Bools = npt.NDArray[np.bool_]

EDGES = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0])
APART_ROWS = 15  # a peak is the highest of so many rows either side
_FURTHEST = 1e-9  # of a confidence from 0 and 1, before its logarithm is taken
_ALL = 1_000_000


class Judged(NamedTuple):
    """What had a confidence, and whether it was right."""

    confidence: F64  # (n,) in [0, 1]
    right: Bools  # (n,)


class Bin(NamedTuple):
    """What had a confidence in [least, most); the last bin has 1 too."""

    least: float
    most: float
    size: int
    said: float  # their mean confidence
    was: float  # share of them that was right


class Scored(NamedTuple):
    """The rows of one series that have a score and are no probation."""

    confidence: F64
    right: Bools
    alert: Bools


def bins_of(judged: Judged) -> list[Bin]:
    """Return the bins that hold anything, by confidence."""
    at = np.clip(np.searchsorted(EDGES, judged.confidence, side="right") - 1, 0, len(EDGES) - 2)
    return [
        Bin(
            float(EDGES[i]),
            float(EDGES[i + 1]),
            int((at == i).sum()),
            float(judged.confidence[at == i].mean()),
            float(judged.right[at == i].mean()),
        )
        for i in range(len(EDGES) - 1)
        if (at == i).any()
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error, in [0, 1]; NaN of nothing."""
    total = sum(each.size for each in bins)
    return sum(each.size * abs(each.said - each.was) for each in bins) / total if total else np.nan


def most_likely(judged: Judged, today: FusionSettings) -> tuple[float, float] | None:
    """Return the `even_at` and `steepness` by which what was right would have been most likely.

    A logistic regression of what was right on the fused score, with Platt's targets, which keep it
    finite where scores part right from wrong. None where all was right, or all wrong, or the score
    says nothing.
    """
    right = int(judged.right.sum())
    wrong = len(judged.right) - right
    if not right or not wrong:
        return None
    sure = np.clip(judged.confidence, _FURTHEST, 1.0 - _FURTHEST)
    score = np.log(sure / (1.0 - sure)) / today.steepness + today.even_at
    target = np.where(judged.right, (right + 1.0) / (right + 2.0), 1.0 / (wrong + 2.0))
    columns = np.stack((score, np.ones_like(score)), axis=1)
    weights = np.zeros(2)
    for _ in range(100):
        chance = 1.0 / (1.0 + np.exp(-np.clip(columns @ weights, -30.0, 30.0)))
        slope = columns.T @ (target - chance)
        bend = columns.T @ (columns * (chance * (1.0 - chance) + 1e-9)[:, None])
        step = np.linalg.solve(bend, slope)
        weights = weights + np.clip(step, -2.0, 2.0)
        if float(np.abs(step).max()) < 1e-9:
            break
    steepness, shift = (float(each) for each in weights)
    return (-shift / steepness, steepness) if steepness > 0 else None


def peaks(confidence: F64) -> Bools:
    """Tell which rows are the highest of their neighbourhood, of equal ones the first."""
    wide = np.pad(confidence, APART_ROWS, constant_values=-1.0)
    windows = np.lib.stride_tricks.sliding_window_view(wide, 2 * APART_ROWS + 1)
    return np.asarray(windows.argmax(axis=1) == APART_ROWS)


def series_of(corpus: Path, results: Path) -> Iterator[Scored]:
    """Yield the series of a corpus that were scored into `results`."""
    windows = corpus / "labels" / "combined_windows.json"
    named = json.loads(windows.read_text()) if windows.is_file() else None
    for file in sorted((corpus / "data").glob("*/*.csv")):
        relative = file.relative_to(corpus / "data")
        given = pd.read_csv(file)
        scored = pd.read_csv(results / relative)
        label = _labelled(given) if named is None else _in_windows(given, named[str(relative)])
        confidence = scored["confidence"].to_numpy(np.float64)
        judged = np.isfinite(confidence)
        judged[: int(min(PROBATION[0] * len(given), PROBATION[1]))] = False
        alert = scored["is_anomaly"].to_numpy() == 1
        yield Scored(confidence[judged], label[judged], alert[judged])


def _labelled(given: pd.DataFrame) -> Bools:
    """Return which rows are labelled, or nearly."""
    label = (pd.to_numeric(given["Label"], errors="coerce") > 0).to_numpy(np.float64)
    return np.convolve(label, np.ones(2 * PAD_ROWS + 1), mode="full")[PAD_ROWS:-PAD_ROWS] > 0.5


def _in_windows(given: pd.DataFrame, windows: Sequence[Sequence[str]]) -> Bools:
    times = pd.to_datetime(given["timestamp"])
    inside = np.zeros(len(given), np.bool_)
    for first, last in windows:
        inside |= ((times >= pd.Timestamp(first)) & (times <= pd.Timestamp(last))).to_numpy()
    return inside


def kinds_of(series: Sequence[Scored]) -> dict[str, Judged]:
    """Return the series' rows, their peaks and their alerts, each as one."""
    picks = {
        "rows": [np.ones(len(each.right), np.bool_) for each in series],
        "peaks": [peaks(each.confidence) for each in series],
        "alerts": [each.alert for each in series],
    }
    return {
        name: Judged(
            np.concatenate([s.confidence[p] for s, p in zip(series, picked, strict=True)]),
            np.concatenate([s.right[p] for s, p in zip(series, picked, strict=True)]),
        )
        for name, picked in picks.items()
    }


def incidents_of(store: str, truth: Path) -> Judged:
    """Return the incidents of a store, right where they match a fault; see `flows.labels`."""
    faults = read_labels(truth.read_bytes()).faults
    opened = IncidentStore(store)
    try:
        incidents = opened.list_incidents(limit=_ALL)
    finally:
        opened.close()
    told = [
        Told(
            each.id,
            frozenset(member.resource.name for member in each.members),
            each.opened_ms,
            each.resolved_ms,
        )
        for each in incidents
    ]
    right = [any(each.matches(fault) for fault in faults) for each in told]
    return Judged(np.array([each.confidence for each in incidents]), np.array(right, np.bool_))


def main() -> int:
    """Print the curves of what is named and there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scores", type=Path, help="folder of `benchmarks.quality --keep`")
    parser.add_argument("--store", help="URL of an incident store, with --truth")
    parser.add_argument("--truth", type=Path, help="truth file of the simulator")
    given = parser.parse_args()
    if given.scores is None and (given.store is None or given.truth is None):
        parser.error("must have --scores, or --store and --truth")
    found: dict[str, Judged] = {}
    for name in ("nab", "cloud-monitoring") if given.scores else ():
        corpus, results = data_folder() / "data" / name, given.scores / name
        if not (corpus / "data").is_dir() or not results.is_dir():
            print(f"{name} is left out: {corpus / 'data'} or {results} is not there ({DATA})")
            continue
        kinds = kinds_of(list(series_of(corpus, results)))
        found |= {f"{name}, {kind}": judged for kind, judged in kinds.items()}
    if given.store and given.truth:
        found["simulator, incidents"] = incidents_of(given.store, given.truth)
    for name, judged in found.items():
        _print(name, judged)
    return 0


def _print(name: str, judged: Judged) -> None:
    bins = bins_of(judged)
    best = most_likely(judged, FusionSettings())
    fitted = (
        "" if best is None else f"; most likely: even_at {best[0]:.2f}, steepness {best[1]:.2f}"
    )
    error = calibration_error(bins)
    table = Table("confidence", "how many", "mean", "right", title_justify="left", title=name)
    for each in bins:
        span = f"{each.least:.2f} to {each.most:.2f}"
        table.add_row(span, f"{each.size:,}", f"{each.said:.3f}", f"{each.was:.3f}")
    console = Console(width=100)
    console.print(table)
    said = "nothing was said" if math.isnan(error) else f"expected calibration error {error:.3f}"
    console.print(said + fitted + "\n")


if __name__ == "__main__":
    sys.exit(main())
