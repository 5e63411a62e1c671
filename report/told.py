"""Incidents of a run as they stood at its end, with all that is known of each."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from connectors.scored_windows import Spool
from flows.judged import Judged, judge
from flows.labels import Labels
from flows.outcome import Outcome
from report.plots import ALL_POINTS, Drawn, draw
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


class Detail(msgspec.Struct, frozen=True):
    """How much is shown of incidents."""

    incidents: int = MAX_DETAILED
    points: int = ALL_POINTS  # of all plots together
    first: frozenset[str] = frozenset()  # ids of those that come before all that are worse


def lives_of(transitions: Iterable[Transition]) -> list[tuple[Transition, ...]]:
    """Return each incident's events, each once, by revision; incidents by opening, then id."""
    found: dict[str, dict[int, Transition]] = {}
    for said in transitions:
        found.setdefault(said.incident.id, {})[said.incident.revision] = said
    lives = [tuple(life[revision] for revision in sorted(life)) for life in found.values()]
    return sorted(lives, key=lambda life: (life[-1].incident.opened_ms, life[-1].incident.id))


def judged_by_id(labels: Labels | None, outcome: Outcome) -> dict[str, Judged]:
    """Return what the labels say of each incident; nothing without labels."""
    if labels is None:
        return {}
    return {each.id: each for each in judge(labels, outcome.transitions, outcome.raised)}


def tell(
    lives: Sequence[tuple[Transition, ...]],
    outcome: Outcome,
    spool: Spool,
    until_ms: int,
    labels: Labels | None = None,
    judged: Mapping[str, Judged] | None = None,
    detail: Detail | None = None,
) -> tuple[Told, ...]:
    """Return what there is to say of some incidents of a run, in their order."""
    much = detail or Detail()
    incidents = [life[-1].incident for life in lives]
    first = {(each.key, each.kind, each.tick_ms): each.detector for each in outcome.raised}
    shown = _most_worth(incidents, much.first)[: much.incidents]
    drawn = draw(shown, spool, outcome.threshold, until_ms, much.points)
    return tuple(
        Told(
            incident,
            life,
            incident.id in drawn,
            drawn.get(incident.id, Drawn()),
            _first_detector(incident, first),
            "" if labels is None else _judgement((judged or {}).get(incident.id)),
            () if labels is None else _faults_of(labels, (judged or {}).get(incident.id)),
        )
        for incident, life in zip(incidents, lives, strict=True)
    )


def _most_worth(incidents: Iterable[Incident], first: Collection[str]) -> list[Incident]:
    return sorted(incidents, key=lambda i: (i.id not in first, -i.severity, -i.confidence, i.id))


def _judgement(judged: Judged | None) -> str:
    if judged is None:
        return "unknown"  # of a drift's first hour
    return "right" if judged.faults else "false" if judged.wrong else "unknown"


def _faults_of(labels: Labels, judged: Judged | None) -> tuple[str, ...]:
    return () if judged is None else tuple(labels.faults[i].id for i in judged.faults)


def _first_detector(incident: Incident, raised: Mapping[tuple[str, str, int], str]) -> str:
    members = sorted(incident.members, key=lambda member: (member.opened_ms, -member.score))
    found = (raised.get((m.resource.key, m.kind, m.opened_ms)) for m in members)
    return next(filter(None, found), "")
