"""The score of the Numenta Anomaly Benchmark, from its published definition.

An early detection within a window is worth up to 1, a false one costs the more the farther it is
from the window before, and one threshold serves all files: that with the best sum. 100 is all that
could be had, 0 is to say nothing.
Source: Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms - the Numenta Anomaly
Benchmark", 2015. Windows are taken by row numbers, as its own scorer does.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from schema import F64, I64

PROBATION = (0.15, 750)  # share of a file's rows, and rows at most, that are not judged
_FAR = 3.0  # window lengths after a window, from which on a false detection costs all
_STEEP = 5.0


class Profile(NamedTuple):
    """What a window found and missed, and a false detection, weigh."""

    found: float
    missed: float
    false: float


PROFILES: Mapping[str, Profile] = {
    "standard": Profile(1.0, 1.0, 0.11),
    "reward_low_FP_rate": Profile(1.0, 1.0, 0.22),
    "reward_low_FN_rate": Profile(1.0, 2.0, 0.11),
}


class ScoredFile(NamedTuple):
    """The rows of one file; windows by first and last row, rising and apart."""

    score: F64  # (n,), higher is more anomalous; NaN: none
    windows: tuple[tuple[int, int], ...]


class NabScore(msgspec.Struct, frozen=True):
    """The best that one threshold gives."""

    profile: str
    score: float  # 100 at most
    threshold: float | None  # a row is detected from it on; None: best is to say nothing
    windows: int
    windows_found: int
    false_rows: int


class _Row(NamedTuple):
    """Rows of all files that count, in columns."""

    score: F64
    window: I64  # number of the row's window, -1: outside
    worth: F64  # in [0, 1] within a window, [-1, 0] outside


def scaled_sigmoid(y: F64) -> F64:
    """Return what a place is worth, from 1 well before a window's end over 0 to -1 far after.

    >>> scaled_sigmoid(np.array([-1.0, 0.0, 3.0, 3.1])).round(4).tolist()
    [0.9866, 0.0, -1.0, -1.0]
    """
    return np.where(y > _FAR, -1.0, 2.0 / (1.0 + np.exp(_STEEP * np.minimum(y, _FAR))) - 1.0)


def probation_rows(rows: int) -> int:
    """Return how many first rows of a file do not count.

    >>> probation_rows(100), probation_rows(1_000_000)
    (15, 750)
    """
    return min(int(PROBATION[0] * rows), PROBATION[1])


def nab_score(files: Sequence[ScoredFile], profile: str = "standard") -> NabScore | None:
    """Return the score of files under one threshold; None where there is no window.

    A window all of whose rows are in the probation can be neither found nor missed, and still
    counts to what could be had. Of thresholds that are as good the highest is taken.
    """
    weight = PROFILES[profile]
    windows = sum(len(file.windows) for file in files)
    if not windows:
        return None
    rows = _rows(files)
    order = np.argsort(-rows.score, kind="stable")
    rows = _Row(rows.score[order], rows.window[order], rows.worth[order])
    nothing = -weight.missed * len(np.unique(rows.window[rows.window >= 0]))
    totals = nothing + np.cumsum(_gains(rows, weight))
    ends = np.flatnonzero(np.append(rows.score[1:] != rows.score[:-1], True))  # of equal scores
    ends = ends[np.isfinite(rows.score[ends])]
    best = int(np.argmax(np.append(nothing, totals[ends])))
    total = nothing if best == 0 else float(totals[ends[best - 1]])
    detected = rows.window[: 0 if best == 0 else int(ends[best - 1]) + 1]
    return NabScore(
        profile,
        100.0 * (total - nothing) / (weight.found * windows - nothing),
        None if best == 0 else float(rows.score[ends[best - 1]]),
        windows,
        len(np.unique(detected[detected >= 0])),
        int((detected < 0).sum()),
    )


def _rows(files: Sequence[ScoredFile]) -> _Row:
    parts, number = [], 0
    for file in files:
        count = len(file.score)
        row = np.arange(count)
        window = np.full(count, -1)
        worth = np.full(count, -1.0)
        for i, (first, last) in enumerate(file.windows):
            inside = slice(first, last + 1)
            window[inside] = number + i
            from_end = (row[inside] - last - 1) / (last - first + 1)
            worth[inside] = scaled_sigmoid(from_end) / scaled_sigmoid(np.array(-1.0))
            after = slice(last + 1, file.windows[i + 1][0] if i + 1 < len(file.windows) else count)
            # a window of one row has no length to measure by
            worth[after] = scaled_sigmoid((row[after] - last) / max(last - first, 1e-9))
        number += len(file.windows)
        counts = slice(probation_rows(count), count)
        score = np.where(np.isnan(file.score), -np.inf, file.score)
        parts.append(_Row(score[counts], window[counts], worth[counts]))
    return _Row(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _gains(rows: _Row, weight: Profile) -> F64:
    """Return what each row adds to the total, in falling order of score.

    A window is worth the best of its rows that are detected.
    """
    outside = rows.window < 0
    gains = np.where(outside, weight.false * rows.worth, 0.0)
    for window in np.unique(rows.window[~outside]):
        at = np.flatnonzero(rows.window == window)
        best = np.maximum.accumulate(weight.found * rows.worth[at])
        gains[at] = np.diff(best, prepend=-weight.missed)
    return gains
