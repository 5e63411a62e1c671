"""Tests."""

import math

import numpy as np
import pytest

from models import baseline as b
from models.baseline import BaselineSettings, learn
from models.season import SEASON
from schema import F64

TICKS_A_DAY = 1440


class Learner:
    """One series at one sample a minute, from a Monday at 00:00."""

    def __init__(self, tick_s: int = 60, counted: bool = False, least: float = 0.0) -> None:
        self.state = np.zeros(b.WIDTH)
        self.season = np.zeros(SEASON)
        self.constants = BaselineSettings().constants(tick_s)
        self.counted = counted
        self.least = least
        self.tick = 4 * TICKS_A_DAY  # 1970-01-05

    def take(
        self, x: float, *, load: float = math.nan, load_away: float = 0.0, skip: int = 0
    ) -> tuple[bool, F64]:
        self.tick += skip
        views = np.zeros(b.VIEWS)
        day, minute = divmod(self.tick, TICKS_A_DAY)
        weekend = (day + 3) % 7 >= 5
        warm = learn(
            self.state,
            self.season,
            x,
            float(self.tick),
            minute / 60.0,
            weekend,
            load,
            load_away,
            self.least,
            self.counted,
            self.constants,
            views,
        )
        self.tick += 1
        return warm, views


def noise(n: int, seed: int = 1) -> F64:
    return np.random.default_rng(seed).normal(size=n)


def daily(n: int) -> F64:
    return np.sin(np.arange(n) * 2 * np.pi / TICKS_A_DAY)


def test_is_cold_for_thirty_samples_and_then_warm() -> None:
    series = Learner()
    warm = [series.take(1.0 + 0.1 * e)[0] for e in noise(40)]
    assert warm.index(True) == b.WARM_UP
    assert all(warm[b.WARM_UP :])


def test_a_constant_that_moves_is_odd_and_one_that_stays_is_not() -> None:
    series = Learner()
    for _ in range(200):
        _, views = series.take(10.0)
        assert views[b.Z] == 0.0
    _, views = series.take(11.0)
    assert views[b.Z] > 10


def test_scoring_depends_on_the_past_alone() -> None:
    values = 50 + noise(500)
    one, other = Learner(), Learner()
    for i, x in enumerate(values):
        _, views = one.take(x)
        _, seen = other.take(x if i < 400 else x + 1000)
        if i < 400:
            assert np.array_equal(views, seen)


def test_a_rhythm_is_learned_within_days() -> None:
    days = 6
    values = 100 + 8 * daily(days * TICKS_A_DAY) + noise(days * TICKS_A_DAY)
    series = Learner()
    for x in values[: 5 * TICKS_A_DAY]:
        series.take(x)
    assert series.state[b.SPREAD] < 1.8  # of the noise, which is 1
    assert series.state[b.DEVIATION] > 4.0  # rhythm included


@pytest.mark.parametrize(("size", "least"), [(4.0, 3.0), (-8.0, 3.0)])
def test_a_shift_shows_in_all_three_views(size: float, least: float) -> None:
    series = Learner()
    for x in 100 + noise(3 * TICKS_A_DAY):
        series.take(x)
    for x in 100 + size + noise(60, seed=2):
        _, views = series.take(x)
    for view in (b.Z_SHORT, b.Z_MIDDLE, b.EFFECT):
        assert views[view] * np.sign(size) > 2.0, view
    assert views[b.Z_SHORT] * np.sign(size) > least


def test_what_the_load_explains_is_not_odd() -> None:
    rng = np.random.default_rng(3)
    n = 3 * TICKS_A_DAY
    load = 1000 + 300 * daily(n) + rng.normal(0, 20, n)
    with_load, without = Learner(), Learner()
    level = load.mean()
    for one in load:
        x = 10 + one / 50 + rng.normal(0, 0.3)
        expected = 1000 + 300 * math.sin((with_load.tick % TICKS_A_DAY) * 2 * np.pi / TICKS_A_DAY)
        with_load.take(x, load=one - expected, load_away=one - level)
        without.take(x)
    expected = 1000 + 300 * math.sin((with_load.tick % TICKS_A_DAY) * 2 * np.pi / TICKS_A_DAY)
    surge = 10 + (expected + 1000) / 50
    _, explained = with_load.take(surge, load=1000.0, load_away=expected + 1000 - level)
    _, bare = without.take(surge)
    assert explained[b.Z] < 3 < bare[b.Z]


def test_counts_vary_at_least_like_poisson_counts() -> None:
    plain, counted = Learner(), Learner(counted=True)
    for i in range(600):
        for series in (plain, counted):
            series.take(9.0 + 0.01 * (i % 2))
    _, sharp = plain.take(12.0)
    _, mild = counted.take(12.0)
    assert sharp[b.Z] > 20
    assert mild[b.Z] == pytest.approx(1.0, abs=0.1)


def test_an_outage_is_not_learned_and_a_change_that_stays_is() -> None:
    series = Learner()
    for x in 100 + noise(2 * TICKS_A_DAY):
        series.take(x)
    for x in 200 + noise(60, seed=2):
        series.take(x)
    assert series.state[b.LEVEL] < 101
    for x in 104 + noise(3 * TICKS_A_DAY, seed=4):
        _, views = series.take(x)
    assert abs(views[b.Z_MIDDLE]) < 3


def test_the_step_is_learned_by_majority() -> None:
    series = Learner()
    for x in noise(50):
        series.take(x, skip=4)
    series.take(0.0, skip=11)
    assert series.state[b.STEP] == 5.0


def test_the_onset_is_the_first_sample_outside() -> None:
    series = Learner()
    for x in 100 + 0.1 * noise(300):
        series.take(x)
    began = series.tick
    for _ in range(5):
        series.take(120.0)
    assert series.state[b.OUT_SINCE] == began
    for _ in range(3):
        series.take(100.0)
    assert series.state[b.OUT_SINCE] == -1


def test_huge_and_tiny_values_stay_finite() -> None:
    series = Learner()
    for x in (1e300, -1e300, 0.0, 5e-324, 1e18, -1e-300) * 20:
        _, views = series.take(x)
    assert np.isfinite(views[[b.Z, b.Z_SHORT, b.Z_MIDDLE, b.Z_CHANGE]]).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [("level_h", 0.0), ("short", 0.5), ("middle", math.nan), ("least_ratio", 1.0)],
)
def test_settings_are_checked(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        BaselineSettings(**{field: value})
