"""Two runs over the same data: which incidents came, went and changed, and which run is better."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from flows.backtest import Plan, Run, replayed, spooled, summed_up, within_run
from flows.intervals import Side, side_by_side
from flows.judged import judge, measured
from flows.labels import AFTERMATH_MS, Labels
from flows.outcome import Outcome
from flows.replay import Show, Stopped, summary_of
from flows.summary import IncidentLine, Summary

_SHOWN = ("severity", "opened_ms", "resolved_ms", "resources", "title")  # what may change
_UNKNOWN = Labels((), complete=False)


class Change(msgspec.Struct, frozen=True):
    """An incident that both runs told, and what is not the same of it."""

    before: IncidentLine
    after: IncidentLine
    what: tuple[str, ...]  # names of fields


class Comparison(msgspec.Struct, frozen=True):
    """What a second run changed. Incidents are matched by members and time."""

    before: str  # what the runs are called
    after: str
    gained: tuple[IncidentLine, ...]  # by opening
    lost: tuple[IncidentLine, ...]
    changed: tuple[Change, ...]
    unchanged: int
    figures: tuple[Side, ...]  # without labels incidents a day alone

    @property
    def is_equal(self) -> bool:
        """Whether nothing is other than it was."""
        return not (self.gained or self.lost or self.changed)


class Compared(NamedTuple):
    """Both runs, and what is between them."""

    before: Summary
    after: Summary
    comparison: Comparison


@dataclass(frozen=True)
class ReportOfBoth:
    """What is wanted of two runs beside what is between them."""

    folder: Path
    write: Callable[[Run, Run, Comparison, Labels | None], None]


def both(
    plan: Plan,
    other: Plan,
    names: tuple[str, str],
    labels: Labels | None = None,
    workers: int = 1,
    show: Show | None = None,
    report: ReportOfBoth | None = None,
) -> Compared:
    """Replay by one plan, then by the other; both over the same data. A `report` comes last.

    Raises: Stopped where a run was stopped; what `flows.backtest.replayed` raises.
    """
    beside = None if report is None else report.folder
    with spooled(beside, labels) as first, spooled(beside, labels) as second:
        before, after = (
            _whole(replayed(each, workers=workers, show=show, spool=spool))
            for each, spool in ((plan, first), (other, second))
        )
        known = None if labels is None else within_run(labels, before)
        found = Compared(
            summed_up(plan.app, before, known, first),
            summed_up(other.app, after, known, second),
            compare(before, after, known, names),
        )
        if report is not None and first is not None and second is not None:
            report.write(
                Run(plan.app, before, found.before, first),
                Run(other.app, after, found.after, second),
                found.comparison,
                known,
            )
    return found


def _whole(outcome: Outcome) -> Outcome:
    if outcome.partial:
        raise Stopped(outcome.partial)
    return outcome


def compare(
    before: Outcome, after: Outcome, labels: Labels | None, names: tuple[str, str]
) -> Comparison:
    """Return what is between two runs over the same data."""
    lines = [summary_of(each).incidents for each in (before, after)]
    matched = matched_incidents(*lines)
    both = {one.id for one, _ in matched}, {two.id for _, two in matched}
    changes = [Change(one, two, _changed(one, two)) for one, two in matched]
    return Comparison(
        *names,
        gained=tuple(each for each in lines[1] if each.id not in both[1]),
        lost=tuple(each for each in lines[0] if each.id not in both[0]),
        changed=tuple(each for each in changes if each.what),
        unchanged=sum(not each.what for each in changes),
        figures=sides(before, after, labels),
    )


def sides(before: Outcome, after: Outcome, labels: Labels | None) -> tuple[Side, ...]:
    """Return the figures of two runs side by side."""
    known = _UNKNOWN if labels is None else labels
    one, two = (judge(known, each.transitions, each.raised) for each in (before, after))
    everyone = range(len(known.faults))
    found = [measured(known, run, everyone, before.days) for run in (one, two)]
    span_ms = before.from_ms, before.until_ms
    return side_by_side(known, (one, two), (found[0], found[1]), span_ms, before.days)


def matched_incidents(
    before: Sequence[IncidentLine], after: Sequence[IncidentLine]
) -> list[tuple[IncidentLine, IncidentLine]]:
    """Return pairs that share a resource and a time, each incident in one pair at most.

    The best go first: by the share of resources in common, then by how near they opened.
    """
    by_resource: dict[str, list[int]] = {}
    for i, each in enumerate(after):
        for resource in each.resources:
            by_resource.setdefault(resource, []).append(i)
    pairs = sorted(
        (_distance(one, after[i]), k, i)
        for k, one in enumerate(before)
        for i in {i for resource in one.resources for i in by_resource.get(resource, ())}
        if _overlap(one, after[i])
    )
    left, right = set(range(len(before))), set(range(len(after)))
    found = []
    for _, k, i in pairs:
        if k in left and i in right:
            left.remove(k)
            right.remove(i)
            found.append((k, i))
    return [(before[k], after[i]) for k, i in sorted(found)]


def _distance(one: IncidentLine, two: IncidentLine) -> tuple[float, int]:
    mine, theirs = set(one.resources), set(two.resources)
    return -len(mine & theirs) / len(mine | theirs), abs(one.opened_ms - two.opened_ms)


def _overlap(one: IncidentLine, two: IncidentLine) -> bool:
    """Say whether one was open, or had been a short while ago, when the other was."""
    first, second = sorted((one, two), key=lambda each: each.opened_ms)
    return first.resolved_ms is None or second.opened_ms < first.resolved_ms + AFTERMATH_MS


def _changed(one: IncidentLine, two: IncidentLine) -> tuple[str, ...]:
    names: Iterable[str] = (name for name in _SHOWN if getattr(one, name) != getattr(two, name))
    foremost = [each.suspects[0].resource if each.suspects else "" for each in (one, two)]
    return (*names, *(["suspect"] if foremost[0] != foremost[1] else []))
