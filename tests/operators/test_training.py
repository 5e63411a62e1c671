"""Feature rows of several key groups become one forest."""

from dataclasses import replace

import numpy as np
import pytest

from models.flat_forest import score_rows
from models.fusion import DETECTORS
from models.isolation_forest import IsolationForestSettings
from operators.reservoir import MAX_METRICS, VIEW_NAMES
from operators.training import Trained, by_service, merge, rows_needed, tail_of, train
from schema import FeatureBatch

SETTINGS = IsolationForestSettings(trees=5, max_samples=32, min_rows=64)
N = len(VIEW_NAMES)


def batch(
    seed: int, metrics: tuple[str, ...], rows: int, drawn_from: int | None = None
) -> FeatureBatch:
    draw = np.random.default_rng(seed)
    names = tuple(f"{metric}:{view}" for metric in metrics for view in VIEW_NAMES)
    found = draw.normal(1.0, 1.0, (rows, len(names))).astype(np.float32)
    ticks = np.arange(rows, dtype=np.int64) * 60_000
    return FeatureBatch("aws.ec2", names, found, ticks, 0, rows * 60_000, drawn_from or rows)


def weight(metric: str) -> float:
    return {"cpu": 3.0, "memory": 2.0}.get(metric, 1.0)


def test_the_order_in_which_groups_answer_changes_nothing() -> None:
    batches = [batch(i, ("cpu", "disk"), 80) for i in range(4)]
    trained = [
        train("aws.ec2", by_service(order)["aws.ec2"], weight, SETTINGS)
        for order in (batches, batches[::-1], batches[2:] + batches[:2])
    ]
    assert all(isinstance(each, Trained) for each in trained)
    first, *others = (each for each in trained if isinstance(each, Trained))
    for other in others:
        assert np.array_equal(first.forest.threshold, other.forest.threshold)
        assert np.array_equal(first.tails, other.tails)


def test_a_metric_that_a_group_does_not_have_is_missing_there() -> None:
    names, rows, ticks = merge([batch(0, ("cpu",), 10), batch(1, ("cpu", "disk"), 10)], weight, 1)
    assert names == tuple(f"{metric}:{view}" for metric in ("cpu", "disk") for view in VIEW_NAMES)
    assert (ticks == np.repeat(np.arange(10) * 60_000, 2)).all()
    assert (rows[::2, N:] == [0.0] * (N - 1) + [1.0]).all()
    assert (rows[:, : N - 1] != 0.0).all()
    assert (rows[1::2, N : 2 * N - 1] != 0.0).all()


def test_only_the_heaviest_metrics_are_looked_at() -> None:
    many = tuple(f"m{i:02d}" for i in range(20))
    names, rows, _ = merge([batch(0, ("memory", *many, "cpu"), 10)], weight, 1)
    assert {name.partition(":")[0] for name in names} == {"cpu", "memory", *many[:14]}
    assert rows.shape == (10, MAX_METRICS * N)


def test_a_group_counts_for_as_many_rows_as_it_saw() -> None:
    small, large = batch(0, ("cpu",), 100, 1_000), batch(1, ("cpu",), 100, 4_000)
    _, rows, _ = merge([small, large], weight, 1)
    from_small = np.isin(rows[:, 0], small.rows[:, 0]).sum()
    assert (from_small, len(rows)) == (25, 125)


def test_too_few_rows_give_their_number_instead_of_a_forest() -> None:
    assert rows_needed(SETTINGS) == 107
    assert train("aws.ec2", [batch(0, ("cpu",), 106)], weight, SETTINGS) == 106
    assert isinstance(train("aws.ec2", [batch(0, ("cpu",), 107)], weight, SETTINGS), Trained)


def test_groups_without_rows_or_metrics_are_left_out() -> None:
    assert by_service([batch(0, (), 4), batch(0, ("cpu",), 0)]) == {}


def test_the_oldest_rows_are_fitted_to_the_next_calibrate_and_the_newest_judge() -> None:
    of_two = [batch(0, ("cpu", "disk"), 500), batch(1, ("cpu", "disk"), 500)]
    of_two[1].tick_ms += 500 * 60_000
    swapped = [replace(of_two[1]), replace(of_two[0])]
    for batches in (of_two, swapped):
        trained = train("aws.ec2", by_service(batches)["aws.ec2"], weight, SETTINGS)
        assert isinstance(trained, Trained)
        assert (trained.rows, trained.calibrated_rows, len(trained.judged)) == (600, 200, 200)
        assert (trained.judged == of_two[1].rows[-200:]).all()
        count, quantile, excess = trained.tails[DETECTORS.index("isolation_forest")]
        seen = score_rows(trained.forest, of_two[1].rows[100:300].astype(np.float64))
        assert count == 200
        assert quantile == pytest.approx(10 * np.quantile(seen, 0.98))
        assert excess > 0


def test_scores_all_alike_have_no_excess() -> None:
    assert tail_of(np.full(50, 4.5)).tolist() == pytest.approx([50.0, 4.5, 0.0])
