"""How sure a difference between two runs over the same data is: a paired bootstrap.

What is drawn again is a fault with the incidents that matched it in either run, and a block of time
with the other incidents that opened in it in either run. So what is common to both, such as a bad
day, is drawn for both, and chance in the choice of faults and days is not taken for progress.
Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993 (percentile intervals).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from flows.judged import Judged, Measures, delays_ms, share
from flows.labels import Labels
from schema import F64, I64

DRAWS = 2_000
LEVEL = 0.95
BLOCKS = 40
SEED = 1
Verdict = Literal["equal", "better", "worse", "more", "fewer", "unclear"]


class Side(msgspec.Struct, frozen=True):
    """A figure of two runs. The interval is of `after - before`; None: there is none."""

    name: str
    before: float | None
    after: float | None
    difference: float | None
    low: float | None
    high: float | None
    verdict: Verdict  # unclear: the interval holds zero


class _Drawn(NamedTuple):
    """How often each unit was drawn: (draws, units)."""

    faults: I64
    blocks: I64


class _Units(NamedTuple):
    """What each unit says of one run."""

    caught: F64  # (faults,) 0 or 1
    right: F64  # (faults,) incidents
    delay_s: F64  # (faults,) NaN: not caught
    wrong: F64  # (blocks,) incidents
    others: F64  # (blocks,) incidents that match no fault
    days: float


_HIGHER_IS_BETTER: Mapping[str, bool | None] = {  # None: neither
    "precision": True,
    "recall": True,
    "f1": True,
    "false_alarms_per_day": False,
    "delay_median_s": False,
    "delay_p90_s": False,
    "incidents_per_fault": False,
    "incidents_per_day": None,
}


def side_by_side(
    labels: Labels,
    runs: tuple[Sequence[Judged], Sequence[Judged]],
    measures: tuple[Measures, Measures],
    span_ms: tuple[int, int],
    days: float,
) -> tuple[Side, ...]:
    """Return the figures of two runs with what is sure of their difference.

    The same runs give the same intervals: the draws are seeded.
    """
    rng = np.random.default_rng(SEED)
    drawn = _Drawn(_draws(rng, len(labels.faults)), _draws(rng, BLOCKS))
    before, after = (_units(labels, run, span_ms, days) for run in runs)
    known = [_values(labels, run, found, days) for run, found in zip(runs, measures, strict=True)]
    return tuple(
        _side(name, known[0][name], known[1][name], figure(after, drawn) - figure(before, drawn))
        for name, figure in _FIGURES.items()
        if labels.faults or labels.complete or _HIGHER_IS_BETTER[name] is None
    )


def _draws(rng: np.random.Generator, units: int) -> I64:
    if not units:
        return np.zeros((DRAWS, 0), np.int64)
    return rng.multinomial(units, np.full(units, 1.0 / units), DRAWS)


def _values(
    labels: Labels, run: Sequence[Judged], found: Measures, days: float
) -> dict[str, float | None]:
    return {
        **{name: getattr(found, name, None) for name in _FIGURES},
        "incidents_per_fault": share(found.right, found.caught),
        "incidents_per_day": share(len(run), days),
    }


def _units(labels: Labels, run: Sequence[Judged], span_ms: tuple[int, int], days: float) -> _Units:
    caught, right = np.zeros((2, len(labels.faults)))
    delay_s = np.full(len(labels.faults), np.nan)
    for fault, delay_ms in delays_ms(labels, run).items():
        caught[fault], delay_s[fault] = 1.0, delay_ms / 1000.0
    wrong, others = np.zeros((2, BLOCKS))
    first_ms, last_ms = span_ms
    for incident in run:
        if incident.faults:
            right[incident.faults[0]] += 1
        else:
            place = (incident.opened_ms - first_ms) * BLOCKS // max(1, last_ms - first_ms)
            block = min(max(place, 0), BLOCKS - 1)
            wrong[block] += incident.wrong
            others[block] += 1
    return _Units(caught, right, delay_s, wrong, others, days)


def _precision(run: _Units, drawn: _Drawn) -> F64:
    right = drawn.faults @ run.right
    return _ratio(right, right + drawn.blocks @ run.wrong)


def _recall(run: _Units, drawn: _Drawn) -> F64:
    return _ratio(drawn.faults @ run.caught, drawn.faults.sum(axis=1))


def _f1(run: _Units, drawn: _Drawn) -> F64:
    recall = _recall(run, drawn)
    precision = np.where(recall == 0, 0.0, _precision(run, drawn))
    found: F64 = np.where(recall == 0, 0.0, _ratio(2 * precision * recall, precision + recall))
    return found


def _false_alarms_per_day(run: _Units, drawn: _Drawn) -> F64:
    return _ratio(drawn.blocks @ run.wrong, np.full(DRAWS, run.days))


def _incidents_per_fault(run: _Units, drawn: _Drawn) -> F64:
    return _ratio(drawn.faults @ run.right, drawn.faults @ run.caught)


def _incidents_per_day(run: _Units, drawn: _Drawn) -> F64:
    told = drawn.faults @ run.right + drawn.blocks @ run.others
    return _ratio(told, np.full(DRAWS, run.days))


def _delay(quantile: float) -> Callable[[_Units, _Drawn], F64]:
    def at(run: _Units, drawn: _Drawn) -> F64:
        """Return of each draw the least delay that so many of its caught faults do not exceed."""
        known = np.flatnonzero(np.isfinite(run.delay_s))
        if not known.size:
            return np.full(DRAWS, np.nan)
        order = known[np.argsort(run.delay_s[known], kind="stable")]
        upto = np.cumsum(drawn.faults[:, order], axis=1)
        reached = upto >= np.maximum(quantile * upto[:, -1:], 1)
        found: F64 = run.delay_s[order][np.argmax(reached, axis=1)]
        none = upto[:, -1] == 0
        found[none] = np.nan
        return found

    return at


_FIGURES: Mapping[str, Callable[[_Units, _Drawn], F64]] = {
    "precision": _precision,
    "recall": _recall,
    "f1": _f1,
    "false_alarms_per_day": _false_alarms_per_day,
    "delay_median_s": _delay(0.5),
    "delay_p90_s": _delay(0.9),
    "incidents_per_fault": _incidents_per_fault,
    "incidents_per_day": _incidents_per_day,
}


def _ratio(part: F64, whole: F64) -> F64:
    out: F64 = np.full(len(part), np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out


def _side(name: str, before: float | None, after: float | None, drawn: F64) -> Side:
    drawn = drawn[np.isfinite(drawn)]
    if before is None or after is None or drawn.size < DRAWS // 2:
        verdict: Verdict = "equal" if before == after else "unclear"
        return Side(name, before, after, None, None, None, verdict)
    low, high = (float(edge) for edge in np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    rises, is_better = low > 0, _HIGHER_IS_BETTER[name]
    if before == after and not drawn.any():
        verdict = "equal"
    elif low <= 0 <= high:
        verdict = "unclear"
    elif is_better is None:
        verdict = "more" if rises else "fewer"
    else:
        verdict = "better" if rises is is_better else "worse"
    return Side(name, before, after, after - before, low, high, verdict)
