"""What if: a few settings searched on an earlier window, and the best confirmed on a later one.

Each configuration is run once over all of the data. Nothing later changes a verdict before it, so
the incidents of the earlier window are those of a run that ended there; the later window is not
looked at until the choice is made, and then for the chosen settings and the present ones alone.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, Literal, TypeVar, get_args, get_type_hints

import msgspec
import yaml

from config.app import App
from flows.backtest import within_run
from flows.intervals import Side, side_by_side
from flows.judged import Judged, Measures, judge, measured
from flows.labels import Labels
from flows.outcome import Outcome

S = TypeVar("S", bound=msgspec.Struct)
Objective = Literal["f1", "precision", "recall"]
OBJECTIVES: tuple[str, ...] = get_args(Objective)
TRAINING_SHARE = 0.6  # of the time, where no split is named
Settings = dict[str, object]  # dotted key: value
Window = tuple[int, int]  # ms, half-open


class Tried(msgspec.Struct, frozen=True):
    """A configuration on the training window; no settings: as they are."""

    settings: Settings
    measures: Measures


class Tuned(msgspec.Struct, frozen=True):
    """What was found."""

    objective: Objective
    training: Window
    confirming: Window
    tried: tuple[Tried, ...]  # the present settings first
    best: Settings  # on the training window; empty: the present ones
    confirmed: bool  # the best is better on the later window too, beyond noise
    figures: tuple[Side, ...]  # on the later window; empty: the present settings are best
    settings: str  # YAML to use; "": nothing was confirmed


def settings_of(tries: Sequence[str]) -> list[Settings]:
    """Return every combination of `key=value,value`, values as in YAML.

    >>> settings_of(["detect.fusion.threshold=4,5", "triage.quiet_s=60"])[1]
    {'detect.fusion.threshold': 5, 'triage.quiet_s': 60}
    """
    values: dict[str, list[object]] = {}
    for each in tries:
        key, equals, text = each.partition("=")
        try:
            found = yaml.safe_load(f"[{text}]")
        except yaml.YAMLError as ex:
            raise ValueError(f"{key}: values must be as in YAML, got {text!r}") from ex
        if not key or not equals or not found or key in values:
            raise ValueError(f"to try must be KEY=VALUE,VALUE ..., each key once, got {each!r}")
        values[key] = found
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def with_settings(app: App, settings: Settings) -> App:
    """Return the settings with others in place of some.

    Raises: ValueError naming the key that is none, or whose value cannot be.
    """
    for key, value in settings.items():
        try:
            app = _with(app, key.split("."), value)
        except (ValueError, TypeError) as ex:
            raise ValueError(f"{key}: {ex}") from ex
    return app


def _with(section: S, path: Sequence[str], value: object) -> S:
    name, *rest = path
    if not isinstance(section, msgspec.Struct) or name not in section.__struct_fields__:
        raise ValueError(f"must be a setting, got {name!r}")
    if rest:
        return msgspec.structs.replace(
            section, **{name: _with(getattr(section, name), rest, value)}
        )
    kind = get_type_hints(type(section))[name]
    return msgspec.structs.replace(section, **{name: msgspec.convert(value, kind)})


def tune(
    app: App,
    combinations: Sequence[Settings],
    labels: Labels,
    replay: Callable[[App], Outcome],
    *,
    split_ms: int | None = None,
    objective: Objective = "f1",
    on_run: Callable[[int, Settings], object] = lambda _number, _settings: None,
) -> Tuned:
    """Run the present settings and each combination; return the best, and whether it is.

    Raises: ValueError where the split leaves a window without a fault; what `replay` raises.
    """
    runs: list[tuple[Judged, ...]] = []
    whole = (0, 0)
    days = 0.0
    for number, settings in enumerate(({}, *combinations)):
        on_run(number, settings)
        outcome = replay(with_settings(app, settings))
        if not number:
            whole, days = (outcome.from_ms, outcome.until_ms), outcome.days
            labels = within_run(labels, outcome)
            split = split_ms or whole[0] + round(TRAINING_SHARE * (whole[1] - whole[0]))
            windows = _windows(labels, whole, split)
        runs.append(judge(labels, outcome.transitions, outcome.raised))
    share = [(end - start) / (whole[1] - whole[0]) * days for start, end in windows]
    measures = [_measured(*_part(labels, run, windows[0]), share[0]) for run in runs]
    best = max(range(len(runs)), key=lambda i: (*_worth(measures[i], objective), -i))
    sides = _confirmed(labels, (runs[0], runs[best]), windows[1], share[1]) if best else ()
    confirmed = any(side.name == objective and side.verdict == "better" for side in sides)
    chosen = combinations[best - 1] if best else {}
    return Tuned(
        objective,
        *windows,
        tuple(
            Tried(settings, found)
            for settings, found in zip(({}, *combinations), measures, strict=True)
        ),
        chosen,
        confirmed,
        sides,
        as_yaml(chosen) if confirmed else "",
    )


def as_yaml(settings: Mapping[str, object]) -> str:
    """Return dotted keys as a settings file has them.

    >>> print(as_yaml({"triage.quiet_s": 60, "triage.storm_s": 5}), end="")
    triage:
      quiet_s: 60
      storm_s: 5
    """
    tree: Any = {}
    for key, value in settings.items():
        *above, name = key.split(".")
        at = tree
        for section in above:
            at = at.setdefault(section, {})
        at[name] = value
    text: str = yaml.safe_dump(tree, sort_keys=False)
    return text


def _windows(labels: Labels, whole: Window, split_ms: int) -> tuple[Window, Window]:
    if not whole[0] < split_ms < whole[1]:
        raise ValueError(f"the split must lie within the data, {whole!r} ms, got {split_ms!r}")
    windows = ((whole[0], split_ms), (split_ms, whole[1]))
    for name, (start, end) in zip(("training", "later"), windows, strict=True):
        if not any(start <= fault.start_ms < end for fault in labels.faults):
            raise ValueError(f"the {name} window must have a fault, got none: move the split")
    return windows


def _part(
    labels: Labels, judged: Sequence[Judged], window: Window
) -> tuple[Labels, tuple[Judged, ...]]:
    """Return the faults that start in a window, and the incidents of these or of none."""
    inside = [i for i, f in enumerate(labels.faults) if window[0] <= f.start_ms < window[1]]
    place = {fault: i for i, fault in enumerate(inside)}
    kept = []
    for each in judged:
        faults = tuple(place[fault] for fault in each.faults if fault in place)
        if faults or (not each.faults and window[0] <= each.opened_ms < window[1]):
            kept.append(msgspec.structs.replace(each, faults=faults))
    known = msgspec.structs.replace(labels, faults=tuple(labels.faults[i] for i in inside))
    return known, tuple(kept)


def _measured(labels: Labels, judged: Sequence[Judged], days: float) -> Measures:
    return measured(labels, judged, range(len(labels.faults)), days)


def _worth(found: Measures, objective: str) -> tuple[float, float]:
    """Return what more is better of: the objective, then fewer false alarms."""
    reached = getattr(found, objective)
    return (-1.0 if reached is None else reached), -(found.false_alarms_per_day or 0.0)


def _confirmed(
    labels: Labels, runs: tuple[Sequence[Judged], Sequence[Judged]], window: Window, days: float
) -> tuple[Side, ...]:
    (known, before), (_, after) = (_part(labels, run, window) for run in runs)
    found = _measured(known, before, days), _measured(known, after, days)
    return side_by_side(known, (before, after), found, window, days)
