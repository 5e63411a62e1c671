"""scikit-learn's Isolation Forest: settings, fitting, and its copy into flat arrays.

scikit-learn only fits; scoring, storing and checking a forest need no scikit-learn.
"""

from importlib import import_module
from typing import TYPE_CHECKING

import msgspec
import numpy as np

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
from schema import F64

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


def _not_above(value: float) -> np.float32:
    """Return the largest float32 <= `value`: float32 inputs compare with both alike."""
    near = np.float32(value)
    return near if float(near) <= value else np.nextafter(near, np.float32(-np.inf))


def _mean_paths(tree: "Tree") -> F64:
    """Return for each node of scikit-learn's tree the mean path length of the rows in it."""
    size = int(tree.node_count)
    depth = np.zeros(size)
    path = np.zeros(size)
    left, right, count = tree.children_left, tree.children_right, tree.n_node_samples
    for node in range(size):  # a child always has the higher number
        if left[node] >= 0:
            depth[left[node]] = depth[right[node]] = depth[node] + 1
    for node in reversed(range(size)):
        if left[node] < 0:
            path[node] = depth[node] + average_path_length(int(count[node]))
        else:
            below = [left[node], right[node]]
            path[node] = (path[below] * count[below]).sum() / count[below].sum()
    return path


def flatten(model: "IsolationForest") -> FlatForest:
    """Copy a fitted forest of scikit-learn's; each tree breadth first."""
    feature: list[int] = []
    threshold: list[np.float32] = []
    child: list[int] = []
    path: list[float] = []
    roots: list[int] = []
    for estimator, columns in zip(model.estimators_, model.estimators_features_, strict=True):
        tree = estimator.tree_
        mean_paths = _mean_paths(tree)
        root = len(feature)
        roots.append(root)
        queue = [0]  # nodes of scikit-learn's
        for at, node in enumerate(queue):  # grows while it is walked
            path.append(float(mean_paths[node]))
            if tree.children_left[node] < 0:
                feature.append(0)
                threshold.append(np.float32(np.inf))
                child.append(root + at)
            else:
                feature.append(int(columns[tree.feature[node]]))
                threshold.append(_not_above(float(tree.threshold[node])))
                child.append(root + len(queue))
                queue += [int(tree.children_left[node]), int(tree.children_right[node])]
    return from_arrays(
        {
            "feature": np.array(feature, np.uint16),
            "threshold": np.array(threshold, np.float32),
            "child": np.array(child, np.uint32),
            "path": np.array(path, np.float64),
            "roots": np.array(roots, np.uint32),
            "shape": np.array([model.n_features_in_, model.max_samples_], np.int64),
        }
    )


def fit_forest(rows: F64, trees: int = 50, max_samples: int = 256, *, seed: int) -> FlatForest:
    """Fit a forest to finite `(n, features)` rows; the same rows and seed give the same forest.

    Fewer rows than `max_samples` are all used by each tree. Takes about 2 ms a tree.
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
