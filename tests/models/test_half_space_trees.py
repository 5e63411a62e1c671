"""The flat half-space trees give River's scores to the bit, and go on from a dump."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import anomaly

from models.half_space_trees import (
    HalfSpaceTrees,
    HalfSpaceTreesSettings,
    dump,
    grow,
    learn_row,
    load,
    score_and_learn_rows,
    score_row,
)
from schema import F64


def a_stream(n: int, features: int, seed: int, kind: str) -> F64:
    rng = np.random.default_rng(seed)
    rows = rng.beta(5, 5, size=(n, features))
    if kind == "constant":
        rows[:] = 0.5
    elif kind == "shift":
        rows[n // 2 :] = rng.beta(2, 9, size=(n - n // 2, features))
    elif kind == "outside":
        rows = rows * 6 - 3
    elif kind == "spikes":
        rows[rng.random(n) < 0.05] = 1.0
    elif kind == "duplicates":
        rows[n // 2 :] = rows[: n - n // 2]
    elif kind == "gaps":
        rows[rng.random(rows.shape) < 0.1] = np.nan  # takes the right way, as in River
    return rows


KINDS = ["plain", "constant", "shift", "outside", "spikes", "duplicates", "gaps"]


@given(
    trees=st.integers(1, 8),
    height=st.integers(1, 9),
    window=st.integers(1, 120),
    features=st.integers(1, 64),
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 300),
    kind=st.sampled_from(KINDS),
)
@settings(max_examples=30, deadline=None)
def test_scores_equal_those_of_river(
    trees: int, height: int, window: int, features: int, seed: int, n: int, kind: str
) -> None:
    river = anomaly.HalfSpaceTrees(n_trees=trees, height=height, window_size=window, seed=seed)
    forest = grow(HalfSpaceTreesSettings(trees, height, window, seed), features)
    for i, row in enumerate(a_stream(n, features, seed % 1000, kind)):
        keyed = dict(enumerate(row.tolist()))
        expected = river.score_one(keyed)
        score = score_row(forest, row)
        if i < window:
            assert np.isnan(score)  # River says 0, which reads as "normal"
        else:
            assert score == expected
            assert 0 <= score <= 1
        river.learn_one(keyed)
        learn_row(forest, row)
        assert forest.counter.tolist() == [(i + 1) % window, (i + 1) // window]


def test_scores_equal_those_of_river_over_long_streams_with_the_default_settings() -> None:
    for seed in (7, 8):
        rows = a_stream(1200, 20, seed, "shift")
        river = anomaly.HalfSpaceTrees(n_trees=25, height=8, window_size=250, seed=seed)
        expected = []
        for row in rows:
            keyed = dict(enumerate(row.tolist()))
            expected.append(river.score_one(keyed))
            river.learn_one(keyed)
        scores = score_and_learn_rows(grow(HalfSpaceTreesSettings(seed=seed), 20), rows)
        assert np.isnan(scores[:250]).all()
        assert scores[250:].tolist() == expected[250:]


@pytest.mark.parametrize(("trees", "height", "window"), [(60, 3, 20), (2, 11, 50), (1, 13, 7)])
def test_scores_equal_those_of_river_with_many_trees_and_with_high_ones(
    trees: int, height: int, window: int
) -> None:
    rows = a_stream(4 * window, 64, 3, "shift")
    river = anomaly.HalfSpaceTrees(n_trees=trees, height=height, window_size=window, seed=11)
    forest = grow(HalfSpaceTreesSettings(trees, height, window, 11), 64)
    for i, row in enumerate(rows):
        keyed = dict(enumerate(row.tolist()))
        if i >= window:
            assert score_row(forest, row) == river.score_one(keyed)
        river.learn_one(keyed)
        learn_row(forest, row)


def small(window: int = 30) -> HalfSpaceTreesSettings:
    return HalfSpaceTreesSettings(trees=5, height=6, window=window, seed=3)


def taught(forest: HalfSpaceTrees) -> list[bytes]:
    return [forest.learned.tobytes(), forest.judged.tobytes(), forest.counter.tobytes()]


def test_scoring_does_not_learn() -> None:
    forest = grow(small(), 4)
    rows = a_stream(100, 4, 1, "plain")
    score_and_learn_rows(forest, rows)
    before = taught(forest)
    for row in rows:
        score_row(forest, row)
    assert taught(forest) == before


def test_scoring_and_learning_at_once_equals_one_after_the_other() -> None:
    rows = a_stream(200, 4, 1, "shift")
    at_once, apart = grow(small(), 4), grow(small(), 4)
    expected = []
    for row in rows:
        expected.append(score_row(apart, row))
        learn_row(apart, row)
    assert np.array_equal(score_and_learn_rows(at_once, rows), expected, equal_nan=True)
    assert taught(at_once) == taught(apart)


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_the_batch_makes_no_difference(batch: int) -> None:
    rows = a_stream(200, 4, 1, "shift")
    whole = score_and_learn_rows(grow(small(), 4), rows)
    forest = grow(small(), 4)
    parts = [score_and_learn_rows(forest, rows[i : i + batch]) for i in range(0, 200, batch)]
    assert np.array_equal(np.concatenate(parts), whole, equal_nan=True)


def test_streams_that_share_trees_do_not_share_what_they_learn() -> None:
    one, other = grow(small(), 4), grow(small(), 4)
    score_and_learn_rows(one, a_stream(100, 4, 1, "plain"))
    assert not other.learned.any()
    assert not other.judged.any()
    assert np.isnan(score_row(other, np.zeros(4)))


def test_an_odd_row_scores_higher_than_a_usual_one() -> None:
    forest = grow(HalfSpaceTreesSettings(), 4)
    score_and_learn_rows(forest, a_stream(600, 4, 1, "plain"))
    assert score_row(forest, np.full(4, 0.99)) > score_row(forest, np.full(4, 0.5)) + 0.1


def test_rows_of_another_width_are_not_scored() -> None:
    with pytest.raises(ValueError, match=r"rows must be \(n, 4\), got \(1, 5\)"):
        score_and_learn_rows(grow(small(), 4), np.zeros((1, 5)))


@pytest.mark.parametrize("features", [0, 65_536])
def test_a_number_of_features_out_of_range_is_refused(features: int) -> None:
    with pytest.raises(ValueError, match="features must be in"):
        grow(small(), features)


# ---------------------------------------------------------------- dumps


@pytest.mark.parametrize("window", [30, 255, 256, 70_000])
@pytest.mark.parametrize("rows_before", [0, 29, 30, 100, 300])
def test_a_loaded_dump_goes_on_as_if_nothing_had_happened(window: int, rows_before: int) -> None:
    rows = a_stream(400, 4, 1, "shift")
    forest = grow(small(window), 4)
    score_and_learn_rows(forest, rows[:rows_before])
    again = load(dump(forest), small(window), 4)
    assert taught(again) == taught(forest)
    after = [score_and_learn_rows(f, rows[rows_before:]) for f in (forest, again)]
    assert np.array_equal(after[0], after[1], equal_nan=True)


def test_a_full_window_in_one_leaf_fits_its_count() -> None:
    forest = grow(small(255), 1)
    score_and_learn_rows(forest, np.full((254, 1), 0.5))
    assert int(load(dump(forest), small(255), 1).learned.max()) == 254
    score_and_learn_rows(forest, np.full((1, 1), 0.5))
    assert int(load(dump(forest), small(255), 1).judged.max()) == 255


def test_the_size_of_a_dump_does_not_grow() -> None:
    forest = grow(HalfSpaceTreesSettings(), 20)
    sizes = []
    for seed in range(4):
        score_and_learn_rows(forest, a_stream(400, 20, seed, "plain"))
        sizes.append(len(dump(forest)))
    assert max(sizes) < 13_000


@pytest.mark.parametrize(
    ("changed", "features", "message"),
    [
        (HalfSpaceTreesSettings(5, 6, 31, 3), 4, "height and window must be those of the dump"),
        (HalfSpaceTreesSettings(5, 7, 30, 3), 4, "height and window must be those of the dump"),
        (HalfSpaceTreesSettings(5, 6, 30, 4), 4, "the dump is of other trees"),
        (HalfSpaceTreesSettings(6, 6, 30, 3), 4, "the dump is of other trees"),
        (small(), 5, "the dump is of other trees"),
    ],
)
def test_a_dump_of_other_trees_is_refused(
    changed: HalfSpaceTreesSettings, features: int, message: str
) -> None:
    forest = grow(small(), 4)
    with pytest.raises(ValueError, match=message):
        load(dump(forest), changed, features)


@pytest.mark.parametrize("state", [b"", b"\xc1", b"\x80", b"half_space_trees.v1"])
def test_what_is_no_dump_is_refused(state: bytes) -> None:
    with pytest.raises(ValueError, match="not a dump of half-space trees"):
        load(state, small(), 4)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_dump_is_refused_or_keeps_scores_in_range(data: st.DataObject) -> None:
    forest = grow(small(), 4)
    score_and_learn_rows(forest, a_stream(100, 4, 1, "plain"))
    raw = bytearray(dump(forest))
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    try:
        damaged = load(bytes(raw), small(), 4)
    except ValueError:
        return
    score = score_row(damaged, np.full(4, 0.5))
    assert np.isnan(score) or 0 <= score <= 1


@pytest.mark.parametrize(
    ("settings_of", "message"),
    [
        ({"trees": 0}, "trees must be in"),
        ({"height": 16}, "height must be in"),
        ({"window": 0}, "window must be in"),
        ({"seed": 2**32}, "seed must be in"),
    ],
)
def test_settings_out_of_range_are_refused(settings_of: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HalfSpaceTreesSettings(**settings_of)
