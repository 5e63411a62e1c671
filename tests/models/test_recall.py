"""What is recalled of a series is what it did, but for what nobody can tell any more."""

import math
from typing import Any

import numpy as np
import pytest

from models import baseline, discord, season
from models.baseline import BaselineSettings
from models.discord import DiscordSettings
from models.recall import BAND, EXPECTED, RECALLED, TICK, VALUE, recall
from schema import F64

TICKS_A_DAY = 1440.0
NO_LOAD = np.zeros((0, RECALLED))
CONSTANTS = BaselineSettings().constants(60.0)


class Learned:
    """A series as the scoring pass leaves it, sample by sample."""

    def __init__(self, past: int = 300) -> None:
        self.state = np.zeros(baseline.WIDTH)
        self.season: Any = np.zeros(season.SEASON, np.float32)
        self.shape = np.zeros(discord.WIDTH)
        self.past: Any = np.zeros(past, np.float32)
        self.bands: dict[int, tuple[float, float]] = {}
        self._knobs = DiscordSettings(past=past).constants
        self.residual = self.away = math.nan

    def learn(self, tick: int, value: float, load: "Learned | None" = None) -> None:
        views = np.zeros(baseline.VIEWS)
        residual, away = (math.nan, math.nan) if load is None else (load.residual, load.away)
        day = tick // 1440
        ready = baseline.learn(
            self.state, self.season, value, float(tick), tick % 1440 / 60.0, (day + 3) % 7 >= 5,
            residual, away, 0.0, False, CONSTANTS, views,
        )  # fmt: skip
        self.residual = views[baseline.RESIDUAL]
        self.away = value - self.state[baseline.MEAN]
        self.bands[tick] = views[baseline.EXPECTED], views[baseline.BAND]
        by_load = self.residual - (value - views[baseline.EXPECTED]) if ready else 0.0
        discord.judge(self.shape, self.past, value - by_load, self._knobs)

    def recalled(self, most: int, load: F64 = NO_LOAD) -> F64:
        return recall(
            self.state, self.season, self.shape, self.past, load, 0.0, False, CONSTANTS,
            TICKS_A_DAY, most,
        )  # fmt: skip


def wave(minutes: int) -> F64:
    rng = np.random.default_rng(4)
    return 50.0 + 10.0 * np.sin(np.arange(minutes) / 1440 * 2 * np.pi) + rng.normal(0, 1, minutes)


def test_values_and_times_are_those_that_were_sent() -> None:
    series, values = Learned(), wave(3000)
    for tick, value in enumerate(values):
        series.learn(tick, float(value))
    recalled = series.recalled(120)
    assert recalled[:, TICK].tolist() == list(range(2880, 3000))
    assert np.array_equal(recalled[:, VALUE], values[-120:].astype(np.float32))


def test_the_band_is_about_what_it_was_then() -> None:
    series, values = Learned(), wave(4000)
    for tick, value in enumerate(values):
        series.learn(tick, float(value))
    for tick, _, expected, band, _ in series.recalled(120).tolist():
        was, width = series.bands[round(tick)]
        assert expected == pytest.approx(was, abs=0.2 * width)
        assert band == pytest.approx(width, rel=0.3)


def test_no_more_is_recalled_than_there_was() -> None:
    series = Learned()
    assert series.recalled(120).shape == (0, RECALLED)
    for tick in range(10):
        series.learn(5 * tick, 1.0)
    assert series.recalled(120)[:, TICK].tolist() == [5.0 * tick for tick in range(10)]
    assert np.isnan(series.recalled(120)[:, [EXPECTED, BAND]]).all()
    few = Learned(past=50)
    for tick in range(200):
        few.learn(tick, float(tick))
    assert few.recalled(120)[:, VALUE].tolist() == [float(tick) for tick in range(150, 200)]


def test_what_the_load_explained_is_put_back_or_left_out() -> None:
    load, series = Learned(), Learned()
    rng = np.random.default_rng(5)
    surges = np.convolve(rng.normal(0, 6, 4100), np.ones(30) / 10, "valid")[:4000]
    traffic = wave(4000) + surges
    values = 10.0 + 0.4 * traffic + rng.normal(0, 0.3, 4000)
    values[3900:] += 8.0
    for tick in range(4000):
        load.learn(tick, float(traffic[tick]))
        series.learn(tick, float(values[tick]), load)
    recalled = series.recalled(200, load.recalled(200))
    ticks = recalled[:, TICK].astype(int)
    assert 120 < len(ticks) <= 200
    assert set(range(3900, 4000)) <= set(ticks.tolist())
    band = np.array([series.bands[tick][1] for tick in ticks.tolist()])
    error = np.abs(recalled[:, VALUE] - values[ticks]) / band
    assert error.mean() < 0.15
    assert error.max() < 0.6
    alone = series.recalled(200)
    at = np.isin(alone[:, TICK], ticks)
    without = np.abs(alone[at, VALUE] - values[ticks]) / band
    assert without.mean() > 2 * error.mean()
