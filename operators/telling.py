"""What an incident says: one event, with the whole of it as it then is."""

from operators import hint
from operators.case import Case
from schema import Event, Incident, Transition

ACTOR = "foreshock"


def say(
    case: Case, event: Event, now_ms: int, reason: str, actor: str = ACTOR, request: str = ""
) -> Transition:
    """Return the case's next event. It must have been ranked: somebody is its first suspect."""
    case.revision += 1
    case.said_hushed = case.hushed
    return Transition(event, now_ms, actor, reason, incident_of(case, now_ms), request)


def incident_of(case: Case, now_ms: int) -> Incident:
    """Return the case as people and programs see it."""
    members = tuple(case.members[name].shown() for name in case.suspects)
    now_in_it = [member for member in members if member.opened_ms >= case.episode_ms]
    return Incident(
        case.id,
        case.revision,
        case.state,
        case.standing.severity,
        case.standing.reasons,
        hint.title(now_in_it, case.resources),
        hint.hint(now_in_it, case.resources, case.scope, now_ms),
        case.scope,
        case.opened_ms,
        case.onset_ms,
        now_ms,
        case.resolved_ms,
        case.confidence,
        len(case.members),
        members,
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
