"""What an incident says: one event, with the whole of it as it then is."""

from operators import hint
from operators.case import Case
from schema import Event, Incident, Resource, Transition

ACTOR = "foreshock"


def say(
    case: Case, event: Event, now_ms: int, reason: str, actor: str = ACTOR, request: str = ""
) -> Transition:
    """Return the case's next event. It must have been ranked: somebody is its first suspect."""
    case.revision += 1
    case.said_hushed = case.hushed
    return Transition(event, now_ms, actor, reason, incident_of(case, now_ms), request)


def first_suspect(case: Case) -> Resource:
    """Return who is most suspect of having caused it."""
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
        hint.title(now_in_it, resources),
        hint.hint(now_in_it, resources, case.scope, now_ms)
        + (f"; {case.looks_like}" if case.looks_like else ""),
        case.scope,
        case.opened_ms,
        case.onset_ms,
        now_ms,
        case.resolved_ms,
        case.confidence,
        len(case.members),
        members,
        pattern=case.pattern,
        suspects=tuple(each.suspect for each in case.blamed),
        impact=case.impact,
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
