"""`make bench-forests`: microseconds a row of both forests, beside scikit-learn and River.

By batch size, in one run, on one thread: as the flow scores (a row at a time in compiled code,
whatever the batch), through Python with a call a batch, and by the libraries that the forests come
from. Processor time, so that other work on the machine counts less; the least of some rounds, the
kinds taking turns. Also what a fit takes, and how far the scores lie apart.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from river import anomaly
from sklearn.ensemble import IsolationForest

from models.flat_forest import FlatForest, score_row, score_rows
from models.half_space_trees import (
    HalfSpaceTrees,
    HalfSpaceTreesSettings,
    grow,
    score_and_learn_row,
    score_and_learn_rows,
)
from models.isolation_forest import IsolationForestSettings, fit_forest, flatten
from models.jit import jit
from schema import F64

BATCHES = (1, 64, 4096)
ROUND_S = 0.1
GOALS = {"isolation forest": (400.0, 1.0, 1.0), "half-space trees": (20.0, 20.0, 20.0)}
FLOW, PYTHON, LIBRARY = "in the flow", "from Python", "library"


class Kind(NamedTuple):
    """One way to score: calls that each do all rows, in batches of the size given."""

    forest: str
    way: str
    call: Callable[[int], object]
    rows: int | None  # that a call scores; None: one batch


@jit
def _forest_in_flow(forest: FlatForest, rows: F64, batch: int) -> float:
    total = 0.0
    for start in range(0, rows.shape[0], batch):
        for row in rows[start : start + batch]:
            total += score_row(forest, row)
    return total


@jit
def _trees_in_flow(forest: HalfSpaceTrees, rows: F64, batch: int) -> float:
    total = 0.0
    for start in range(0, rows.shape[0], batch):
        for row in rows[start : start + batch]:
            total += score_and_learn_row(forest, row)
    return total


def _score(forest: FlatForest, rows: F64) -> object:
    return score_row(forest, rows[0]) if len(rows) == 1 else score_rows(forest, rows)


def _score_and_learn(forest: HalfSpaceTrees, rows: F64) -> object:
    one = len(rows) == 1
    return score_and_learn_row(forest, rows[0]) if one else score_and_learn_rows(forest, rows)


def _us_a_row(kind: Kind, batch: int) -> float:
    calls, spent = 0, 0.0
    block = 1
    start = time.process_time()
    while spent < ROUND_S:
        for _ in range(block):  # reading the clock costs as much as a row
            kind.call(batch)
        calls += block
        spent = time.process_time() - start
        block = 1 if spent / calls > 1e-4 else 100
    return spent / calls / (kind.rows or batch) * 1e6


def _fit_ms(call: Callable[[], object], rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best * 1e3


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="a JSON file for the figures")
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    many = max(BATCHES)
    rows = np.random.default_rng(7).normal(size=(many, given.features))
    squashed = 1.0 / (1.0 + np.exp(-rows))

    forests = IsolationForestSettings()
    model = IsolationForest(
        n_estimators=forests.trees, max_samples=forests.max_samples, random_state=forests.seed
    )
    flat = flatten(model.fit(rows))
    spaces = HalfSpaceTreesSettings()
    river = anomaly.HalfSpaceTrees(
        n_trees=spaces.trees, height=spaces.height, window_size=spaces.window, seed=spaces.seed
    )
    trees = grow(spaces, given.features)
    keyed = [dict(enumerate(row)) for row in squashed.tolist()]

    def in_river(batch: int) -> list[float]:
        scores = []
        for row in keyed[:batch]:
            scores.append(river.score_one(row))
            river.learn_one(row)
        return scores

    first = 3 * spaces.window
    apart = np.nan_to_num(score_and_learn_rows(trees, squashed[:first])) - in_river(first)
    apart_sklearn = score_rows(flat, rows) + model.score_samples(rows)

    (forest, space) = GOALS
    kinds = (
        Kind(forest, FLOW, lambda batch: _forest_in_flow(flat, rows, batch), many),
        Kind(forest, PYTHON, lambda batch: _score(flat, rows[:batch]), None),
        Kind(forest, LIBRARY, lambda batch: model.score_samples(rows[:batch]), None),
        Kind(space, FLOW, lambda batch: _trees_in_flow(trees, squashed, batch), many),
        Kind(space, PYTHON, lambda batch: _score_and_learn(trees, squashed[:batch]), None),
        Kind(space, LIBRARY, in_river, None),
    )
    best = {(kind, batch): float("inf") for kind in kinds for batch in BATCHES}
    for kind in kinds:
        kind.call(1)  # compiles
    for _ in range(given.rounds):
        best = {key: min(least, _us_a_row(*key)) for key, least in best.items()}

    print(
        f"{given.features} features; {forests.trees} trees of {forests.max_samples} rows; ", end=""
    )
    print(f"{spaces.trees} half-space trees of height {spaces.height}; us a row, by batch size")
    figures: list[dict[str, object]] = []
    library = {(kind.forest, b): us for (kind, b), us in best.items() if kind.way == LIBRARY}
    for kind in kinds:
        us = [best[kind, batch] for batch in BATCHES]
        ratios = [library[kind.forest, b] / own for b, own in zip(BATCHES, us, strict=True)]
        print(f"{kind.forest:18}{kind.way:14}" + "".join(f"{one:12,.2f}" for one in us), end="")
        reached = all(r >= goal for r, goal in zip(ratios, GOALS[kind.forest], strict=True))
        shown = "".join(f"{ratio:8,.0f}x" for ratio in ratios) + ("" if reached else "  missed")
        print("" if kind.way == LIBRARY else shown)
        figures.append(
            {
                "forest": kind.forest,
                "way": kind.way,
                "us_a_row": dict(zip(map(str, BATCHES), np.round(us, 3).tolist(), strict=True)),
                "times_faster": dict(
                    zip(map(str, BATCHES), np.round(ratios, 1).tolist(), strict=True)
                ),
            }
        )
    fitted = rows[: forests.reservoir_rows]
    fits_ms = {
        "here": _fit_ms(lambda: fit_forest(fitted, seed=forests.seed), given.rounds),
        "scikit-learn": _fit_ms(lambda: model.fit(fitted), given.rounds),
    }
    print(f"a fit, ms: {fits_ms['here']:.1f} here, {fits_ms['scikit-learn']:.1f} by scikit-learn")
    far = {"scikit-learn": float(np.abs(apart_sklearn).max()), "River": float(np.abs(apart).max())}
    print("largest difference: " + ", ".join(f"{of} {by:.1e}" for of, by in far.items()))
    if given.write:
        about = {"python": platform.python_version(), "machine": platform.machine()}
        result = {
            **about,
            "features": given.features,
            "goals": GOALS,
            "rows": figures,
            "fit_ms": {name: round(ms, 2) for name, ms in fits_ms.items()},
            "largest_difference": far,
        }
        given.write.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
