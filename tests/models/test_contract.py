"""What every detector keeps to; whoever adds one is told here what is missing."""

import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

import models
from models.contract import VERSION, Detector
from models.detector import DETECTORS, AnyDetector, create_detector, load_detector
from models.fusion import DETECTORS as IN_THE_FLOW
from models.half_space_trees import HalfSpaceTreesSettings
from models.rules import RulesSettings
from models.statistical import StatisticalSettings
from schema import F64


class Case(NamedTuple):
    """A detector with small settings, and data of the kind that it is for."""

    settings: dict[str, object]
    usual: Callable[[int, int], F64]  # number of rows, seed: (n, features)
    odd: F64  # rows that follow, the last of which is wrong


def noise(n: int, seed: int) -> F64:
    return 50.0 + np.random.default_rng(seed).normal(0.0, 2.0, (n, 1))


def wave(n: int, seed: int) -> F64:
    rng = np.random.default_rng(seed)
    return (10.0 + np.sin(np.arange(n) * np.pi / 24) + rng.normal(0.0, 0.05, n)).reshape(-1, 1)


def spreads(n: int, seed: int) -> F64:
    return np.random.default_rng(seed).normal(0.0, 1.0, (n, 4))


SPIKE = np.array([[80.0]])
SHIFT = np.full((4, 1), 62.0)
CASES = {
    "statistical": Case({}, noise, SPIKE),
    "temporal": Case({}, noise, SHIFT),
    "forecast": Case({"warm_up_h": 4.0}, wave, 11.0 + 0.2 * np.arange(20.0).reshape(-1, 1)),
    "discord": Case({"past": 150}, wave, np.array([[13.0]])),
    "rules": Case({"thresholds": [{"above": 60.0, "for_ticks": 3}]}, noise, SHIFT),
    "isolation_forest": Case(
        {"trees": 40, "max_samples": 128, "min_rows": 130, "reservoir_rows": 200, "refit_s": 6000},
        spreads,
        np.full((1, 4), 6.0),
    ),
    "half_space_trees": Case(
        {"trees": 25, "height": 6, "window": 120}, spreads, np.full((1, 4), 6.0)
    ),
}
NAMES = sorted(CASES)
LONG = 400  # rows after which each of the above is past its warm-up


def made(name: str, **changed: object) -> AnyDetector:
    return create_detector(name, {**CASES[name].settings, **changed})


def taught(name: str, rows: int = LONG, seed: int = 1) -> AnyDetector:
    detector = made(name)
    for row in CASES[name].usual(rows, seed):
        detector.learn(row)
    return detector


def test_no_detector_is_forgotten() -> None:
    found = set()
    for module in pkgutil.iter_modules(models.__path__):
        of_module = vars(importlib.import_module(f"models.{module.name}")).values()
        kinds = [kind for kind in of_module if inspect.isclass(kind) and issubclass(kind, Detector)]
        found |= {kind for kind in kinds if not inspect.isabstract(kind)}
    assert found == set(DETECTORS.values())
    assert set(DETECTORS) == set(CASES)
    assert set(IN_THE_FLOW) <= set(DETECTORS)


@pytest.mark.parametrize("name", NAMES)
def test_a_detector_is_made_by_name_with_its_defaults_a_mapping_or_its_settings(name: str) -> None:
    by_default = create_detector(name)
    assert by_default.name == name
    assert create_detector(name, by_default.settings).settings == by_default.settings
    assert create_detector(name, {}).settings == by_default.settings
    assert isinstance(made(name).settings, type(by_default.settings))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("statistical", {"z_excess": 0}, "settings of 'statistical': z_excess must be in"),
        ("prophet", None, "among .'discord', 'forecast', 'half_space_trees', .*got 'prophet'"),
        ("statistical", {"zz": 1}, "settings of 'statistical': .*unknown field `zz`"),
        ("discord", StatisticalSettings(), "must be DiscordSettings, got StatisticalSettings"),
        ("rules", {"thresholds": [{}]}, "must have above or below - at `.*thresholds"),
        ("half_space_trees", {"seed": "x"}, "Expected `int`, got `str`"),
    ],
)
def test_a_wrong_name_or_settings_are_refused(
    name: str, settings: HalfSpaceTreesSettings | dict[str, object] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        create_detector(name, settings)


def test_a_tick_must_take_some_time() -> None:
    with pytest.raises(ValueError, match="tick_s must be in"):
        create_detector("temporal", tick_s=math.nan)


# ---------------------------------------------------------------- scores


@pytest.mark.parametrize("name", NAMES)
def test_there_is_no_score_in_the_warm_up_and_a_finite_one_after_it(name: str) -> None:
    detector = made(name)
    for i, row in enumerate(CASES[name].usual(LONG, 1)):
        seen, needed = detector.progress
        assert seen == i
        assert detector.progress.share == (min(i / needed, 1.0) if needed else 1.0)
        score = detector.score(row)
        assert (score is None) == (seen < needed)
        assert score is None or (isinstance(score, float) and 0.0 <= score < 1e3)
        detector.learn(row)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_wrong_scores_higher_than_all_that_was_usual(name: str) -> None:
    detector = taught(name)
    usual = [detector.judge(row) for row in CASES[name].usual(100, 2)]
    odd = [detector.judge(row) for row in CASES[name].odd][-1]
    assert None not in usual
    assert odd is not None
    assert odd > max(score for score in usual if score is not None)


@pytest.mark.parametrize("name", NAMES)
def test_scoring_does_not_learn(name: str) -> None:
    detector = taught(name)
    before = detector.dump()
    for row in CASES[name].usual(50, 2):
        detector.score(row)
    detector.get_anomaly_scores(CASES[name].odd)
    detector.predict(CASES[name].odd)
    assert detector.dump() == before


@pytest.mark.parametrize("name", NAMES)
def test_to_judge_is_to_score_and_then_to_learn(name: str) -> None:
    at_once, apart = made(name), made(name)
    for row in CASES[name].usual(LONG, 1):
        score = apart.score(row)
        apart.learn(row)
        assert at_once.judge(row) == score
    assert at_once.dump() == apart.dump()


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_not_kept_by_reference(name: str) -> None:
    given_rows, kept_rows = CASES[name].usual(LONG, 1), CASES[name].usual(LONG, 1)
    spoiled, left_alone = made(name), made(name)
    for mine, theirs in zip(given_rows, kept_rows, strict=True):
        spoiled.score(mine)
        spoiled.learn(mine)
        mine[:] = 1e6
        left_alone.learn(theirs)
    assert spoiled.dump() == left_alone.dump()
    fitted = made(name).fit(kept_rows)
    before = fitted.dump()
    kept_rows[:] = 1e6
    assert fitted.dump() == before


@pytest.mark.parametrize("name", NAMES)
def test_rows_settings_and_nothing_else_decide(name: str) -> None:
    assert taught(name).dump() == taught(name).dump()
    if "seed" in DETECTORS[name].settings_type.__struct_fields__:
        one, other = made(name, seed=1), made(name, seed=2)
        rows = CASES[name].usual(LONG, 1)
        scores = [[kind.judge(row) for row in rows] for kind in (one, other)]
        assert scores[0] != scores[1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused_and_changes_nothing(name: str, value: float) -> None:
    detector = taught(name, 100)
    before = detector.dump()
    row = CASES[name].usual(1, 2)[0]
    row[-1] = value
    for use in (detector.learn, detector.score, detector.judge):
        with pytest.raises(ValueError, match="a row must be finite"):
            use(row)
    assert detector.dump() == before


@pytest.mark.parametrize("name", NAMES)
def test_huge_values_are_taken_and_leave_scores_finite(name: str) -> None:
    detector = taught(name)
    for size in (1e300, -1e300, 5e-324, 1.7e308):
        detector.learn(np.full(detector.features, size))
    for row in CASES[name].usual(LONG, 3):
        score = detector.judge(row)
        assert score is not None
        assert math.isfinite(score)


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_another_width_and_ticks_that_do_not_rise_are_refused(name: str) -> None:
    detector = taught(name, 100)
    row = CASES[name].usual(1, 1)[0]
    with pytest.raises(ValueError, match="a row must be"):
        detector.learn(np.append(row, 1.0))
    with pytest.raises(ValueError, match="a row must be"):
        detector.score(np.zeros((1, row.size)))
    with pytest.raises(ValueError, match="tick must be above 99, the last one, got 99"):
        detector.score(row, 99)
    detector.learn(row, 150)
    with pytest.raises(ValueError, match="tick must be above 150"):
        detector.learn(row, 120)


# ---------------------------------------------------------------- many rows


@pytest.mark.parametrize("name", NAMES)
def test_the_scores_of_many_rows_are_those_of_each_alone(name: str) -> None:
    detector = taught(name)
    rows = np.concatenate((CASES[name].usual(20, 2), CASES[name].odd))
    scores = detector.get_anomaly_scores(rows)
    assert scores.tolist() == [detector.score(row) for row in rows]
    assert detector.get_anomaly_scores(rows[::-1]).tolist() == scores[::-1].tolist()
    young = made(name).get_anomaly_scores(rows)
    assert young.shape == (len(rows),)
    assert np.isnan(young).all() == bool(detector.progress.needed)


@pytest.mark.parametrize("name", NAMES)
def test_to_fit_is_to_learn_every_row(name: str) -> None:
    rows = CASES[name].usual(LONG, 1)
    fitted = made(name)
    assert fitted.fit(rows) is fitted
    assert fitted.progress == taught(name).progress
    if name != "isolation_forest":  # which then grows one forest of all
        assert fitted.dump() == taught(name).dump()


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_called_anomalous_where_their_scores_are_rare(name: str) -> None:
    case = CASES[name]
    assert not made(name).predict(case.odd).any()  # nothing is known yet
    rows = case.usual(LONG + 200, 1)
    detector = made(name).fit(rows[:LONG])
    called = 0
    for row in rows[LONG:]:
        called += int(detector.predict([row])[0])
        detector.learn(row)
    assert called <= 4
    for row in case.odd[:-1]:
        detector.learn(row)
    assert detector.predict(case.odd[-1:]).tolist() == [True]


# ---------------------------------------------------------------- dumps


@given(data=st.data())
@examples(max_examples=25, deadline=None)
def test_a_loaded_dump_goes_on_with_the_same_scores_to_the_bit(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    cut = data.draw(st.integers(0, LONG))
    rows = CASES[name].usual(LONG + 150, data.draw(st.integers(0, 9)))
    unbroken = made(name)
    for row in rows[:cut]:
        unbroken.learn(row)
    resumed = load_detector(unbroken.dump())
    assert type(resumed) is type(unbroken)
    assert resumed.settings == unbroken.settings
    assert resumed.progress == unbroken.progress
    for row in rows[cut:]:
        assert resumed.judge(row) == unbroken.judge(row)
    assert resumed.dump() == unbroken.dump()


@pytest.mark.parametrize("name", NAMES)
def test_memory_is_bounded_by_the_settings(name: str) -> None:
    detector = made(name)
    sizes = []
    for seed in range(5):
        for row in CASES[name].usual(2_000, seed):
            detector.learn(row)
        sizes.append(len(detector.dump()))
    assert max(sizes) - sizes[0] <= 8  # a number that takes more bytes


@pytest.mark.parametrize("name", NAMES)
def test_a_dump_is_led_by_its_version_and_refused_when_damaged(name: str) -> None:
    state = taught(name, 120).dump()
    assert state.startswith(VERSION)
    rng = np.random.default_rng(1)
    for at in [0, len(VERSION), len(state) - 1, *rng.integers(0, len(state), 40).tolist()]:
        damaged = bytearray(state)
        damaged[at] ^= 1 << int(rng.integers(0, 8))
        with pytest.raises(ValueError, match=r"must begin with|is damaged"):
            load_detector(bytes(damaged))
    for part in (b"", state[: len(VERSION)], state[:-1], state + b"\0"):
        with pytest.raises(ValueError, match=r"must begin with|is damaged"):
            load_detector(part)


def test_a_dump_of_another_detector_is_refused() -> None:
    with pytest.raises(ValueError, match="must be of 'temporal', got 'rules'"):
        DETECTORS["temporal"].load(create_detector("rules", RulesSettings()).dump())


# ---------------------------------------------------------------- slow references


def test_temporal_scores_are_distances_from_what_the_hour_has_been() -> None:
    rng = np.random.default_rng(5)
    hours = np.arange(24 * 40)
    past = 100.0 + 20.0 * np.sin(hours * np.pi / 12) + rng.normal(0.0, 1.0, hours.size)
    detector = create_detector("temporal", {"short": 0, "middle": 0, "sample": 1}, tick_s=3600.0)
    for value in past:
        detector.learn(value)
    for value in (90.0, 95.0, 105.0, 110.0):  # at midnight
        expected = past[-24 * 14 :: 24].mean()
        size = abs(value - expected) / 1.3  # what is learned of hour and level adds to the noise
        assert detector.score(value) == pytest.approx(size, rel=0.35)


@given(
    values=st.lists(st.sampled_from([0.0, 5.0, 10.0]), min_size=1, max_size=60),
    for_ticks=st.integers(1, 5),
    calm=st.integers(1, 4),
)
def test_rules_scores_are_those_of_counting_anew_at_each_sample(
    values: list[float], for_ticks: int, calm: int
) -> None:
    threshold = {"above": 7.0, "below": 2.0, "for_ticks": for_ticks}
    detector = create_detector("rules", {"thresholds": [threshold], "calm_samples": calm})
    is_open = False
    since = 0  # the sample from which it counts anew
    for i, value in enumerate(values):
        hits = [not 2.0 <= one <= 7.0 for one in values[since : i + 1]]
        if is_open and len(hits) >= calm and not any(hits[-calm:]):
            is_open, since, hits = False, i + 1, []
        held = len(hits) - (max((k for k, hit in enumerate(hits) if not hit), default=-1) + 1)
        if not is_open and held >= for_ticks:
            is_open, since = True, i
        assert detector.judge(value) == (1.0 if is_open else held / for_ticks)
