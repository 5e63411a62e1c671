"""scikit-learn's Isolation Forest: settings, fitting, and its copy into flat arrays.

scikit-learn only fits; scoring, storing and checking a forest need no scikit-learn. The trees are
grown by its own builder from the very draws that its `IsolationForest` makes, without the checks
and copies that it makes around each tree, which take ten times as long as the trees.

A forest sees rows that few splits set apart, several features odd together too. It fails on how far
a row lies beyond all that it was grown from (100 spreads are no odder than ten), on anomalies that
were frequent among its rows, and where most columns are noise.

Source: Liu, Ting, Zhou: Isolation Forest, ICDM 2008; scikit-learn's `IsolationForest`.
"""

import math
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from models.flat_forest import (
    MAX_FEATURES,
    MAX_SAMPLES,
    MAX_TREES,
    FlatForest,
    attribute_row,
    average_path_length,
    from_arrays,
    score_row,
    score_rows,
    to_arrays,
)
from models.jit import jit
from schema import F64, I64

F32 = npt.NDArray[np.float32]

if TYPE_CHECKING:  # takes seconds to import: whoever only scores or reads settings is spared it
    from sklearn.ensemble import IsolationForest
    from sklearn.tree._tree import Tree

__all__ = [
    "FlatForest",
    "IsolationForestSettings",
    "attribute_row",
    "fit_forest",
    "flatten",
    "from_arrays",
    "score_row",
    "score_rows",
    "to_arrays",
]

DAY_S = 86_400
_MAX_SEED = np.iinfo(np.int32).max


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


def _not_above(values: F64) -> F32:
    """Return the largest float32 <= each value: float32 inputs compare with both alike."""
    near = values.astype(np.float32)
    return np.where(near <= values, near, np.nextafter(near, np.float32(-np.inf)))


@jit
def _lay_out(
    left: I64, right: I64, count: I64, lengths: F64, order: I64, child: I64, path: F64
) -> None:
    """Number a tree of scikit-learn's breadth first, for `order`, `child` and mean path lengths.

    `order[i]` is the node that comes i-th, `child[i]` where its left child comes (a leaf: itself),
    `path` by node the mean path length of its rows, `lengths[n]` that of an unfinished leaf.
    """
    depth = np.zeros(left.size)
    order[0] = 0
    last = 1
    for at in range(left.size):
        node = order[at]
        child[at] = at
        if left[node] >= 0:
            child[at] = last
            order[last] = left[node]
            order[last + 1] = right[node]
            depth[left[node]] = depth[node] + 1.0
            depth[right[node]] = depth[node] + 1.0
            last += 2
    for at in range(left.size - 1, -1, -1):
        node = order[at]
        if left[node] < 0:
            path[node] = depth[node] + lengths[count[node]]
        else:
            a, b = left[node], right[node]
            path[node] = (path[a] * count[a] + path[b] * count[b]) / (count[a] + count[b])


def flatten(model: "IsolationForest") -> FlatForest:
    """Copy a fitted forest of scikit-learn's; each tree breadth first."""
    trees = (estimator.tree_ for estimator in model.estimators_)
    picked = zip(trees, model.estimators_features_, strict=True)
    return _flat(picked, int(model.n_features_in_), int(model.max_samples_))


def _flat(trees: Iterable[tuple["Tree", I64]], features: int, max_samples: int) -> FlatForest:
    """Make a forest of scikit-learn's trees, each with the columns that its features stand for."""
    lengths = np.array([average_path_length(n) for n in range(max_samples + 1)])
    columns: dict[str, list[npt.NDArray[np.generic]]] = {
        name: [] for name in ("feature", "threshold", "child", "path")
    }
    roots = []
    root = 0
    for tree, picked in trees:
        size = int(tree.node_count)
        order, child, path = np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size)
        left = tree.children_left
        _lay_out(left, tree.children_right, tree.n_node_samples, lengths, order, child, path)
        inner = left[order] >= 0
        feature = np.where(inner, picked[np.where(inner, tree.feature[order], 0)], 0)
        threshold = np.where(inner, _not_above(tree.threshold[order]), np.float32(np.inf))
        columns["feature"].append(feature.astype(np.uint16))
        columns["threshold"].append(threshold.astype(np.float32))
        columns["child"].append((child + root).astype(np.uint32))
        columns["path"].append(path[order])
        roots.append(root)
        root += size
    return from_arrays(
        {
            **{name: np.concatenate(parts) for name, parts in columns.items()},
            "roots": np.array(roots, np.uint32),
            "shape": np.array([features, max_samples], np.int64),
        }
    )


def _grown(rows: F32, trees: int, max_samples: int, seed: int) -> "Iterator[Tree]":
    """Grow the trees that `IsolationForest(trees, max_samples, random_state=seed)` has.

    The draws, in its order: a target for the criterion to be busy with, a seed a tree, and from
    that the tree's own seed, an order of the features (without effect, but drawn) and its rows.
    """
    tree_module = import_module("sklearn.tree._tree")
    splitters = import_module("sklearn.tree._splitter")
    criteria = import_module("sklearn.tree._criterion")
    pick = import_module("sklearn.utils.random").sample_without_replacement
    n, features = rows.shape
    draw = np.random.RandomState(seed)
    target = draw.uniform(size=(n, 1))
    draw.seed(seed)
    for tree_seed in draw.randint(_MAX_SEED, size=trees):
        draw.seed(tree_seed)
        own_seed = draw.randint(_MAX_SEED)
        draw.seed(tree_seed)
        pick(features, features, random_state=draw)
        picked = pick(n, max_samples, random_state=draw)
        weight = np.bincount(picked, minlength=n).astype(np.float64)
        draw.seed(own_seed)
        splitter = splitters.RandomSplitter(criteria.MSE(1, n), 1, 1, 0.0, draw, None)
        tree = tree_module.Tree(features, np.ones(1, np.intp), 1)
        depth = math.ceil(math.log2(max(max_samples, 2)))
        builder = tree_module.DepthFirstTreeBuilder(splitter, 2, 1, 0.0, depth, 0.0)
        builder.build(tree, rows, target, weight, None)
        yield tree


def fit_forest(rows: F64, trees: int = 50, max_samples: int = 256, *, seed: int) -> FlatForest:
    """Fit a forest to finite `(n, features)` rows; the same rows and seed give the same forest.

    Fewer rows than `max_samples` are all used by each tree. Takes about 0.3 ms a tree. Equals
    `flatten` of scikit-learn's forest of the same rows, numbers and seed, to the bit.
    """
    if rows.ndim != 2 or not rows.shape[0] or not 1 <= rows.shape[1] <= MAX_FEATURES:
        raise ValueError(f"rows must be (n > 0, 1 to {MAX_FEATURES}), got {rows.shape!r}")
    if not np.abs(rows).max() <= np.finfo(np.float32).max:
        raise ValueError("rows must be finite and within float32")
    taken = min(max_samples, rows.shape[0])
    own = np.arange(rows.shape[1])
    grown = _grown(np.ascontiguousarray(rows, np.float32), trees, taken, seed)
    return _flat(((tree, own) for tree in grown), rows.shape[1], taken)
