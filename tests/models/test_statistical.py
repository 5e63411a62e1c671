"""The statistical detector against its plain definition."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.baseline import IQR_EXCESS, VIEWS, Z_CHANGE, Z_MEAN
from models.statistical import WIDTH, StatisticalSettings, judge
from schema import F64

PRIOR = ((1.9, 1.0), (2.2, 1.9), (2.2, 1.0))
SIZES = st.floats(-60.0, 60.0)


def views(z: float, fences: float, change: float) -> F64:
    out = np.zeros(VIEWS)
    out[Z_MEAN], out[IQR_EXCESS], out[Z_CHANGE] = z, fences, change
    return out


def rarity(size: float, quantile: float, excess: float) -> float:
    at_quantile = -math.log10(0.02)
    if size <= quantile:
        return at_quantile * size / quantile
    return min(at_quantile + (size - quantile) / (excess * math.log(10.0)), 8.0)


@given(SIZES, SIZES, SIZES, st.sampled_from([-1, 0, 1]))
@settings(deadline=None)  # the first call compiles
def test_it_is_the_mean_rarity_of_the_three_sizes_where_they_hurt(
    z: float, fences: float, change: float, direction: int
) -> None:
    constants = StatisticalSettings(prior_rows=1e9).constants  # what is learned does not count
    state = np.zeros(WIDTH)
    for _ in range(2):
        judge(state, views(z, fences, change), direction, constants)
    found = judge(state, views(z, fences, change), direction, constants)
    rare = [
        rarity(math.log1p(abs(x) if direction == 0 else max(x * direction, 0.0)), q, e)
        for x, (q, e) in zip((z, fences, change), PRIOR, strict=True)
    ]
    assert found == pytest.approx(np.mean(rare), abs=1e-6)


def test_a_sample_counts_for_three() -> None:
    state, constants = np.zeros(WIDTH), StatisticalSettings().constants
    found = [judge(state, views(9.0 * (i == 0), 0.0, 0.0), 0, constants) for i in range(4)]
    assert found[0] == found[1] == found[2] > 0.0
    assert found[3] == 0.0


def test_a_series_that_spikes_every_day_has_less_rare_spikes() -> None:
    state, constants = np.zeros(WIDTH), StatisticalSettings().constants
    spike, calm = views(20.0, 10.0, 20.0), views(0.5, 0.0, 0.5)
    first = [judge(state, spike, 0, constants) for _ in range(3)][-1]
    for i in range(2_000):
        judge(state, spike if i % 24 == 0 else calm, 0, constants)
    last = [judge(state, spike, 0, constants) for _ in range(3)][-1]
    assert last < 0.95 * first


@pytest.mark.parametrize("name", ["prior_rows", "z_quantile", "change_excess"])
def test_a_prior_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be in"):
        StatisticalSettings(**{name: 0.0})
