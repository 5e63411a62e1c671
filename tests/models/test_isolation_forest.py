"""The flat forest gives scikit-learn's scores, whatever the shape, and refuses damage."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import IsolationForest

from models.isolation_forest import (
    FlatForest,
    IsolationForestSettings,
    attribute_row,
    fit_forest,
    flatten,
    from_arrays,
    score_row,
    score_rows,
    to_arrays,
)
from schema import F64

Arrays = dict[str, npt.NDArray[np.generic]]


def some_rows(n: int, features: int, seed: int, kind: str) -> F64:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, features))
    if kind == "constant column":
        rows[:, 0] = 3.25
    elif kind == "all equal":
        rows[:] = -1.5
    elif kind == "few values":
        rows = np.round(rows)
    elif kind == "wide":
        rows = np.sign(rows) * 10.0 ** (rows * 6)
    elif kind == "beside float32":  # neighbours in float64 that float32 cannot tell apart
        rows = 1.0 + np.round(rows) * 2.0**-24
    return rows


KINDS = ["plain", "constant column", "all equal", "few values", "wide", "beside float32"]


@given(
    n=st.integers(1, 300),
    features=st.integers(1, 64),
    trees=st.integers(1, 12),
    max_samples=st.integers(1, 300),
    max_features=st.sampled_from([1.0, 0.5]),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(KINDS),
)
@settings(max_examples=30, deadline=None)
def test_scores_equal_those_of_scikit_learn(
    n: int,
    features: int,
    trees: int,
    max_samples: int,
    max_features: float,
    seed: int,
    kind: str,
) -> None:
    rows = some_rows(n, features, seed, kind)
    model = IsolationForest(
        n_estimators=trees,
        max_samples=min(n, max_samples),
        max_features=max_features,
        random_state=seed,
    ).fit(rows)
    forest = flatten(model)
    # Rows far away, and rows exactly on, just above and just below the thresholds.
    on = np.full((30, features), 0.0) + np.resize(forest.threshold, (30, 1)).clip(-9, 9)
    asked = np.vstack([rows, on, np.nextafter(on, np.inf), np.nextafter(on, -np.inf), rows * 50])
    np.testing.assert_allclose(
        score_rows(forest, asked), -model.score_samples(asked), rtol=0, atol=1e-12
    )


@given(
    n=st.integers(1, 600),
    features=st.integers(1, 64),
    trees=st.integers(1, 12),
    max_samples=st.integers(1, 600),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(KINDS),
)
@settings(max_examples=30, deadline=None)
def test_the_forest_that_is_fitted_is_the_one_that_scikit_learn_fits(
    n: int, features: int, trees: int, max_samples: int, seed: int, kind: str
) -> None:
    rows = some_rows(n, features, seed, kind)
    rows[n // 2 :] = rows[: n - n // 2]  # duplicates
    theirs = IsolationForest(
        n_estimators=trees, max_samples=min(n, max_samples), random_state=seed
    ).fit(rows)
    ours = fit_forest(rows, trees, max_samples, seed=seed)
    assert [np.asarray(part).tobytes() for part in ours] == [
        np.asarray(part).tobytes() for part in flatten(theirs)
    ]


def test_a_row_scores_alike_to_the_bit_alone_in_a_batch_and_in_any_layout() -> None:
    rows = some_rows(500, 20, 1, "plain")
    forest = fit_forest(rows, seed=3)
    together = score_rows(forest, rows)
    assert [score_row(forest, row) for row in rows] == together.tolist()
    assert score_rows(forest, np.asfortranarray(rows)).tolist() == together.tolist()
    assert score_row(forest, rows[7].astype(np.float32)) == together[7]
    assert ((together > 0) & (together <= 1)).all()


def test_a_far_row_scores_higher_than_any_near_one() -> None:
    rows = some_rows(500, 5, 1, "plain")
    forest = fit_forest(rows, seed=3)
    assert score_rows(forest, np.full((1, 5), 9.0))[0] > score_rows(forest, rows).max()


def test_rows_and_seed_decide_all() -> None:
    rows = some_rows(400, 4, 1, "plain")

    def grown(seed: int) -> list[bytes]:
        return [array.tobytes() for array in to_arrays(fit_forest(rows, seed=seed)).values()]

    assert grown(7) == grown(7)
    assert grown(7) != grown(8)


def test_fewer_rows_than_max_samples_are_all_used() -> None:
    forest = fit_forest(some_rows(40, 3, 1, "plain"), trees=10, max_samples=256, seed=1)
    assert forest.max_samples == 40


def test_one_row_makes_a_forest_that_finds_everything_half_odd() -> None:
    forest = fit_forest(np.zeros((1, 2)), trees=5, seed=1)
    assert score_rows(forest, np.array([[0.0, 0.0], [9.0, 9.0]])).tolist() == [0.5, 0.5]


def test_fitting_keeps_no_reference_to_the_rows() -> None:
    rows = some_rows(300, 3, 1, "plain")
    asked = rows.copy()
    forest = fit_forest(rows, seed=1)
    before = score_rows(forest, asked)
    rows[:] = 0.0
    assert score_rows(forest, asked).tolist() == before.tolist()


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((0, 3)),
        np.zeros((3, 0)),
        np.zeros(3),
        np.array([[1.0, np.nan]]),
        np.array([[1.0, -np.inf]]),
        np.array([[1.0, 1e39]]),
    ],
)
def test_rows_that_cannot_be_learned_from_are_refused(rows: F64) -> None:
    with pytest.raises(ValueError, match="rows must be"):
        fit_forest(rows, seed=1)


def test_rows_of_another_width_are_not_scored() -> None:
    forest = fit_forest(some_rows(50, 3, 1, "plain"), seed=1)
    with pytest.raises(ValueError, match=r"rows must be \(n, 3\), got \(1, 2\)"):
        score_rows(forest, np.zeros((1, 2)))


def test_nan_and_infinity_end_in_some_leaf() -> None:
    forest = fit_forest(some_rows(300, 3, 1, "plain"), seed=1)
    asked = np.array([[np.nan] * 3, [np.inf] * 3, [-np.inf] * 3])
    scores = score_rows(forest, asked)
    assert ((scores > 0) & (scores <= 1)).all()
    assert scores[0] == scores[2]  # NaN takes the left way


# ---------------------------------------------------------------- attribution


def test_the_feature_that_stands_out_gets_the_largest_share() -> None:
    rows = some_rows(1000, 20, 1, "plain")
    forest = fit_forest(rows, seed=3)
    hits = 0
    for i, row in enumerate(rows[:100]):
        odd = row * 0.3  # a row whose other features are as usual
        odd[i % 20] = 8.0 if i % 3 else -8.0
        share = attribute_row(forest, odd)
        hits += int(share.argmax()) == i % 20
    assert hits >= 90


def test_two_odd_features_share_most_of_it() -> None:
    rows = some_rows(1000, 10, 1, "plain")
    odd = np.zeros(10)
    odd[[2, 6]] = 9.0
    share = attribute_row(fit_forest(rows, seed=3), odd)
    assert sorted(np.argsort(share)[-2:].tolist()) == [2, 6]
    assert share[[2, 6]].sum() > 0.6


@given(seed=st.integers(0, 1000), kind=st.sampled_from(KINDS), n=st.integers(1, 80))
@settings(max_examples=15, deadline=None)
def test_shares_are_not_negative_and_sum_to_one(seed: int, kind: str, n: int) -> None:
    rows = some_rows(n, 6, seed, kind)
    forest = fit_forest(rows, trees=5, seed=seed)
    for row in rows[:5]:
        share = attribute_row(forest, row)
        assert share.shape == (6,)
        assert (share >= 0).all()
        assert share.sum() == pytest.approx(1.0, abs=1e-12)


def test_before_clipping_contributions_add_up_to_the_path_that_was_saved() -> None:
    rows = some_rows(400, 1, 1, "plain")  # with one feature nothing can cancel out
    forest = fit_forest(rows, trees=20, seed=3)
    far = np.array([50.0])
    saved = forest.path[forest.roots].sum() + forest.denominator * np.log2(score_row(forest, far))
    assert saved > 20.0  # more than a step a tree
    assert attribute_row(forest, far).tolist() == [1.0]


# ---------------------------------------------------------------- arrays from outside


@pytest.fixture(scope="module")
def forest() -> FlatForest:
    return fit_forest(some_rows(300, 3, 1, "plain"), trees=4, max_samples=32, seed=1)


def test_arrays_make_the_same_forest(forest: FlatForest) -> None:
    again = from_arrays(to_arrays(forest))
    assert [np.asarray(a).tobytes() for a in again] == [np.asarray(a).tobytes() for a in forest]
    assert not np.shares_memory(again.path, forest.path)


def put(name: str, at: int, value: float) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        arrays[name] = arrays[name].copy()
        arrays[name][at] = value

    return change


def swap(
    name: str, make: Callable[[npt.NDArray[np.generic]], npt.NDArray[np.generic]]
) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        arrays[name] = make(arrays[name])

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("child", 0, 2**31), "a child outside its tree"),
        (put("child", 1, 0), "a child before its parent"),
        (put("child", 0, 3), "exactly one parent"),
        (put("child", -1, 2**32 - 1), "a child outside its tree"),
        (put("feature", 0, 3), "feature out of range"),
        (put("feature", -1, 1), "feature out of range"),
        (put("threshold", 0, np.nan), "not finite"),
        (put("threshold", 0, np.inf), "not finite"),
        (put("threshold", -1, 1.0), r"must be \+inf"),
        (put("path", -1, np.nan), "path length out of range"),
        (put("path", -1, -1.0), "path length out of range"),
        (put("path", -1, 99.0), "path length out of range"),
        (put("path", 0, 99.0), "mean path length"),
        (put("path", 0, np.nan), "mean path length"),
        (put("roots", 0, 1), "roots out of order"),
        (put("roots", 1, 2**31), "roots out of order"),
        (put("roots", 1, 1), "a child outside its tree"),
        (put("shape", 0, 0), "features must be in"),
        (put("shape", 1, -5), "max_samples must be in"),
        (swap("path", lambda a: a[:-1]), "differ in length"),
        (swap("path", lambda a: a.reshape(1, -1)), r"path must be \(n,\) float64"),
        (swap("path", lambda a: a.astype(np.float32)), r"path must be \(n,\) float64"),
        (swap("child", lambda a: a.astype(np.int64)), r"child must be \(n,\) uint32"),
        (swap("roots", lambda a: a[:0]), "trees must be in"),
        (swap("shape", lambda a: a[:1]), "shape must hold"),
        (lambda arrays: arrays.pop("child"), "needs an array 'child'"),
    ],
)
def test_damage_is_refused(
    forest: FlatForest, change: Callable[[Arrays], object], message: str
) -> None:
    arrays = to_arrays(forest)
    change(arrays)
    with pytest.raises(ValueError, match=message):
        from_arrays(arrays)


@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_a_flipped_bit_is_refused_or_leads_to_a_score_in_range(
    forest: FlatForest, data: st.DataObject
) -> None:
    whole = to_arrays(forest)
    name = data.draw(st.sampled_from(sorted(whole)))
    raw = bytearray(whole[name].tobytes())
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    try:
        damaged = from_arrays({**whole, name: np.frombuffer(raw, whole[name].dtype)})
    except ValueError:
        return
    scores = score_rows(damaged, np.zeros((3, damaged.features)))
    assert ((scores > 0) & (scores <= 1)).all()


@pytest.mark.parametrize(
    ("settings_of", "message"),
    [
        ({"trees": 0}, "trees must be in"),
        ({"max_samples": 1}, "max_samples must be in"),
        ({"seed": -1}, "seed must be in"),
        ({"min_rows": 2000}, "min_rows must be in"),
        ({"refit_s": 59}, "refit_s must be in"),
        ({"reservoir_rows": 10**7}, "reservoir_rows must be"),
    ],
)
def test_settings_out_of_range_are_refused(settings_of: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IsolationForestSettings(**settings_of)
