"""The forecast detector against a slow plain one, and what it must and must not see."""

import math

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.forecast import (
    CLIMB,
    FROM,
    HEIGHT,
    SINCE,
    WARM_UP,
    WIDTH,
    ForecastSettings,
    climbs_since,
    judge,
    ticks_left,
)
from models.jit import jit

F64 = npt.NDArray[np.float64]
SETTINGS = ForecastSettings(warm_up_h=4.0)
CONSTANTS = SETTINGS.constants(60.0)
DAY = 1440
LEVEL = 50.0


@jit
def _run(state: F64, residual: F64, ticks: F64, step: float, direction: int, constants: F64) -> F64:
    found = np.empty(residual.size)
    for i in range(residual.size):
        found[i] = judge(
            state, LEVEL + residual[i], residual[i], ticks[i], step, direction, 0.5, constants
        )
    return found


def climbs(residual: F64, direction: int = 1, step: float = 1.0) -> F64:
    ticks: F64 = np.arange(len(residual), dtype=np.float64) * step
    return _run(np.zeros(WIDTH), residual, ticks, step, direction, CONSTANTS)


def wandering(n: int, seed: int = 1, noise: float = 0.2) -> F64:
    """Return a memory's course: knots some hours apart, smooth between them, and a little noise."""
    rng = np.random.default_rng(seed)
    knots = rng.normal(0.0, 1.5, n // 300 + 2)
    place = np.arange(n) / 300.0
    left = place.astype(int)
    share = place - left
    share = share * share * (3.0 - 2.0 * share)
    return np.asarray(
        knots[left] * (1.0 - share) + knots[left + 1] * share + rng.normal(0.0, noise, n)
    )


def slowly(residual: F64) -> list[float]:
    """Judge as the kernel does, from the whole past each time."""
    changes: list[float] = []  # that count
    sizes: list[float] = []
    aways: list[float] = []
    distances: list[float] = []
    found = []
    memory = SETTINGS.spread_h * 60.0

    def floor(x: float) -> float:
        return max(0.05 * 0.5, 2e-4 * abs(LEVEL + x), 1e-9)

    def mean(values: list[float]) -> float:
        now = 0.0
        for i, value in enumerate(values):
            now += (value - now) / min(i + 1.0, memory)
        return now

    def above(length: float) -> float:
        ages = np.arange(len(changes), 0, -1)
        return float(np.sum(np.array(changes) * (1.0 - 1.0 / length) ** ages))

    for n, x in enumerate(residual):
        change = float(x - residual[n - 1]) if n else 0.0
        size, away = abs(change), abs(float(x))
        if n >= 60:
            usual = max(mean(sizes), floor(x))
            away = min(away, 6.0 * max(mean(aways), floor(x)))
            size = min(size, 2.0 * SETTINGS.jump * usual)
            most = SETTINGS.jump * math.sqrt(math.pi / 2.0) * usual
            change = min(max(change, -max(most, above(SETTINGS.slow))), most)
        changes.append(change)
        sizes.append(size)
        aways.append(away)
        distance = above(SETTINGS.slow) - above(SETTINGS.quick)
        spread = max(mean(distances), 2.0 * floor(x))
        climb = distance / (math.sqrt(math.pi / 2.0) * spread)
        if n >= 60:
            own = abs(distance)
            distances.append(own if n < WARM_UP else min(own, 6.0 * spread))
        rough = mean(sizes) > SETTINGS.roughest * mean(aways)
        found.append(math.nan if n < WARM_UP or rough else min(max(climb, -50.0), 50.0))
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_judges_as_a_slow_plain_detector_does(seed: int) -> None:
    residual = wandering(500, seed)
    residual[300:320] += 8.0  # a jump and its end
    residual[400:] += np.arange(100) / 10.0
    assert climbs(residual) == pytest.approx(slowly(residual), rel=1e-6, nan_ok=True)


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("seed", range(5))
def test_finds_a_leak_while_it_is_young(direction: int, seed: int) -> None:
    """Nine units in an hour, where the series wanders by one and a half in five."""
    residual = wandering(4 * DAY + 60, seed)
    residual[-60:] += direction * np.arange(60) * 0.15
    found = climbs(residual, direction)
    assert (found[-60:] >= 5.0).any()
    assert np.argmax(found[-60:] >= 5.0) < 40
    assert found[-1] > 6.0


def test_what_gets_better_is_no_climb() -> None:
    residual = wandering(4 * DAY)
    residual[-60:] -= np.arange(60) / 10.0
    assert np.max(climbs(residual)[-60:]) < 3.0


@pytest.mark.parametrize("height", [2.0, 10.0, 1000.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_jump_is_no_climb_however_high(height: float, seed: int) -> None:
    residual = wandering(4 * DAY, seed)
    before = climbs(residual)
    residual[3 * DAY :] += height
    assert np.nanmax(climbs(residual) - before) < 3.0
    residual[3 * DAY :] += 1000.0
    assert np.nanmax(climbs(residual) - before) < 3.0


def test_a_spike_is_no_climb() -> None:
    residual = wandering(4 * DAY)
    before = np.nanmax(climbs(residual))
    residual[3 * DAY] += 100.0
    assert np.nanmax(climbs(residual)) <= before + 0.5


def test_a_recovery_ends_the_climb() -> None:
    residual = wandering(4 * DAY + 20)
    residual[4 * DAY - 60 : 4 * DAY] += np.arange(60) / 5.0
    found = climbs(residual)
    assert found[4 * DAY - 1] > 8.0
    assert found[4 * DAY + 15] < 3.0


@pytest.mark.parametrize("seed", range(3))
def test_noise_without_a_course_is_not_judged(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert np.isnan(climbs(rng.normal(0.0, 1.0, 20 * DAY))).all()


def test_what_only_wanders_climbs_past_six_spreads_less_than_once_in_a_hundred_days() -> None:
    """The stated rate, over 600 days of series with a course, with memory, and with a rhythm."""
    times = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        shocks = rng.normal(0.0, 1.0, 20 * DAY)
        memory = np.empty_like(shocks)
        at = 0.0
        for i, shock in enumerate(shocks):
            at = 0.98 * at + shock
            memory[i] = at
        rhythm = 3.0 * np.sin(np.arange(20 * DAY) * 2.0 * np.pi / DAY)
        for residual in (wandering(20 * DAY, seed), memory, rhythm + rng.normal(0, 0.2, 20 * DAY)):
            found = climbs(residual)[DAY:]
            assert np.isfinite(found).mean() > 0.9
            high = np.flatnonzero(found >= 6.0)
            times += len(high) and 1 + int((np.diff(high) > 60).sum())
    assert times < 6


@settings(max_examples=30, deadline=None)
@given(st.floats(1e-3, 1e6), st.integers(0, 1000))
def test_the_unit_does_not_matter_above_the_smallest_change(scale: float, seed: int) -> None:
    residual = wandering(600, seed)
    residual[500:] += np.arange(100) / 10.0
    found = []
    for size in (1.0, scale):
        state = np.zeros(WIDTH)
        one = [
            judge(state, 0.0, float(x), float(i), 1.0, 1, 0.0, CONSTANTS)
            for i, x in enumerate(residual * size)
        ]
        found.append(one)
    assert found[0] == pytest.approx(found[1], rel=1e-6, abs=1e-9, nan_ok=True)


def test_nothing_is_said_of_a_constant_and_its_first_change_is_a_jump() -> None:
    flat = np.zeros(2 * DAY)
    flat[DAY:] = 7.0
    assert np.nanmax(climbs(flat), initial=0.0) < 2.0


def test_after_a_gap_the_change_is_unknown() -> None:
    residual = wandering(2 * DAY)
    ticks = np.arange(2.0 * DAY)
    ticks[DAY:] += 500.0
    moved = residual.copy()
    moved[DAY:] += 3.0
    same = [_run(np.zeros(WIDTH), x, ticks, 1.0, 1, CONSTANTS)[DAY] for x in (residual, moved)]
    assert same[0] == same[1]


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e308, -1e308])
def test_stays_finite_whatever_comes(value: float) -> None:
    state = np.zeros(WIDTH)
    for i, x in enumerate(wandering(400)):
        judge(state, x, x, float(i), 1.0, 1, 0.5, CONSTANTS)
    judge(state, value, value, 400.0, 1.0, 1, 0.5, CONSTANTS)
    for i in range(401, 800):
        judge(state, 0.0, 0.0, float(i), 1.0, 1, 0.5, CONSTANTS)
    assert np.isfinite(state).all()


def test_knows_when_a_climb_began_and_when_it_is_at_the_limit() -> None:
    n = 4 * DAY
    residual = wandering(n + 60)
    residual[n:] += np.arange(60) / 2.0
    state = np.zeros(WIDTH)
    _run(state, residual, np.arange(n + 60.0), 1.0, 1, CONSTANTS)
    assert climbs_since(state) == pytest.approx(n, abs=10)
    assert state[HEIGHT] > 5.0
    value = LEVEL + residual[-1]
    left = ticks_left(state, float(value), n + 59.0, 100.0, CONSTANTS)
    assert left == pytest.approx((100.0 - value) * 2.0, rel=0.25)


@pytest.mark.parametrize(
    ("limit", "value", "why"),
    [
        (100.0, 69.0, "it falls"),
        (100.0, 70.1, "too far to say"),
        (60.0, 80.0, "it is past it"),
        (math.nan, 80.0, "there is none"),
    ],
)
def test_tells_no_time_to_a_limit_where(limit: float, value: float, why: str) -> None:
    state = np.zeros(WIDTH)
    state[CLIMB], state[SINCE], state[FROM] = 5.0, 100.0, 70.0
    assert math.isnan(ticks_left(state, value, 120.0, limit, CONSTANTS)), why


def test_tells_no_time_where_nothing_climbs() -> None:
    state = np.zeros(WIDTH)
    state[CLIMB], state[SINCE], state[FROM] = 2.0, 100.0, 70.0
    assert math.isnan(ticks_left(state, 80.0, 120.0, 100.0, CONSTANTS))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"quick": 60.0}, "quick and slow must be 1 <= quick < slow"),
        ({"slow": math.nan}, "quick and slow must be"),
        ({"spread_h": 0.5}, r"spread_h must be in \[1, 10000\], got 0.5"),
        ({"jump": 0.0}, "jump must be"),
        ({"roughest": 0.0}, r"roughest must be in \(0, 100\], got 0.0"),
        ({"farthest_h": math.inf}, "farthest_h must be"),
    ],
)
def test_settings_that_cannot_be_are_refused(given: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        msgspec.structs.replace(SETTINGS, **given)
