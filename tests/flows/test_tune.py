"""A search over settings: chosen on the earlier part, confirmed or not on the later one."""

import pytest

from config.app import App
from connectors.simulator.settings import SimulatorSource
from flows.labels import Labels
from flows.outcome import Outcome
from flows.summary import Counts
from flows.tune import Objective, Settings, Tuned, as_yaml, settings_of, tune, with_settings
from schema import Incident
from tests.flows.told_incidents import MIN, START, fault, incident, said

APP = App(sources=(SimulatorSource(),))
KEY = "detect.fusion.threshold"
FAULTS, EVERY = 40, 200  # minutes apart
END = START + FAULTS * EVERY * MIN
LABELS = Labels(tuple(fault(f"F{i}", EVERY * i, EVERY * i + 30, f"r{i}") for i in range(FAULTS)))


def finds(*faults: int) -> list[Incident]:
    return [incident(f"I{i}", EVERY * i + 5, EVERY * i + 20, f"r{i}") for i in faults]


def outcome(told: list[Incident]) -> Outcome:
    return Outcome(
        Counts(1, 1, 0, 0, 0, 1, 1.0), tuple(said(*told)), 1, MIN, (), (), (), 5.0, 4.1, START, END
    )


def searched(objective: Objective = "f1", **by_threshold: list[int]) -> Tuned:
    """Search the thresholds that are named t5, t6 ...; `now` are the present settings' finds."""

    def replay(app: App) -> Outcome:
        threshold = app.detect.fusion.threshold
        name = "now" if app == APP else f"t{threshold:.0f}"
        return outcome(finds(*by_threshold[name]))

    values: list[Settings] = [{KEY: float(name[1:])} for name in by_threshold if name != "now"]
    return tune(APP, values, LABELS, replay, objective=objective)


def test_what_is_better_in_both_parts_is_confirmed_and_given_as_yaml() -> None:
    few, many = list(range(0, 40, 4)), list(range(40))
    found = searched(now=few, t5=many, t6=few)
    assert found.best == {KEY: 5.0}
    assert found.confirmed
    assert found.settings == "detect:\n  fusion:\n    threshold: 5.0\n"
    assert [each.measures.recall for each in found.tried] == [0.25, 1.0, 0.25]
    assert found.training == (START, START + 24 * EVERY * MIN)
    assert found.confirming == (found.training[1], END)


def test_what_is_better_in_the_earlier_part_alone_is_not_confirmed() -> None:
    now = list(range(0, 40, 2))
    overfitted = [*range(24), *range(24, 40, 2)]
    found = searched(now=now, t5=overfitted)
    assert found.best == {KEY: 5.0}
    assert not found.confirmed
    assert found.settings == ""
    assert {side.verdict for side in found.figures if side.name == "f1"} == {"equal"}


def test_the_later_part_has_no_say_in_the_choice() -> None:
    good_later = [*range(0, 24, 2), *range(24, 40)]
    found = searched(now=list(range(0, 40, 2)), t5=good_later)
    assert found.best == {}
    assert not found.confirmed


def test_the_present_settings_stay_where_nothing_is_better() -> None:
    found = searched(now=list(range(40)), t5=list(range(40)), t6=[])
    assert (found.best, found.confirmed, found.figures) == ({}, False, ())


def test_a_window_without_a_fault_is_refused() -> None:
    replay = lambda _app: outcome(finds(1))  # noqa: E731
    with pytest.raises(ValueError, match="the later window must have a fault"):
        tune(APP, [], LABELS, replay, split_ms=END - MIN)
    with pytest.raises(ValueError, match="the split must lie within the data"):
        tune(APP, [], LABELS, replay, split_ms=END + MIN)


@pytest.mark.parametrize(
    ("tries", "combinations"),
    [
        (["a.b=1"], [{"a.b": 1}]),
        (["a=1,2", "b=x"], [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]),
        (["a=[2,3],[3, 5]"], [{"a": [2, 3]}, {"a": [3, 5]}]),
    ],
)
def test_tries_are_combined(tries: list[str], combinations: list[dict[str, object]]) -> None:
    assert settings_of(tries) == combinations


@pytest.mark.parametrize("tries", [["a"], ["=1"], ["a="], ["a=1", "a=2"], ["a=[1"]])
def test_what_is_no_try_is_refused(tries: list[str]) -> None:
    with pytest.raises(ValueError, match=r"KEY=VALUE|as in YAML"):
        settings_of(tries)


def test_settings_are_put_in_place() -> None:
    found = with_settings(APP, {KEY: 5, "detect.alerts.open_of": [3, 5], "triage.quiet_s": 60})
    assert found.detect.fusion.threshold == 5.0
    assert found.detect.alerts.open_of == (3, 5)
    assert found.triage.quiet_s == 60
    assert found.sources == APP.sources


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "detect.alerts.threshold",
            1,
            "alerts.threshold: must be a setting, got 'threshold'",
        ),
        ("detect.alerts.open_of.x", 1, "must be a setting, got 'x'"),
        ("detect.alerts.open_of", "often", "detect.alerts.open_of: Expected `array`"),
        ("detect.alerts.hold_ticks", 0, r"hold_ticks must be in \[1, 100000\], got 0"),
    ],
)
def test_a_key_that_is_none_or_a_bad_value_is_refused(
    key: str, value: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        with_settings(APP, {key: value})


def test_yaml_is_nested() -> None:
    nested = "a:\n  b:\n    c:\n    - 1\n    - 2\n  d: true\n"
    assert as_yaml({"a.b.c": [1, 2], "a.d": True}) == nested
