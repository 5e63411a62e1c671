"""Precision and recall over any threshold, from how every sample was judged."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from connectors.scored_windows import Spool, Verdicts, Window
from flows.figures import MAX_POINTS, Curve, CurvePoint
from flows.judged import f1_of, share
from flows.labels import AFTERMATH_MS, Fault, Labels
from schema import F64, I64

_EVER_MS = 2**62
_RAREST, _MOST_COMMON = 1e-5, 0.2  # shares of scores between which thresholds lie


def curve_of_scores(spool: Path, labels: Labels, in_use: float) -> Curve | None:
    """Return the curve of alarms by single resources: runs of scores without half an hour between.

    An alarm is right if it meets a fault of its resource, or the half hour after it.
    Memory: the scores of all resources.
    """
    found = Spool(spool)
    names = {each.series.resource.key: each.series.resource.name for each in found.series}
    windows = {Window(key, -_EVER_MS, _EVER_MS): name for key, name in names.items()}
    held = found.verdicts(windows)
    scored = [(windows[window], verdicts) for window, verdicts in held.items()]
    if not any(len(verdicts.ts_ms) for _, verdicts in scored):
        return None
    every = np.concatenate([verdicts.score for _, verdicts in scored]).astype(np.float64)
    points = tuple(_point(float(t), scored, labels.faults) for t in _thresholds(every, in_use))
    return Curve("scores", in_use, points)


def _thresholds(scores: F64, in_use: float) -> F64:
    shares = np.geomspace(_RAREST, _MOST_COMMON, MAX_POINTS - 1)
    found: F64 = np.unique(np.append(np.quantile(scores, 1.0 - shares), in_use))
    return found


def _point(
    threshold: float, scored: Sequence[tuple[str, Verdicts]], faults: Sequence[Fault]
) -> CurvePoint:
    right = wrong = 0
    caught: set[int] = set()
    for name, verdicts in scored:
        times = verdicts.ts_ms[verdicts.score >= threshold]
        if not len(times):
            continue
        first, last = _runs(times)
        is_right = np.zeros(len(first), np.bool_)
        for i, fault in enumerate(faults):
            if name in fault.resources:
                meets = (first < fault.end_ms + AFTERMATH_MS) & (last >= fault.start_ms)
                is_right |= meets
                if meets.any():
                    caught.add(i)
        right += int(is_right.sum())
        wrong += int((~is_right).sum())
    precision, recall = share(right, right + wrong), share(len(caught), len(faults))
    return CurvePoint(threshold, precision, recall, f1_of(precision, recall), wrong)


def _runs(times: I64) -> tuple[I64, I64]:
    """Return the first and last time of each run of rising times."""
    starts = np.flatnonzero(np.append(True, np.diff(times) > AFTERMATH_MS))
    return times[starts], times[np.append(starts[1:], len(times)) - 1]
