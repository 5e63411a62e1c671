"""What each detector costs: bytes of state, and microseconds a sample.

Run `python -m benchmarks.detectors`. In the flow: the kernels alone, in compiled code, a series at
a time. As an object: `judge` and `score` of `models.detector`, called from Python. Processor time,
the least of some rounds. A dump has the state of one series, or of one cohort for the forests.
"""

import math
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from models import baseline, discord, statistical
from models.baseline import BaselineSettings
from models.detector import DETECTORS, AnyDetector, create_detector
from models.discord import DiscordSettings
from models.flat_forest import FlatForest
from models.flat_forest import score_row as score_forest
from models.half_space_trees import HalfSpaceTrees, HalfSpaceTreesSettings, grow
from models.half_space_trees import score_and_learn_row as score_trees
from models.isolation_forest import fit_forest
from models.jit import jit
from models.rules import run_on
from models.season import SEASON
from models.statistical import StatisticalSettings
from models.temporal import temporal_score
from schema import F64

N = 20_000
FEATURES = 25  # five metrics
ROUNDS = 3


@jit
def _baseline(values: F64, constants: F64) -> float:
    state = np.zeros(baseline.WIDTH)
    season = np.zeros((1, SEASON), np.float32)
    views = np.zeros(baseline.VIEWS)
    for i in range(values.size):
        hour = i / 60.0 % 24.0
        args = (math.nan, 0.0, 0.0, False, constants, views)
        baseline.learn(state, season[0], values[i], float(i), hour, False, *args)
    return float(state[0])


@jit
def _statistical(values: F64, constants: F64) -> float:
    state = np.zeros(statistical.WIDTH)
    views = np.zeros(baseline.VIEWS)
    total = 0.0
    for value in values:
        views[baseline.Z_MEAN] = value
        total += statistical.judge(state, views, 0, constants)
    return total


@jit
def _temporal(values: F64) -> float:
    views = np.zeros(baseline.VIEWS)
    total = 0.0
    for value in values:
        views[baseline.Z] = value
        total += temporal_score(views, 0, 0.5, 1.0, 1.0)
    return total


@jit
def _discord(values: F64, constants: F64, past: int) -> float:
    state = np.zeros(discord.WIDTH)
    ring = np.zeros(past, np.float32)
    total = 0.0
    for value in values:
        score = discord.judge(state, ring, value, constants)
        total += 0.0 if math.isnan(score) else score
    return total


@jit
def _rules(values: F64) -> int:
    run = 0
    for value in values:
        run = run_on(run, value, 60.0, math.nan, 3, 5)
    return run


@jit
def _forest(forest: FlatForest, rows: F64) -> float:
    total = 0.0
    for row in rows:
        total += score_forest(forest, row)
    return total


@jit
def _trees(forest: HalfSpaceTrees, rows: F64) -> float:
    total = 0.0
    for row in rows:
        total += score_trees(forest, row)
    return total


def _judge_all(detector: AnyDetector, rows: F64) -> None:
    for row in rows:
        detector.judge(row)


def _us(call: Callable[[], object], samples: int) -> float:
    call()  # compiles
    best = math.inf
    for _ in range(ROUNDS):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best / samples * 1e6


def main() -> None:
    """Print both tables."""
    rng = np.random.default_rng(7)
    values = 50.0 + rng.normal(0.0, 2.0, N)
    rows = rng.normal(0.0, 1.0, (N, FEATURES))
    forest = fit_forest(rows[:1024], seed=7)
    trees = grow(HalfSpaceTreesSettings(), FEATURES)
    constants = BaselineSettings().constants(60.0)
    shapes = DiscordSettings()
    kernels: dict[str, Callable[[], object]] = {
        "baseline, shared": lambda: _baseline(values, constants),
        "statistical, on top": lambda: _statistical(values, StatisticalSettings().constants),
        "temporal, on top": lambda: _temporal(values),
        "discord": lambda: _discord(values, shapes.constants, shapes.past),
        "rules, each": lambda: _rules(values),
        "isolation_forest": lambda: _forest(forest, rows),
        "half_space_trees": lambda: _trees(trees, rows / 10.0 + 0.5),
    }
    print(f"{'in the flow':22}{'us a sample':>12}")
    for name, call in kernels.items():
        print(f"{name:22}{_us(call, N):12.2f}")
    print(f"\n{'as an object':22}{'judge, us':>12}{'score, us':>12}{'dump, B':>12}")
    for name in DETECTORS:
        settings = {"thresholds": [{"above": 60.0}]} if name == "rules" else None
        detector = create_detector(name, settings)
        given = rows[:2000] if name.endswith(("forest", "trees")) else values[:2000]
        detector.fit(given)
        judged = _us(partial(_judge_all, detector, given), len(given))
        scored = _us(partial(detector.get_anomaly_scores, given), len(given))
        print(f"{name:22}{judged:12.1f}{scored:12.1f}{len(detector.dump()):12,}")


if __name__ == "__main__":
    main()
