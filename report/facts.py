"""All that a report says: gathered from a run's outcome, its labels and its spool."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from config.app import App
from connectors.scored_windows import Spool
from flows.judged import Judged, Raised, delays_ms, judge
from flows.labels import Labels
from flows.outcome import Outcome
from flows.summary import Summary
from report.noise import (
    Hushed,
    NoisyMetric,
    NoisyResource,
    hushed,
    noisy_metrics,
    noisy_resources,
)
from report.plots import Drawn, draw
from report.settings_used import Change, changes, settings_yaml
from schema import Incident, Transition

MAX_DETAILED = 1_000  # incidents that are shown with plots: the worst
MAX_LIFE = 40  # events of an incident that are shown: the first and the last


class Told(msgspec.Struct, frozen=True):
    """An incident as it stood at the end, and all that is known of it."""

    incident: Incident
    life: tuple[Transition, ...]  # by revision
    detailed: bool  # false: there are too many that are worse
    drawn: Drawn
    detector: str  # that opened its first alert; "": not known
    judgement: str  # by the labels: "right", "false", "unknown"; "": there are none
    faults: tuple[str, ...]  # ids of those that it matches

    @property
    def end_ms(self) -> int | None:
        """When it was over."""
        return self.incident.resolved_ms or self.incident.closed_ms

    @property
    def shown_life(self) -> tuple[Transition, ...]:
        """Return its events, or the first and last of very many."""
        if len(self.life) <= MAX_LIFE:
            return self.life
        return (*self.life[:10], *self.life[10 - MAX_LIFE :])


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


def gather(
    app: App,
    outcome: Outcome,
    summary: Summary,
    spool: Spool,
    labels: Labels | None = None,
    sources: Sequence[str] = (),
) -> Facts:
    """Return what there is to say of a run."""
    lives = lives_of(outcome.transitions)
    incidents = [life[-1].incident for life in lives]
    from_ms, until_ms = _span(spool, outcome)
    judged = {} if labels is None else _judged(labels, outcome)
    first = _detectors(outcome.raised)
    threshold = outcome.threshold
    worst = sorted(incidents, key=lambda i: (-i.severity, -i.confidence, i.id))[:MAX_DETAILED]
    drawn = draw(worst, spool, threshold, until_ms)
    told = tuple(
        Told(
            incident,
            life,
            incident.id in drawn,
            drawn.get(incident.id, Drawn()),
            _first_detector(incident, first),
            _judgement(labels, judged.get(incident.id)),
            _faults_of(labels, judged.get(incident.id)),
        )
        for incident, life in zip(incidents, lives, strict=True)
    )
    return Facts(
        tuple(sources),
        from_ms,
        until_ms,
        summary,
        told,
        None if labels is None else _known_faults(labels, list(judged.values())),
        noisy_resources(incidents, spool, threshold, until_ms),
        noisy_metrics(incidents),
        tuple(Counter(each.detector or "unknown" for each in told).most_common()),
        hushed(lives),
        changes(app),
        settings_yaml(app),
    )


def lives_of(transitions: Iterable[Transition]) -> list[tuple[Transition, ...]]:
    """Return each incident's events, each once, by revision; incidents by opening, then id."""
    found: dict[str, dict[int, Transition]] = {}
    for said in transitions:
        found.setdefault(said.incident.id, {})[said.incident.revision] = said
    lives = [tuple(life[revision] for revision in sorted(life)) for life in found.values()]
    return sorted(lives, key=lambda life: (life[-1].incident.opened_ms, life[-1].incident.id))


def _span(spool: Spool, outcome: Outcome) -> tuple[int, int]:
    """Return from when to when data was judged."""
    span = spool.span()
    if span is not None:
        return span[0], span[1] + outcome.tick_ms
    times = [said.ts_ms for said in outcome.transitions]
    return min(times, default=0), max(times, default=0)


def _judged(labels: Labels, outcome: Outcome) -> dict[str, Judged]:
    return {each.id: each for each in judge(labels, outcome.transitions, outcome.raised)}


def _judgement(labels: Labels | None, judged: Judged | None) -> str:
    if labels is None:
        return ""
    if judged is None:
        return "unknown"  # of a drift's first hour
    return "right" if judged.faults else "false" if judged.wrong else "unknown"


def _faults_of(labels: Labels | None, judged: Judged | None) -> tuple[str, ...]:
    if labels is None or judged is None:
        return ()
    return tuple(labels.faults[i].id for i in judged.faults)


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


def _detectors(raised: Iterable[Raised]) -> dict[tuple[str, str, int], str]:
    return {(each.key, each.kind, each.tick_ms): each.detector for each in raised}


def _first_detector(incident: Incident, raised: dict[tuple[str, str, int], str]) -> str:
    members = sorted(incident.members, key=lambda member: (member.opened_ms, -member.score))
    found = (raised.get((m.resource.key, m.kind, m.opened_ms)) for m in members)
    return next(filter(None, found), "")
