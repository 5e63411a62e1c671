"""The adaptive window beside River's, and its state."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import drift

from models.adwin import Adwin, AdwinSettings
from schema import F64


def stream(seed: int) -> F64:
    """Return up to five stretches, each about a level of its own."""
    draw = np.random.default_rng(seed)
    stretches = [
        draw.normal(draw.uniform(-3, 3), draw.uniform(0.01, 2), draw.integers(5, 250))
        for _ in range(draw.integers(1, 6))
    ]
    values = np.concatenate(stretches)
    return np.round(values) if seed % 3 == 0 else values


@pytest.mark.parametrize("seed", range(40))
def test_it_cuts_where_rivers_does_and_is_as_wide(seed: int) -> None:
    draw = np.random.default_rng(1_000 + seed)
    settings = AdwinSettings(
        delta=float(draw.choice([0.002, 0.05, 0.3])),
        clock=int(draw.choice([1, 2, 8, 32])),
        min_window=int(draw.choice([1, 2, 5])),
        grace=int(draw.choice([1, 5, 10])),
    )
    ours = Adwin(settings)
    rivers = drift.ADWIN(
        delta=settings.delta,
        clock=settings.clock,
        min_window_length=settings.min_window,
        grace_period=settings.grace,
    )
    for value in stream(seed):
        cut = ours.update(float(value))
        rivers.update(float(value))
        assert (cut, ours.width) == (rivers.drift_detected, rivers.width)
        assert ours.mean == pytest.approx(rivers.estimation, abs=1e-9)


def test_the_streams_of_that_comparison_have_cuts_and_stretches_without() -> None:
    cuts = []
    for seed in range(40):
        window = Adwin(AdwinSettings(clock=1))
        cuts.append(sum(window.update(float(value)) for value in stream(seed)))
    assert max(cuts) >= 3
    assert min(cuts) == 0


@given(st.lists(st.floats(-1e3, 1e3), max_size=60), st.integers(0, 60))
def test_a_window_that_was_stored_goes_on_as_one_that_was_not(values: list[float], at: int) -> None:
    settings = AdwinSettings(clock=1, delta=0.3)
    whole, parted = Adwin(settings), Adwin(settings)
    for i, value in enumerate(values):
        if i == at:
            parted = Adwin.load(settings, parted.dump())
        assert whole.update(value) == parted.update(value)
        assert whole.dump() == parted.dump()


def test_memory_grows_with_the_logarithm_of_the_width() -> None:
    window = Adwin(AdwinSettings())
    sizes = {}
    for i in range(1, 4_097):
        window.update(float(i % 2))
        sizes[i] = len(window.dump())
    assert window.width == 4_096
    assert sizes[4_096] < 1.5 * sizes[512]


def test_a_window_without_values_has_no_mean() -> None:
    assert Adwin(AdwinSettings()).mean is None


def test_a_dump_of_another_version_is_refused() -> None:
    later = msgspec.msgpack.encode({"type": "adwin.v2"})
    with pytest.raises(msgspec.ValidationError, match=r"adwin\.v2"):
        Adwin.load(AdwinSettings(), later)


@pytest.mark.parametrize(
    ("field", "value"), [("delta", 0.0), ("delta", 1.0), ("clock", 0), ("min_window", 0)]
)
def test_settings_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} must be in .*got {value}"):
        msgspec.structs.replace(AdwinSettings(), **{field: value})
