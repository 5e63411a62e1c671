"""What the review takes of Foreshock's own incident events."""

from schema import UNKNOWN, Event, Incident, IncidentEvent, IncidentStep, Transition

STORM = "incident_storm"  # pattern of the incidents that the review opens: it never reviews them
MAX_NAMES = 50
_HOUR_MS = 3_600_000.0


def step_of(transition: Transition) -> IncidentEvent | None:
    """Return the step of an incident's life that an event tells; None: none that is reviewed.

    Service and team are those of the first suspect, else of the first member; the team is its
    attribute `team`.
    """
    incident = transition.incident
    step = _step(transition)
    if step is None or incident.pattern == STORM:
        return None
    resources = [suspect.resource for suspect in incident.suspects[:1]]
    resources += [member.resource for member in incident.members]
    first = resources[0] if resources else None
    down_ms = None if step != "resolved" else transition.ts_ms - incident.onset_ms
    return IncidentEvent(
        incident.id,
        step,
        transition.ts_ms,
        incident.onset_ms if step == "opened" else incident.opened_ms,
        service=(first.service if first else "") or UNKNOWN,
        team=(dict(first.attributes).get("team") if first else None) or UNKNOWN,
        severity=int(incident.severity),
        category=incident.pattern or _kind(incident),
        subcategory=_metric(incident),
        users=None if incident.impact.users is None else float(incident.impact.users),
        downtime_h=None if down_ms is None else max(down_ms, 0) / _HOUR_MS,
        resources=tuple(member.resource.key for member in incident.members[:MAX_NAMES]),
        services=tuple(sorted({each.service for each in resources if each.service})),
        cause=cause_of(incident),
        rules=tuple(sorted({m.kind for m in incident.members if m.kind.startswith("rule:")})),
    )


def cause_of(incident: Incident) -> str:
    """Return what the same cause again has in common: pattern, first suspect and its metric."""
    suspect = incident.suspects[0].resource.key if incident.suspects else ""
    member = incident.members[0].resource.key if incident.members else ""
    return " / ".join(filter(None, (incident.pattern, suspect or member, _metric(incident))))


_STEPS: dict[Event, IncidentStep] = {
    "opened": "opened",
    "acknowledged": "acknowledged",
    "resolved": "resolved",
    "reopened": "reopened",
}


EVENTS: tuple[Event, ...] = (*_STEPS, "split", "judged")  # that may tell a step


def _step(transition: Transition) -> IncidentStep | None:
    incident = transition.incident
    if transition.event == "split":
        return "opened" if incident.revision == 1 else None
    if transition.event == "judged":
        return "false_positive" if incident.verdict == "false_positive" else None
    return _STEPS.get(transition.event)


def _kind(incident: Incident) -> str:
    return incident.members[0].kind if incident.members else ""


def _metric(incident: Incident) -> str:
    found = incident.members[0].evidence[:1] if incident.members else ()
    return found[0].metric if found else ""
