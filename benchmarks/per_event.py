"""The way one would write it first: a Python object a sample, a model call a row."""

import json
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import fmean, pstdev
from typing import Any

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.inputs import DynamicSource, StatelessSourcePartition
from river import anomaly
from sklearn.ensemble import IsolationForest

from benchmarks.estate import METRICS
from benchmarks.tap import Tap

SHORT, LONG = 8, 60
Sample = tuple[str, tuple[int, str, float]]


@dataclass
class Past:
    """What is kept of one resource."""

    values: dict[str, deque[float]] = field(default_factory=dict)
    tick: int = -1
    row: dict[str, tuple[float, float, float]] = field(default_factory=dict)


class Lines(DynamicSource[bytes]):
    """Hands out one line an item; says when it comes to the line numbered `timed_from`."""

    def __init__(self, lines: Sequence[bytes], timed_from: int, timed: Callable[[], None]) -> None:
        self._part = LinesPart(lines, timed_from, timed)

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "LinesPart":
        """Return the part of the one worker."""
        return self._part


class LinesPart(StatelessSourcePartition[bytes]):
    """Implements Bytewax's partition."""

    def __init__(self, lines: Sequence[bytes], timed_from: int, timed: Callable[[], None]) -> None:
        self._lines = lines
        self._timed_from = timed_from
        self._timed = timed
        self._next = 0

    def next_batch(self) -> list[bytes]:
        """Return one line."""
        at = self._next
        if at == len(self._lines):
            raise StopIteration
        if at == self._timed_from:
            self._timed()
        self._next = at + 1
        return [self._lines[at]]


def models() -> tuple[IsolationForest, Any]:
    """Return both forests with the flow's default sizes, taught on noise."""
    rows = np.random.default_rng(7).normal(size=(1024, METRICS * 3))
    forest = IsolationForest(n_estimators=50, max_samples=256, random_state=7).fit(rows)
    trees = anomaly.HalfSpaceTrees(n_trees=25, height=8, window_size=250, seed=7)
    for row in (1.0 / (1.0 + np.exp(-rows[:300]))).tolist():
        trees.learn_one(dict(enumerate(row)))
    return forest, trees


def build(
    lines: Sequence[bytes], timed_from: int, timed: Callable[[], None], sink: Tap[Any]
) -> Dataflow:
    """Return the flow; a resource's row is scored when its next tick begins."""
    forest, trees = models()

    def parse(line: bytes) -> Sample:
        point = json.loads(line)
        key = "|".join((point["account_id"], point["region"], *point["dimensions"].values()))
        ts = datetime.fromtimestamp(point["timestamp"] / 1000, UTC)
        value = point["value"]["sum"] / point["value"]["count"]
        return key, (int(ts.timestamp()) // 60, point["metric_name"], value)

    def score(past: Past | None, sample: tuple[int, str, float]) -> tuple[Past, list[float]]:
        past = past or Past()
        tick, metric, value = sample
        verdict: list[float] = []
        if tick != past.tick and len(past.row) == METRICS:
            row = [x for name in sorted(past.row) for x in past.row[name]]
            squashed = {
                i: 1.0 / (1.0 + math.exp(-min(max(x, -12.0), 12.0))) for i, x in enumerate(row)
            }
            isolated = -float(forest.score_samples(np.array([row]))[0])
            verdict = [isolated, trees.score_one(squashed)]
            trees.learn_one(squashed)
            past.row = {}
        past.tick = tick
        seen = past.values.setdefault(metric, deque(maxlen=LONG))
        if len(seen) >= 2:
            recent = list(seen)[-SHORT:]
            deviation = pstdev(seen) or 1.0
            past.row[metric] = (
                (value - fmean(seen)) / deviation,
                (fmean(recent) - fmean(seen)) / deviation,
                (value - seen[-1]) / deviation,
            )
        seen.append(value)
        return past, verdict

    flow = Dataflow("per_event")
    samples = op.map("parse", op.input("lines", flow, Lines(lines, timed_from, timed)), parse)
    scored = op.stateful_map("score", samples, score)
    op.output("out", op.filter("rows", scored, lambda item: bool(item[1])), sink)
    return flow
