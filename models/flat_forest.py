"""An isolation forest as flat arrays: scores, attribution, and the check of arrays from outside.

A walk takes the same number of steps for every row and has no branch to mispredict: the two
children of a node stand side by side, and a leaf leads to itself.

Rows must be finite: where a metric is missing, the caller puts 0, "as normal" for features that
are deviations from a resource's own past. NaN is not refused; it takes the left way at each node.

Source: Liu, Ting, Zhou: Isolation Forest, ICDM 2008, equations 1 and 2. Attribution: Saabas:
Interpreting random forests, 2014, of the path length instead of a prediction.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from models.jit import jit
from schema import F64

F32 = npt.NDArray[np.float32]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
Number = TypeVar("Number", bound=np.generic)

MAX_TREES = 1_000
MAX_SAMPLES = 65_536
MAX_FEATURES = 65_535
MAX_DEPTH = 64
PATH_SLACK = 1e-9  # rounding of means


class FlatForest(NamedTuple):
    """A fitted forest: its trees one after the other, parents before children.

    `child` is the left child's index, the right one follows it; a leaf is its own `child`, with
    threshold +inf. Go left where float32(x) <= threshold, as scikit-learn does.
    A named tuple of arrays and numbers, so that it can be handed to any compiled kernel as it is.
    """

    feature: U16  # (n_nodes,); 0 at a leaf
    threshold: F32  # (n_nodes,)
    child: U32  # (n_nodes,)
    path: F64  # (n_nodes,) at a leaf: depth + average path length of its rows; else mean of below
    roots: U32  # (n_trees,)
    depth: int  # of the deepest tree: steps of every walk
    features: int  # width of a row
    max_samples: int  # rows that each tree was grown from
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

    >>> from models.isolation_forest import fit_forest
    >>> line = np.linspace(-1.0, 1.0, 300)
    >>> forest = fit_forest(np.column_stack([line, line**3]), seed=7)
    >>> score_rows(forest, np.array([[0.1, 0.0], [5.0, 5.0]])).round(1).tolist()
    [0.4, 0.7]
    """
    if rows.ndim != 2 or rows.shape[1] != forest.features:
        raise ValueError(f"rows must be (n, {forest.features}), got {rows.shape!r}")
    out = np.empty(rows.shape[0])
    _score_rows(forest, np.ascontiguousarray(rows, np.float64), out)
    return out


@jit
def attribute_row(forest: FlatForest, row: F64) -> F64:
    """Return each feature's share of what makes the row anomalous: `(features,)`, >= 0, sum 1.

    A split that leads to where paths are shorter on the average speaks for its feature by the
    difference, one that leads to longer ones against it; what remains above 0, over all trees, is
    shared out. Where nothing remains, as for the most normal row, the shares are equal. A forest
    does not see how far a value lies beyond all that it was grown from, so neither do the shares.
    """
    share = np.zeros(forest.features)
    for tree in range(forest.roots.size):
        node = np.uint64(forest.roots[tree])
        for _ in range(forest.depth):
            feature = np.uint64(forest.feature[node])
            right = np.float32(row[feature]) > forest.threshold[node]
            below = np.uint64(forest.child[node]) + np.uint64(right)
            share[feature] += forest.path[node] - forest.path[below]
            node = below
    total = 0.0
    for i in range(share.size):
        share[i] = max(share[i], 0.0)
        total += share[i]
    for i in range(share.size):
        share[i] = share[i] / total if total > 0.0 else 1.0 / share.size
    return share


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


def to_arrays(forest: FlatForest) -> dict[str, npt.NDArray[np.generic]]:
    """Return what `from_arrays` makes the same forest of; nothing in it needs pickling."""
    return {
        "feature": forest.feature,
        "threshold": forest.threshold,
        "child": forest.child,
        "path": forest.path,
        "roots": forest.roots,
        "shape": np.array([forest.features, forest.max_samples], np.int64),
    }


def _column(
    arrays: Mapping[str, npt.NDArray[np.generic]], name: str, dtype: type[Number]
) -> npt.NDArray[Number]:
    if name not in arrays:
        raise ValueError(f"a forest needs an array {name!r}, got {sorted(arrays)!r}")
    array = arrays[name]
    if array.ndim != 1 or array.dtype != np.dtype(dtype):
        raise ValueError(
            f"{name} must be (n,) {np.dtype(dtype)}, got {array.shape!r} {array.dtype}"
        )
    return np.array(array, dtype)  # a copy, writable and contiguous: one compiled kernel for all


def _must(holds: bool | np.bool_, what: str) -> None:
    if not holds:
        raise ValueError(f"damaged forest: {what}")


def from_arrays(arrays: Mapping[str, npt.NDArray[np.generic]]) -> FlatForest:
    """Check everything that the walks rely on, copy, and return the forest.

    Raises:
        ValueError: where a walk could leave the arrays or its tree, or a score its range.
    """
    feature = _column(arrays, "feature", np.uint16)
    threshold = _column(arrays, "threshold", np.float32)
    child = _column(arrays, "child", np.uint32).astype(np.int64)
    path = _column(arrays, "path", np.float64)
    roots = _column(arrays, "roots", np.uint32).astype(np.int64)
    shape = _column(arrays, "shape", np.int64)
    size = feature.size
    _must(shape.size == 2, "shape must hold features and max_samples")
    features, max_samples = int(shape[0]), int(shape[1])
    _must(1 <= features <= MAX_FEATURES, f"features must be in [1, {MAX_FEATURES}]")
    _must(1 <= max_samples <= MAX_SAMPLES, f"max_samples must be in [1, {MAX_SAMPLES}]")
    _must(threshold.size == child.size == path.size == size, "arrays of nodes differ in length")
    _must(1 <= roots.size <= MAX_TREES, f"trees must be in [1, {MAX_TREES}]")
    _must(roots[0] == 0 and np.all(np.diff(roots) > 0) and roots[-1] < size, "roots out of order")

    index = np.arange(size)
    tree_end = np.append(roots[1:], size)[np.searchsorted(roots, index, side="right") - 1]
    leaf = child == index
    inner = ~leaf
    _must(np.all(child[inner] > index[inner]), "a child before its parent")
    _must(np.all(child[inner] + 1 < tree_end[inner]), "a child outside its tree")
    parents = np.zeros(size, np.int64)
    np.add.at(parents, np.concatenate([child[inner], child[inner] + 1]), 1)
    parents[roots] += 1
    _must(np.all(parents == 1), "a node without exactly one parent")
    _must(np.all(feature[inner] < features) and not feature[leaf].any(), "feature out of range")
    _must(np.all(np.isfinite(threshold[inner])), "a threshold that is not finite")
    _must(np.all(threshold[leaf] == np.inf), "a leaf's threshold must be +inf")

    depth = -1
    level = roots
    least = np.zeros(size)
    while level.size:
        depth += 1
        _must(depth <= MAX_DEPTH, f"a tree deeper than {MAX_DEPTH}")
        least[level] = depth
        below = child[level[inner[level]]]
        level = np.concatenate([below, below + 1])
    most = least + average_path_length(max_samples)
    _must(np.all((path >= least) & (path <= most) | inner), "a leaf's path length out of range")
    left, right = path[child[inner]], path[child[inner] + 1]
    between = (path[inner] >= np.minimum(left, right) - PATH_SLACK) & (
        path[inner] <= np.maximum(left, right) + PATH_SLACK
    )
    _must(np.all(between), "a mean path length out of range")
    return FlatForest(
        feature=feature,
        threshold=threshold,
        child=child.astype(np.uint32),
        path=path,
        roots=roots.astype(np.uint32),
        depth=depth,
        features=features,
        max_samples=max_samples,
        denominator=roots.size * average_path_length(max_samples),
    )
