"""Faults and incidents by minutes, for tests of what is made of them."""

from collections.abc import Sequence

import msgspec

from flows.judged import Raised
from flows.labels import Fault
from schema import Incident, Member, Resource, Severity, Transition

MIN = 60_000
START = 1_000_000 * MIN


def fault(name: str, start_min: float, end_min: float, *resources: str, **more: str) -> Fault:
    """Return a fault."""
    start_ms, end_ms = (START + round(at * MIN) for at in (start_min, end_min))
    return Fault(name, start_ms, end_ms, frozenset(resources), **more)


def incident(
    name: str,
    opened_min: float,
    resolved_min: float | None,
    *resources: str,
    severity: Severity = Severity.HIGH,
    service: str = "aws.ec2",
    score: float = 6.0,
    kind: str = "metrics",
) -> Incident:
    """Return an incident whose alerts all opened with it."""
    opened_ms = START + round(opened_min * MIN)
    resolved_ms = None if resolved_min is None else START + round(resolved_min * MIN)
    members = tuple(
        Member(
            Resource("aws", service, "1", "eu", each),
            kind,
            opened_ms,
            opened_ms,
            None,
            0.9,
            score,
            (),
        )
        for each in resources
    )
    return Incident(
        name,
        1,
        "open" if resolved_ms is None else "resolved",
        severity,
        (),
        f"{name} of {' and '.join(resources)}",
        "",
        (),
        opened_ms,
        opened_ms,
        opened_ms if resolved_ms is None else resolved_ms,
        resolved_ms,
        0.9,
        len(members),
        members,
    )


def said(*incidents: Incident) -> list[Transition]:
    """Return an event for each."""
    return [Transition("opened", each.opened_ms, "foreshock", "", each) for each in incidents]


def raised(detector: str, incidents: Sequence[Incident]) -> list[Raised]:
    """Return the alerts of incidents, all by one detector."""
    return [
        Raised(member.resource.key, member.kind, member.opened_ms, detector)
        for each in incidents
        for member in each.members
    ]


def judged_as(verdict: str, incident: Incident) -> Incident:
    """Return an incident of which people said what it was."""
    return msgspec.structs.replace(incident, verdict=verdict)
