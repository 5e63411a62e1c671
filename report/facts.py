"""All that a report says: gathered from a run's outcome, its labels and its spool."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from connectors.scored_windows import Spool
from flows.backtest import Run
from flows.compare import Comparison
from flows.judged import Judged, delays_ms
from flows.labels import Labels
from flows.outcome import Outcome
from flows.summary import Summary
from report.between import Between, Setting
from report.noise import (
    Hushed,
    NoisyMetric,
    NoisyResource,
    hushed,
    noisy_metrics,
    noisy_resources,
)
from report.plots import ALL_POINTS
from report.settings_used import Change, changes, settings_yaml
from report.told import Detail, Told, judged_by_id, lives_of, tell

MAX_GAINED = 500  # incidents of the second run alone that are shown with plots: the worst


class KnownFault(msgspec.Struct, frozen=True):
    """A fault of the labels, and whether it was found."""

    id: str
    kind: str
    service: str
    start_ms: int
    end_ms: int
    resources: tuple[str, ...]
    incidents: tuple[str, ...]  # ids of those that match it; none: it was missed
    delay_s: float | None


class Facts(msgspec.Struct, frozen=True):
    """The report."""

    sources: tuple[str, ...]  # as they were named
    from_ms: int  # event time that was judged
    until_ms: int
    summary: Summary
    incidents: tuple[Told, ...]  # by opening, then id
    faults: tuple[KnownFault, ...] | None  # None: no labels were given
    resources: tuple[NoisyResource, ...]
    metrics: tuple[NoisyMetric, ...]
    detectors: tuple[tuple[str, int], ...]  # incidents whose first alert each opened, most first
    hushed: tuple[Hushed, ...]
    changes: tuple[Change, ...]
    settings: str  # YAML
    between: Between | None = None  # None: there was no second run


def gather(
    run: Run,
    labels: Labels | None = None,
    sources: Sequence[str] = (),
    detail: Detail | None = None,
) -> Facts:
    """Return what there is to say of a run."""
    outcome, spool = run.outcome, Spool(run.spool)
    lives = lives_of(outcome.transitions)
    incidents = [life[-1].incident for life in lives]
    from_ms, until_ms = _span(spool, outcome)
    judged = judged_by_id(labels, outcome)
    told = tell(lives, outcome, spool, until_ms, labels, judged, detail)
    return Facts(
        tuple(sources),
        from_ms,
        until_ms,
        run.summary,
        told,
        None if labels is None else _known_faults(labels, list(judged.values())),
        noisy_resources(incidents, spool, outcome.threshold, until_ms),
        noisy_metrics(incidents),
        tuple(Counter(each.detector or "unknown" for each in told).most_common()),
        hushed(lives),
        changes(run.app),
        settings_yaml(run.app),
    )


def gather_both(
    before: Run,
    after: Run,
    comparison: Comparison,
    labels: Labels | None = None,
    sources: Sequence[str] = (),
) -> Facts:
    """Return what there is to say of a run, and of what a second one did in another way.

    Of the first run's incidents those lost and changed are shown before all others, and both runs
    share the points of plots.
    """
    points = ALL_POINTS // 2
    first = {each.id for each in comparison.lost} | {each.before.id for each in comparison.changed}
    facts = gather(before, labels, sources, Detail(points=points, first=frozenset(first)))
    gained = {each.id for each in comparison.gained}
    lives = [life for life in lives_of(after.outcome.transitions) if life[-1].incident.id in gained]
    told = tell(
        lives,
        after.outcome,
        Spool(after.spool),
        facts.until_ms,
        labels,
        judged_by_id(labels, after.outcome),
        Detail(MAX_GAINED, points),
    )
    settings = tuple(
        Setting(each.key, each.default, each.value) for each in changes(after.app, before.app)
    )
    between = Between(comparison, after.summary, settings, told)
    return msgspec.structs.replace(facts, between=between)


def _span(spool: Spool, outcome: Outcome) -> tuple[int, int]:
    """Return from when to when data was judged."""
    span = spool.span()
    if span is not None:
        return span[0], span[1] + outcome.tick_ms
    times = [said.ts_ms for said in outcome.transitions]
    return min(times, default=0), max(times, default=0)


def _known_faults(labels: Labels, judged: Sequence[Judged]) -> tuple[KnownFault, ...]:
    delays = delays_ms(labels, judged)
    by_fault: dict[int, list[str]] = {}
    for each in judged:
        for i in each.faults:
            by_fault.setdefault(i, []).append(each.id)
    return tuple(
        KnownFault(
            fault.id,
            fault.kind,
            fault.service,
            fault.start_ms,
            fault.end_ms,
            tuple(sorted(fault.resources)),
            tuple(by_fault.get(i, ())),
            delays[i] / 1000 if i in delays else None,
        )
        for i, fault in enumerate(labels.faults)
    )
