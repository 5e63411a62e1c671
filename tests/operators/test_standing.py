"""How a service stands: counts that only grow, and how far its warm-up is."""

import math
from itertools import pairwise

import numpy as np
import pytest

from models.baseline import LAST_TICK, SEEN
from models.calibration import COUNT
from operators.figures import (
    BUCKETS,
    BY_DETECTOR,
    FIGURES,
    OWN_SCORES,
    SCORES,
    note_figures,
)
from operators.keygroup import KeyGroup
from operators.keygroup_state import dump, load
from operators.layout import BORN, FORGOTTEN, NEWEST, STEP, TEMPORAL
from operators.standing import standing
from schema import Standing
from tests.operators.group_input import MINUTE_MS, buffer, settings
from tests.operators.test_cohort import A2, A, B, table

KNOBS = KeyGroup(settings(), 0)._knobs  # as a group has them


@pytest.mark.parametrize(
    ("score", "bucket", "anomalous"),
    [(0.0, 0, 0), (0.5, 0, 0), (0.51, 1, 0), (3.9, 4, 0), (4.0, 4, 1), (8.0, 6, 1), (99.0, 7, 1)],
)
def test_a_row_is_counted_by_its_score_up_to_and_with_the_bound(
    score: float, bucket: int, anomalous: int
) -> None:
    figures = np.zeros(FIGURES)
    note_figures(figures, score, np.array([1.5, math.nan, 0.0, 0.0, 2.0, math.nan]), 4.0)
    assert figures[:2].tolist() == [1, anomalous]
    assert np.flatnonzero(figures[SCORES:BY_DETECTOR]).tolist() == [bucket]
    assert figures[BY_DETECTOR:OWN_SCORES].tolist() == [1, 1.5, 0, 0, 1, 0, 1, 0, 1, 2, 0, 0]


def test_each_detector_has_a_distribution_and_anomalies_of_its_own() -> None:
    figures = np.zeros(FIGURES)
    for size in (0.2, 0.5, 3.5, 4.0, 20.0):
        note_figures(figures, 1.0, np.array([math.nan, size, *[math.nan] * 4]), 4.0)
    by_detector = figures[OWN_SCORES:].reshape(6, 1 + BUCKETS)
    assert by_detector[1].tolist() == [2, 2, 0, 0, 0, 2, 0, 0, 1]
    assert by_detector[[0, 2, 3, 4, 5]].sum() == 0


def warmed(*seen: float, tails: float = 200.0) -> Standing:
    found = table(A, B, A2)
    arrays = found.arrays._replace(figures=np.zeros(FIGURES))
    arrays.state[:, SEEN] = seen
    arrays.state[:, LAST_TICK] = 500.0
    arrays.resource[:, STEP] = (1.0, 5.0)
    arrays.cohort_tails[TEMPORAL, COUNT] = tails
    arrays.counters[NEWEST] = 500.0
    found.arrays = arrays
    return standing(found, "v1", KNOBS, MINUTE_MS)


@pytest.mark.parametrize(
    ("seen", "tails", "warming", "minute"),
    [
        ((31.0, 31.0, 0.0), 200.0, 0, 0),
        ((31.0, 11.0, 0.0), 200.0, 1, 600),  # 20 samples left, one in five minutes
        ((0.0, 31.0, 31.0), 200.0, 0, 0),  # a resource is warm with its first warm series
        ((21.0, 31.0, 21.0), 200.0, 1, 510),
        ((31.0, 31.0, 31.0), 100.0, 2, 750),  # together they lack 100 scores, 50 each
    ],
)
def test_warm_up_says_how_many_are_left_and_about_until_when(
    seen: tuple[float, ...], tails: float, warming: int, minute: int
) -> None:
    found = warmed(*seen, tails=tails)
    assert (found.resources, found.warming) == (2, warming)
    assert found.warm_ms == minute * MINUTE_MS


def test_a_series_from_before_its_resource_was_born_again_warms_nobody() -> None:
    found = table(A, B, A2)
    found.arrays = found.arrays._replace(figures=np.zeros(FIGURES))
    found.arrays.state[:, SEEN] = 100.0
    found.arrays.resource[:, STEP] = 1.0
    found.arrays.resource[:, BORN] = 600.0
    found.arrays.resource[1, FORGOTTEN] = 1.0
    found.arrays.cohort_tails[TEMPORAL, COUNT] = 200.0
    now = standing(found, "", KNOBS, MINUTE_MS)
    assert (now.resources, now.warming) == (1, 1)


def said(chunk: int, reload: bool = False) -> list[tuple[int, Standing]]:
    group = KeyGroup(settings(), 0)
    rng = np.random.default_rng(3)
    out = []
    for start in range(0, 240, chunk):
        samples = [
            (f"i-{r}", float(minute), 40.0 + rng.normal())
            for minute in range(start, start + chunk)
            for r in range(4)
        ]
        group.feed(buffer(samples, until=float(start + chunk)))
        word = group.close()
        assert word is not None
        out += [(word.until_ms // MINUTE_MS, each) for each in word.standings]
        if reload:
            group = load(dump(group), group.settings)
    return out


def test_a_group_says_how_it_stands_once_in_ten_minutes_at_most() -> None:
    minutes = [minute for minute, _ in said(4)]
    assert minutes[:6] == [4, 12, 20, 32, 40, 52]
    assert len({minute // 10 for minute in minutes}) == len(minutes) == 25
    assert [minute for minute, _ in said(120)] == [120, 240]


def test_what_it_has_come_to_depends_on_no_batch_and_survives_a_snapshot() -> None:
    once, often = said(240)[-1], said(5, reload=True)[-1]
    assert once == often
    now = once[1]
    assert (now.resources, now.warming, now.warm_ms) == (4, 0, 0)
    assert now.scored == sum(count for _, count in now.scores) > 600
    assert {each.name for each in now.detectors} >= {"temporal", "discord"}
    for each in now.detectors:
        assert each.rows == sum(count for _, count in each.scores) >= each.anomalous


def test_counts_only_grow() -> None:
    course = [each for _, each in said(10)]
    for before, now in pairwise(course):
        assert now.scored >= before.scored
        assert all(b <= n for (_, b), (_, n) in zip(before.scores, now.scores, strict=True))
    assert course[0].warming == 4
