import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.hold_down import HoldDownSettings, hold_down

T, DEPTH, REACH = 4.0, 0.1, 4.0
SCORES = st.lists(
    st.sampled_from([math.nan, 0.0, 3.9, 4.0, 4.1, 5.0, 6.0, 7.5, 16.0]), min_size=1, max_size=40
)


def held(scores: list[float], hold: float = 8.0, ticks: list[int] | None = None) -> list[float]:
    tick = np.array(range(len(scores)) if ticks is None else ticks, np.int64)
    out: list[float] = hold_down(tick, np.array(scores), hold, T, DEPTH, REACH).tolist()
    return out


def plainly(scores: list[float], ticks: list[int], hold: float) -> list[float]:
    out = []
    for i, score in enumerate(scores):
        before = [j for j in range(i) if not math.isnan(scores[j])]
        top = max((scores[j] for j in before if ticks[j] >= ticks[i] - hold), default=-math.inf)
        is_close = bool(before) and (ticks[i] - ticks[before[-1]]) * 8 <= hold
        is_held = is_close and T < score <= top
        out.append(T - DEPTH * math.exp(-(score - T) / REACH) if is_held else score)
    return out


@given(SCORES, st.lists(st.integers(1, 9), min_size=40, max_size=40), st.floats(0, 90))
@settings(deadline=None)  # the first call compiles
def test_it_is_what_the_plain_definition_says(
    scores: list[float], steps: list[int], hold: float
) -> None:
    ticks = np.cumsum(steps[: len(scores)]).tolist()
    expected = plainly(scores, ticks, hold)
    assert held(scores, hold, ticks) == pytest.approx(expected, nan_ok=True)


@given(SCORES)
@settings(deadline=None)
def test_held_scores_are_below_the_threshold_above_the_rest_and_in_order(
    scores: list[float],
) -> None:
    pairs = sorted(
        (before, after)
        for before, after in zip(scores, held(scores), strict=True)
        if after != before and not math.isnan(before)
    )
    assert all(T - DEPTH < after < T for _, after in pairs)
    assert [after for _, after in pairs] == sorted(after for _, after in pairs)


def test_a_higher_score_is_said_again() -> None:
    assert held([5.0, 6.0, 7.0]) == [5.0, 6.0, 7.0]


def test_the_same_score_is_not_said_again() -> None:
    assert held([5.0, 5.0])[1] < T


def test_scores_up_to_the_threshold_are_left_alone() -> None:
    assert held([9.0, 4.0, 3.0]) == [9.0, 4.0, 3.0]


@pytest.mark.parametrize(("last", "is_held"), [(8, True), (9, False)])
def test_the_hold_ends_after_its_ticks(last: int, is_held: bool) -> None:
    scores = [6.0, *[1.0] * (last - 1), 5.0]
    assert (held(scores, 8.0)[last] < T) == is_held


@pytest.mark.parametrize(("step", "is_held"), [(2, True), (3, False)])
def test_samples_that_come_less_than_eight_times_in_a_hold_are_never_held(
    step: int, is_held: bool
) -> None:
    assert (held([6.0, 5.0], 16.0, [0, step])[1] < T) == is_held


def test_a_sample_without_a_score_changes_nothing() -> None:
    assert held([6.0, math.nan, 5.0], 16.0)[2] == held([6.0, 5.0], 16.0)[1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"hold_h": -1.0}, "hold_h must be in"),
        ({"hold_h": math.nan}, "hold_h must be in"),
        ({"depth": 0.0}, "depth must be in"),
        ({"reach": math.inf}, "reach must be in"),
    ],
)
def test_settings_are_checked(given: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HoldDownSettings(**given)
