from itertools import pairwise

import msgspec
import numpy as np
import pytest

from operators.effects import EffectSettings
from operators.keygroup import GroupSettings, KeyGroup
from schema import Closed, Effect
from tests.operators.group_input import MINUTE_MS, Sample, buffer, settings

WARM = 60
BAD = 64


def samples(resources: int = 3, until: int = 70) -> list[Sample]:
    """Return calm series, of which each goes up at `BAD`, a later one farther."""
    noise = np.random.default_rng(7)
    return [
        (f"i-{i}", minute, 40 + noise.normal() + (8 + 4 * i if minute >= BAD else 0))
        for minute in range(until)
        for i in range(resources)
    ]


def with_effects(bar: float = 1.0, most: int = 64) -> GroupSettings:
    plain = settings()
    detect = msgspec.structs.replace(plain.detect, effects=EffectSettings(bar, most))
    return GroupSettings(1, 1, 60, detect, plain.catalogue)


def found(group: KeyGroup, rows: list[Sample], cuts: list[int]) -> list[Effect]:
    words: list[Closed | None] = []
    for lo, hi in pairwise([0, *cuts]):
        group.feed(buffer([row for row in rows if lo <= row[1] < hi], until=hi))
        words.append(group.close())
    return [effect for word in words if word for effect in word.effects]


def test_what_is_off_where_it_hurts_is_handed_on_by_tick_and_name() -> None:
    effects = found(KeyGroup(with_effects(), 0), samples(), [70])
    told = [(each.tick_ms // MINUTE_MS, each.resource.name) for each in effects]
    assert told == sorted(told)
    first = [each for each in effects if each.tick_ms == BAD * MINUTE_MS]
    assert [each.resource.name for each in first] == ["i-0", "i-1", "i-2"]
    far = first[-1]
    assert far.metric == "cpu.utilization"
    assert (far.felt, far.load, far.requests) == ("", False, None)
    assert far.lower < far.expected < far.upper < far.value
    half_bands = (far.value - far.expected) / (far.upper - far.expected)
    assert far.strength == pytest.approx(half_bands, rel=1e-3)
    assert far.onset_ms == BAD * MINUTE_MS


def test_it_makes_no_difference_how_many_ticks_are_closed_at_once() -> None:
    rows = samples(8)
    at_once = found(KeyGroup(with_effects(0.5, 3), 0), rows, [70])
    one_by_one = found(KeyGroup(with_effects(0.5, 3), 0), rows, list(range(1, 71)))
    assert at_once == one_by_one


def test_of_each_tick_the_strongest_are_handed_on() -> None:
    effects = found(KeyGroup(with_effects(most=2), 0), samples(5), [70])
    first = [each.resource.name for each in effects if each.tick_ms == BAD * MINUTE_MS]
    assert first == ["i-3", "i-4"]


def test_none_are_handed_on_where_none_are_wanted() -> None:
    assert found(KeyGroup(with_effects(most=0), 0), samples(), [70]) == []


@pytest.mark.parametrize(
    ("bar", "most", "message"),
    [(0.0, 1, "bar must be in"), (float("nan"), 1, "bar must be in"), (1.0, -1, "most must be in")],
)
def test_refuses_settings_that_make_no_sense(bar: float, most: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EffectSettings(bar, most)
