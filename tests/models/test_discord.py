"""The discord detector against a slow plain one, and what it must and must not see."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.discord import WARM_UP, WIDTH, DiscordSettings, _nearest, judge

F64 = npt.NDArray[np.float64]
PAST = DiscordSettings(past=200)


def scores(values: F64, given: DiscordSettings = PAST) -> F64:
    state, past = np.zeros(WIDTH), np.zeros(given.past, np.float32)
    return np.array([judge(state, past, float(x), given.constants) for x in values])


def wave(n: int, seed: int = 1, noise: float = 0.05) -> F64:
    rng = np.random.default_rng(seed)
    return 10.0 + np.sin(np.arange(n) * 2 * np.pi / 48) + rng.normal(0, noise, n)


def nearest_slowly(values: F64, past: int) -> tuple[float, float]:
    """Return the least mean square distances of the last 2 and 5 values to earlier runs."""
    kept = values[-past:].astype(np.float32).astype(np.float64)
    newest = len(kept) - 1
    found = []
    for length, last in ((2, newest - 2), (5, newest - 5)):
        run = kept[newest - length + 1 :]
        ends = range(4, last + 1)
        found.append(
            min(
                (float(np.mean((run - kept[e - length + 1 : e + 1]) ** 2)) for e in ends),
                default=math.inf,
            )
        )
    return found[0], found[1]


@settings(max_examples=60, deadline=None)
@given(st.integers(45, 400), st.integers(0, 10_000))
def test_finds_the_nearest_run_of_the_past(n: int, seed: int) -> None:
    values = wave(n, seed, 0.5)
    ring = np.zeros(200, np.float32)
    for i, x in enumerate(values):
        ring[i % 200] = x
    assert _nearest(ring, n) == pytest.approx(nearest_slowly(values, 200), rel=1e-4, abs=1e-9)


def test_says_nothing_while_the_series_is_young() -> None:
    found = scores(wave(WARM_UP + 5))
    assert np.isnan(found[:WARM_UP]).all()
    assert np.isfinite(found[WARM_UP:]).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x[-1:] + 3.0,  # spike
        lambda x: x[-4:] * 0.0 + 10.0 + np.array([0.0, 1.0, 0.0, 1.0]),  # rhythm broken
        lambda x: x[-6:] - 4.0,  # level
    ],
)
def test_sees_what_the_series_has_never_done(change: "object") -> None:
    values = wave(600)
    usual = np.nanmax(scores(values)[100:])
    changed = change(values)  # type: ignore[operator]  # a lambda of the table
    odd = np.concatenate((values[: -len(changed)], changed))
    assert scores(odd)[-1] > usual


def test_the_second_time_is_less_odd() -> None:
    values = wave(600, noise=0.02)
    values[300:306] += 3.0
    values[500:506] += 3.0
    found = scores(values, DiscordSettings(past=400))
    assert found[500:506].max() < 0.7 * found[300:306].max()


def test_what_repeats_exactly_is_not_odd() -> None:
    assert scores(np.tile(np.arange(12.0), 30))[WARM_UP:].max() == 0.0


@pytest.mark.parametrize(("factor", "shift"), [(1000.0, 0.0), (0.25, 0.0), (8.0, 64.0)])
def test_unit_and_zero_do_not_matter(factor: float, shift: float) -> None:
    values = wave(500)
    values[400:405] += 2.0
    np.testing.assert_allclose(scores(values * factor + shift), scores(values), atol=0.02)


@pytest.mark.parametrize("values", [np.zeros(200), np.full(200, 1e100), np.full(200, -7.0)])
def test_a_constant_is_never_odd(values: F64) -> None:
    assert np.nanmax(scores(values)) == 0.0


def test_a_constant_that_moves_is_as_odd_as_can_be_said() -> None:
    values = np.zeros(300)
    values[250:] = 5.0
    found = scores(values)
    assert 3.0 < found[252] <= 8.0
    assert found[-1] == 0.0


@given(st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=120))
def test_scores_are_within_their_range(values: list[float]) -> None:
    found = scores(np.array(values))
    found = found[np.isfinite(found)]
    assert ((found >= 0.0) & (found <= 8.0)).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"past": 10}, "past must be in"),
        ({"memory": math.nan}, "memory must be in"),
        ({"plain_share": -1.0}, "plain_share must be in"),
        ({"plain_share": 0.0, "change_share": 0.0}, "must not both be 0"),
        ({"long_excess": 0.0}, "long_excess must be in"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DiscordSettings(**wrong)  # type: ignore[arg-type]  # wrong on purpose
