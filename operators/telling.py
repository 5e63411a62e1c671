"""What an incident says: one event, with the whole of it as it then is."""

from collections.abc import Sequence

import msgspec

from operators import hint
from operators.case import Case
from operators.common_cause import summary
from schema import Event, Incident, Member, Resource, Suspect, Transition

ACTOR = "foreshock"


def say(
    case: Case, event: Event, now_ms: int, reason: str, actor: str = ACTOR, request: str = ""
) -> Transition:
    """Return the case's next event. It must have been ranked: somebody is its first suspect."""
    case.revision += 1
    case.said_hushed = case.hushed
    return Transition(event, now_ms, actor, reason, incident_of(case, now_ms), request)


def lost_suspect(case: Case) -> tuple[Suspect, ...]:
    """Return what most of the members need, as the suspect that alerts of nothing itself."""
    if case.lost is None or case.lost.alerts:
        return ()
    return (case.lost.suspect(dict(case.scope)),)


def first_suspect(case: Case) -> Resource:
    """Return who is most suspect of having caused it."""
    for suspect in lost_suspect(case):
        return suspect.resource
    return (
        case.blamed[0].suspect.resource if case.blamed else case.members[case.suspects[0]].resource
    )


def is_clear(case: Case, margin: float) -> bool:
    """Tell whether the first suspect leads whom people were told of by so much that it is news."""
    told = (b.suspect.score for b in case.blamed if b.suspect.resource.key == case.said_first)
    return not case.blamed or case.blamed[0].suspect.score >= margin * next(told, 0.0)


def incident_of(case: Case, now_ms: int) -> Incident:
    """Return the case as people and programs see it."""
    members = tuple(case.members[name].shown() for name in case.suspects)
    now_in_it = [member for member in members if member.opened_ms >= case.episode_ms]
    resources = case.resources
    if case.blamed:
        first = case.blamed[0].proof
        resources += first.resource.key not in case.tally.open_alerts
        now_in_it = [first, *(m for m in now_in_it if m.resource.key != first.resource.key)]
    return Incident(
        case.id,
        case.revision,
        case.state,
        case.standing.severity,
        case.standing.reasons,
        _title(case, now_in_it, resources),
        _hint(case, now_in_it, resources, now_ms),
        case.scope,
        case.opened_ms,
        case.onset_ms,
        now_ms,
        case.resolved_ms,
        case.confidence,
        len(case.members),
        members,
        suspects=_suspects(case),
        pattern=_pattern(case),
        impact=msgspec.structs.replace(case.impact, suffering=case.suffering),
        assignee=case.assignee,
        acked_ms=case.acked_ms,
        closed_ms=case.closed_ms,
        ack_by_ms=case.ack_by_ms,
        resolve_by_ms=case.resolve_by_ms,
        breach_ms=case.breach_ms,
        verdict=case.verdict,
        flapping=case.flapping,
        merged_into=case.merged_into,
        merged=tuple(case.merged),
        silenced_by=case.silenced_by,
        inhibited_by=case.inhibited_by,
    )


def _suspects(case: Case) -> tuple[Suspect, ...]:
    lost = lost_suspect(case)
    names = {suspect.resource.name for suspect in lost}
    blamed = (each.suspect for each in case.blamed)
    return lost + tuple(each for each in blamed if each.resource.name not in names)


def _title(case: Case, members: Sequence[Member], resources: int) -> str:
    if case.lost is None or case.lost.alerts:
        return hint.title(members, resources)
    return hint.lost_title(case.lost.node, case.lost.is_zone, case.lost.hit, resources)


def _hint(case: Case, members: Sequence[Member], resources: int, now_ms: int) -> str:
    """Return the evidence in words; of what is too much to be shown, a summary."""
    parts = [hint.hint(members, resources, case.scope, now_ms)]
    if case.lost is not None:
        parts.insert(0 if not case.lost.alerts else 1, case.lost.said())
    if case.looks_like and _pattern(case) == case.pattern:
        parts[-1] += f"; {case.looks_like}"
    if len(case.members) > len(members):
        parts.append(summary(case.tally))
    return ". ".join(parts)


def _pattern(case: Case) -> str:
    """Return what it looks like: what is lost to all, and silent, explains more than a metric."""
    if case.lost is None or (case.pattern and case.lost.alerts and not case.lost.is_zone):
        return case.pattern
    return case.lost.pattern
