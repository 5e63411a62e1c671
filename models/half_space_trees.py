"""River's half-space trees as flat arrays, scored and taught by compiled loops.

River grows the trees (a matter of seed and number of features alone) and is the reference for
every number. Trees are complete binary trees in heap order: the root is 1, the children of node i
are 2 i and 2 i + 1, the leaves follow the inner nodes. All that a stream teaches is how many rows
reached each leaf: the mass of an inner node is the sum of its leaves', and what a tree adds to a
score depends on the leaf alone until the next window, so both are worked out once a window.

Rows must be finite, with features in [0, 1]: the caller squashes them into it (`squash`). Outside,
rows gather at the rims, and scores lose their meaning without any error. Where a metric is missing,
the caller puts what is normal; NaN is not refused, it takes the right way at each node. They fail
where normal itself moves faster than a window, and on what is odd in one of many columns: few of
the trees ask for it.

Source: Tan, Ting, Liu: Fast Anomaly Detection for Streaming Data, IJCAI 2011; river.anomaly.
"""

import hashlib
import math
from functools import lru_cache
from importlib import import_module
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from models.jit import jit
from schema import F64, I32, I64

U16 = npt.NDArray[np.uint16]

MAX_TREES = 200
MAX_HEIGHT = 15
MAX_WINDOW = 1_000_000
MAX_FEATURES = 65_535
SIZE_LIMIT_SHARE = 0.1  # of the window; section 4 of the paper, "sizeLimit"


class HalfSpaceTreesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shape of the trees, and after how many rows they forget."""

    trees: int = 25
    height: int = 8
    window: int = 250  # rows until the masses learned become those judged by
    seed: int = 7

    def __post_init__(self) -> None:
        if not 1 <= self.trees <= MAX_TREES:
            raise ValueError(f"trees must be in [1, {MAX_TREES}], got {self.trees!r}")
        if not 1 <= self.height <= MAX_HEIGHT:
            raise ValueError(f"height must be in [1, {MAX_HEIGHT}], got {self.height!r}")
        if not 1 <= self.window <= MAX_WINDOW:
            raise ValueError(f"window must be in [1, {MAX_WINDOW}], got {self.window!r}")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be in [0, 2**32), got {self.seed!r}")


class HalfSpaceTrees(NamedTuple):
    """Trees (shared, never written to) and what one stream has taught them (see `learn_row`).

    Arrays hold the trees one after the other, 2**height entries each; of `feature` and `threshold`
    the first entry of a tree is unused. A named tuple of arrays and numbers, so that it can be
    handed to any compiled kernel as it is.
    """

    feature: U16  # (n_trees * 2**height,) of inner nodes
    threshold: F64  # likewise; go left where value < threshold
    learned: I32  # (n_trees * 2**height,) of leaves: rows of the window under way
    judged: I32  # likewise, rows of the last full window
    table: F64  # likewise: what a row that reaches the leaf adds to the sum of masses
    counter: I64  # (2,): rows of the window under way, full windows so far
    trees: int
    height: int
    window: int
    features: int  # width of a row


@jit
def squash(row: F64, out: F64) -> None:
    """Put deviations from normal into [0, 1]: 0 goes to a half, and four to 0.88."""
    for k in range(row.size):
        out[k] = 1.0 / (1.0 + math.exp(-0.5 * row[k]))


@jit
def _leaf(forest: HalfSpaceTrees, tree: int, row: F64) -> np.uint64:
    """Return where in the arrays of leaves the row ends up. Unsigned, so that no index wraps."""
    base = np.uint64(tree) << np.uint64(forest.height)
    node = np.uint64(1)
    for _ in range(forest.height):
        left = row[np.uint64(forest.feature[base + node])] < forest.threshold[base + node]
        node = np.uint64(2) * node + np.uint64(not left)
    return base + node - (np.uint64(1) << np.uint64(forest.height))


@jit
def tabulate(forest: HalfSpaceTrees) -> None:
    """Work out `table` from `judged`: the sum of mass * 2**depth on the way to each leaf.

    The sum ends at the first inner node of less than a tenth of a window's mass.
    """
    leaves = 2**forest.height
    size_limit = SIZE_LIMIT_SHARE * forest.window
    mass = np.empty(2 * leaves)
    for tree in range(forest.trees):
        for leaf in range(leaves):
            mass[leaves + leaf] = forest.judged[tree * leaves + leaf]
        for node in range(leaves - 1, 0, -1):
            mass[node] = mass[2 * node] + mass[2 * node + 1]
        for leaf in range(leaves):
            total = 0.0
            weight = 1.0
            for depth in range(forest.height + 1):
                node = (leaves + leaf) >> (forest.height - depth)
                total += mass[node] * weight
                if mass[node] < size_limit:
                    break
                weight *= 2.0
            forest.table[tree * leaves + leaf] = total


@jit
def _count(forest: HalfSpaceTrees) -> None:
    """Count a row; at a window's end, judge by what was learned (River: r_mass = l_mass)."""
    forest.counter[0] += 1
    if forest.counter[0] == forest.window:
        for leaf in range(forest.judged.size):
            forest.judged[leaf] = forest.learned[leaf]
            forest.learned[leaf] = 0
        tabulate(forest)
        forest.counter[0] = 0
        forest.counter[1] += 1


@jit
def _score(forest: HalfSpaceTrees, total: float) -> float:
    if forest.counter[1] == 0:
        return np.nan
    return 1.0 - total / float(forest.trees * forest.window * (2 ** (forest.height + 1) - 1))


@jit
def score_row(forest: HalfSpaceTrees, row: F64) -> float:
    """Return the anomaly score in [0, 1] of a `(features,)` row; higher is more anomalous.

    NaN in the first window: no score yet. Learns nothing. Equals River's `score_one`, to the bit.
    For use in kernels: nothing is checked, and a short row reads outside of it.
    """
    total = 0.0
    for tree in range(forest.trees):
        total += forest.table[_leaf(forest, tree, row)]
    return _score(forest, total)


@jit
def learn_row(forest: HalfSpaceTrees, row: F64) -> None:
    """Count the row in; at the end of a window, what was learned becomes what is judged by."""
    for tree in range(forest.trees):
        forest.learned[_leaf(forest, tree, row)] += 1
    _count(forest)


@jit
def score_and_learn_row(forest: HalfSpaceTrees, row: F64) -> float:
    """Do `score_row`, then `learn_row`, at half the cost of both."""
    total = 0.0
    for tree in range(forest.trees):
        leaf = _leaf(forest, tree, row)
        total += forest.table[leaf]
        forest.learned[leaf] += 1
    score = _score(forest, total)
    _count(forest)
    return score


@jit
def _score_and_learn_rows(forest: HalfSpaceTrees, rows: F64, out: F64) -> None:
    for i in range(rows.shape[0]):
        out[i] = score_and_learn_row(forest, rows[i])


def score_and_learn_rows(forest: HalfSpaceTrees, rows: F64) -> F64:
    """Do `score_and_learn_row` with each row of `(n, features)`, in order, whatever the batch.

    >>> forest = grow(HalfSpaceTreesSettings(trees=25, window=100), features=1)
    >>> rows = np.append(np.full(102, 0.4), 0.9).reshape(-1, 1)
    >>> score_and_learn_rows(forest, rows)[[0, 99, 100, 102]].round(2).tolist()
    [nan, nan, 0.0, 1.0]
    """
    if rows.ndim != 2 or rows.shape[1] != forest.features:
        raise ValueError(f"rows must be (n, {forest.features}), got {rows.shape!r}")
    out = np.empty(rows.shape[0])
    _score_and_learn_rows(forest, np.ascontiguousarray(rows, np.float64), out)
    return out


@lru_cache(maxsize=64)
def _grown(trees: int, height: int, seed: int, features: int) -> tuple[U16, F64]:
    """Let River grow its trees, and copy features and thresholds in heap order."""
    # River takes seconds to import: whoever only reads settings is spared it.
    anomaly = import_module("river.anomaly")
    river = anomaly.HalfSpaceTrees(n_trees=trees, height=height, seed=seed)
    river.learn_one(dict.fromkeys(range(features), 0.0))
    feature = np.zeros(trees * 2**height, np.uint16)
    threshold = np.zeros(trees * 2**height, np.float64)
    for tree, root in enumerate(river.trees):
        level = [root]
        node = tree * 2**height + 1
        for _ in range(height):
            for branch in level:
                feature[node] = branch.feature
                threshold[node] = branch.threshold
                node += 1
            level = [child for branch in level for child in branch.children]
    return feature, threshold


def grow(settings: HalfSpaceTreesSettings, features: int) -> HalfSpaceTrees:
    """Return untaught trees for rows of `features` columns."""
    if not 1 <= features <= MAX_FEATURES:
        raise ValueError(f"features must be in [1, {MAX_FEATURES}], got {features!r}")
    feature, threshold = _grown(settings.trees, settings.height, settings.seed, features)
    return HalfSpaceTrees(
        feature=feature,
        threshold=threshold,
        learned=np.zeros(feature.size, np.int32),
        judged=np.zeros(feature.size, np.int32),
        table=np.zeros(feature.size, np.float64),
        counter=np.zeros(2, np.int64),
        trees=settings.trees,
        height=settings.height,
        window=settings.window,
        features=features,
    )


class _State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="half_space_trees.v1"):
    """What one stream has taught. The trees themselves are grown again; `grown` says which."""

    grown: bytes  # digest of features and thresholds
    height: int
    window: int
    rows: int  # of the window under way
    windows: int
    learned: bytes  # little-endian unsigned counts, as narrow as the window allows
    judged: bytes


def _digest(forest: HalfSpaceTrees) -> bytes:
    grown = forest.feature.astype("<u2").tobytes() + forest.threshold.astype("<f8").tobytes()
    return hashlib.blake2b(grown, digest_size=16).digest()


def _count_dtype(window: int) -> str:
    return "<u1" if window < 2**8 else "<u2" if window < 2**16 else "<u4"


def dump(forest: HalfSpaceTrees) -> bytes:
    """Return what the stream has taught: two counts a leaf, 13 kB with the default settings."""
    dtype = _count_dtype(forest.window)
    return msgspec.msgpack.encode(
        _State(
            grown=_digest(forest),
            height=forest.height,
            window=forest.window,
            rows=int(forest.counter[0]),
            windows=int(forest.counter[1]),
            learned=forest.learned.astype(dtype).tobytes(),
            judged=forest.judged.astype(dtype).tobytes(),
        )
    )


def load(state: bytes, settings: HalfSpaceTreesSettings, features: int) -> HalfSpaceTrees:
    """Return the trees as they were when dumped; they go on to give the same scores.

    Raises:
        ValueError: not a dump, one of other trees (settings, number of features, another River),
            or one whose counts do not add up.
    """
    try:
        saved = msgspec.msgpack.decode(state, type=_State)
    except (msgspec.DecodeError, UnicodeDecodeError) as ex:
        raise ValueError(f"not a dump of half-space trees: {ex}") from ex
    forest = grow(settings, features)
    if (saved.height, saved.window) != (forest.height, forest.window):
        raise ValueError(
            f"height and window must be those of the dump, {saved.height} and {saved.window}, "
            f"got {forest.height} and {forest.window}"
        )
    if saved.grown != _digest(forest):
        raise ValueError("the dump is of other trees: settings, features or River have changed")
    if not (0 <= saved.rows < saved.window and 0 <= saved.windows < 2**62):
        raise ValueError(f"damaged dump: rows {saved.rows!r} of window {saved.windows!r}")
    dtype = _count_dtype(saved.window)
    judged_rows = saved.window if saved.windows else 0
    for name, raw, kept, rows in (
        ("learned", saved.learned, forest.learned, saved.rows),
        ("judged", saved.judged, forest.judged, judged_rows),
    ):
        if len(raw) != kept.size * np.dtype(dtype).itemsize:
            raise ValueError(f"damaged dump: {name} has {len(raw)} bytes")
        counts = np.frombuffer(raw, dtype).astype(np.int64)
        if np.any(counts.reshape(forest.trees, -1).sum(axis=1) != rows):
            raise ValueError(f"damaged dump: {name} does not count {rows} rows in each tree")
        kept[:] = counts
    forest.counter[:] = saved.rows, saved.windows
    tabulate(forest)
    return forest
