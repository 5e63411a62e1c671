"""scikit-learn's Isolation Forest as flat arrays, scored by compiled loops at any batch size.

scikit-learn fits; what it fitted is copied into arrays that need no scikit-learn to score, and
that can be stored and checked. A walk takes the same number of steps for every row and has no
branch to mispredict: the two children of a node stand side by side, and a leaf leads to itself.

Rows must be finite: where a metric is missing, the caller puts 0, "as normal" for features that
are deviations from a resource's own past. NaN is not refused; it takes the left way at each node.

Source: Liu, Ting, Zhou: Isolation Forest, ICDM 2008, equations 1 and 2.
"""

import math
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from models.jit import jit
from schema import F64

if TYPE_CHECKING:  # takes seconds to import: whoever only scores or reads settings is spared it
    from sklearn.ensemble import IsolationForest

F32 = npt.NDArray[np.float32]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]

MAX_TREES = 1_000
MAX_SAMPLES = 65_536
MAX_FEATURES = 65_535
MAX_DEPTH = 64
DAY_S = 86_400


class IsolationForestSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How forests are grown, and when the flow grows one anew from its reservoir."""

    trees: int = 50
    max_samples: int = 256  # rows a tree is grown from
    seed: int = 7
    min_rows: int = 512  # no forest before a reservoir holds so many
    refit_s: int = DAY_S  # event time between two fits
    reservoir_rows: int = 1_024  # rows kept to fit from, a group and service

    def __post_init__(self) -> None:
        if not 1 <= self.trees <= MAX_TREES:
            raise ValueError(f"trees must be in [1, {MAX_TREES}], got {self.trees!r}")
        if not 2 <= self.max_samples <= MAX_SAMPLES:
            raise ValueError(f"max_samples must be in [2, {MAX_SAMPLES}], got {self.max_samples!r}")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be in [0, 2**32), got {self.seed!r}")
        if not 2 <= self.min_rows <= self.reservoir_rows:
            raise ValueError(
                f"min_rows must be in [2, reservoir_rows = {self.reservoir_rows}], "
                f"got {self.min_rows!r}"
            )
        if not 60 <= self.refit_s <= 365 * DAY_S:
            raise ValueError(f"refit_s must be in [60, {365 * DAY_S}] s, got {self.refit_s!r}")
        if not self.reservoir_rows <= 1_000_000:
            raise ValueError(f"reservoir_rows must be <= 1000000, got {self.reservoir_rows!r}")


class FlatForest(NamedTuple):
    """A fitted forest; all trees of `(n_nodes,)` arrays one after the other, roots first.

    `child` is the left child's index, the right one follows it; a leaf is its own `child`, with
    threshold +inf. Go left where float32(x) <= threshold, as scikit-learn does.
    A named tuple of arrays and numbers, so that it can be handed to any compiled kernel as it is.
    """

    feature: U16  # (n_nodes,); 0 at a leaf
    threshold: F32  # (n_nodes,)
    child: U32  # (n_nodes,)
    path: F64  # (n_nodes,) at a leaf: its depth + average path length of the rows in it; else 0
    roots: U32  # (n_trees,)
    depth: int  # of the deepest tree: steps of every walk
    features: int  # width of a row
    denominator: float  # n_trees * average path length of max_samples


@jit
def score_row(forest: FlatForest, row: F64) -> float:
    """Return the anomaly score in (0, 1] of a finite `(features,)` row; higher is more anomalous.

    Equals `-IsolationForest.score_samples` to 1e-12. For use in kernels: nothing is checked, and a
    row shorter than `forest.features` reads outside of it. The row may be float32 as well.
    """
    total = 0.0
    for tree in range(forest.roots.size):
        node = np.uint64(forest.roots[tree])
        for _ in range(forest.depth):
            value = np.float32(row[np.uint64(forest.feature[node])])
            node = np.uint64(forest.child[node]) + np.uint64(value > forest.threshold[node])
        total += forest.path[node]
    if forest.denominator == 0.0:  # grown from one row: scikit-learn's convention
        return 0.5
    return float(2.0 ** (-total / forest.denominator))


@jit
def _score_rows(forest: FlatForest, rows: F64, out: F64) -> None:
    for i in range(rows.shape[0]):
        out[i] = score_row(forest, rows[i])


def score_rows(forest: FlatForest, rows: F64) -> F64:
    """Return `score_row` of each row of `(n, features)`, whatever the batch.

    >>> rows = np.column_stack([np.sin(np.arange(300.0)), np.cos(np.arange(300.0))])
    >>> forest = fit_forest(rows, trees=50, max_samples=256, seed=7)
    >>> score_rows(forest, np.array([[1.0, 0.0], [5.0, 5.0]])).round(1).tolist()
    [0.5, 0.6]
    """
    if rows.ndim != 2 or rows.shape[1] != forest.features:
        raise ValueError(f"rows must be (n, {forest.features}), got {rows.shape!r}")
    out = np.empty(rows.shape[0])
    _score_rows(forest, rows, out)
    return out


def average_path_length(n: int) -> float:
    """Return the mean length of an unsuccessful search in a binary search tree of `n` rows.

    >>> average_path_length(1), average_path_length(2), round(average_path_length(256), 4)
    (0.0, 1.0, 10.2448)
    """
    if n <= 1:
        return 0.0
    if n == 2:
        return 1.0
    return 2.0 * (math.log(n - 1.0) + np.euler_gamma) - 2.0 * (n - 1.0) / n


def _not_above(value: float) -> np.float32:
    """Return the largest float32 <= `value`: float32 inputs compare with both alike."""
    near = np.float32(value)
    return near if float(near) <= value else np.nextafter(near, np.float32(-np.inf))


def flatten(model: "IsolationForest") -> FlatForest:
    """Copy a fitted `sklearn.ensemble.IsolationForest`; each tree breadth first."""
    feature: list[int] = []
    threshold: list[np.float32] = []
    child: list[int] = []
    path: list[float] = []
    roots: list[int] = []
    deepest = 0
    for estimator, columns in zip(model.estimators_, model.estimators_features_, strict=True):
        tree = estimator.tree_
        root = len(feature)
        roots.append(root)
        queue = [(0, 0)]  # node of scikit-learn's, its depth
        for at, (node, depth) in enumerate(queue):  # grows while it is walked
            left, right = int(tree.children_left[node]), int(tree.children_right[node])
            if left < 0:
                deepest = max(deepest, depth)
                feature.append(0)
                threshold.append(np.float32(np.inf))
                child.append(root + at)
                path.append(depth + average_path_length(int(tree.n_node_samples[node])))
            else:
                feature.append(int(columns[tree.feature[node]]))
                threshold.append(_not_above(float(tree.threshold[node])))
                child.append(root + len(queue))
                path.append(0.0)
                queue += [(left, depth + 1), (right, depth + 1)]
    return FlatForest(
        feature=np.array(feature, np.uint16),
        threshold=np.array(threshold, np.float32),
        child=np.array(child, np.uint32),
        path=np.array(path, np.float64),
        roots=np.array(roots, np.uint32),
        depth=deepest,
        features=int(model.n_features_in_),
        denominator=len(roots) * average_path_length(int(model.max_samples_)),
    )


def fit_forest(rows: F64, trees: int = 50, max_samples: int = 256, *, seed: int) -> FlatForest:
    """Fit a forest to finite `(n, features)` rows; the same rows and seed give the same forest.

    Fewer rows than `max_samples` are all used by each tree. Takes about 1 ms a tree.
    """
    ensemble = import_module("sklearn.ensemble")
    if rows.ndim != 2 or not rows.shape[0] or not 1 <= rows.shape[1] <= MAX_FEATURES:
        raise ValueError(f"rows must be (n > 0, 1 to {MAX_FEATURES}), got {rows.shape!r}")
    if not np.abs(rows).max() <= np.finfo(np.float32).max:
        raise ValueError("rows must be finite and within float32")
    model = ensemble.IsolationForest(
        n_estimators=trees,
        max_samples=min(max_samples, rows.shape[0]),
        random_state=seed,
        n_jobs=1,
    )
    return flatten(model.fit(rows))
