"""Acts on an incident: refused at once where they are not legal now, else asked for."""

from collections.abc import Sequence
from datetime import datetime

from connectors.incident_store import IncidentStore
from flows.asking import ask, request_id
from flows.feedback import counts_from_ms
from flows.running import RunningFlow
from schema import Act, Action, Incident, Refusal, step
from schema.asks import ActionAsk
from schema.life import EVENT_OF

MOST_MERGED = 100  # steps from an incident to the one that it is part of in the end


class NotLegal(ValueError):
    """It cannot be done as things stand; the message says why."""


class NotFound(LookupError):
    """There is no such thing; the message says what."""


def act(
    flow: RunningFlow,
    store: IncidentStore,
    incident_id: str,
    asked: ActionAsk,
    actor: str,
    now: datetime,
) -> Act:
    """Ask the flow; "others" are ids of incidents, or, to split, names of resources.

    Raises: NotFound, NotLegal.
    """
    incident = as_it_is_now(store, incident_id)
    check_legal(incident, asked.action)
    others: tuple[str, ...] = ()
    if asked.action == "merge":
        whole = [as_it_is_now(store, each) for each in asked.others]
        for each in whole:
            check_legal(each, asked.action)
        others = tuple(each.id for each in whole)
        if incident.id in others:
            raise NotLegal(f"{incident.id} cannot become part of itself")
    elif asked.action == "split":
        others = alerts_of(incident, asked.others)
    told = Act(
        request_id(now),
        incident.id,
        asked.action,
        counts_from_ms(incident, flow.tick_s, now, live=flow.live),
        actor,
        asked.note,
        asked.assignee,
        others,
    )
    ask(flow.log, flow.store, told, now)
    return told


def as_it_is_now(store: IncidentStore, incident_id: str) -> Incident:
    """Return the incident of an id; of one that became part of another, that one."""
    incident = store.get_incident(incident_id)
    if incident is None:
        raise NotFound(f"there is no incident {incident_id}")
    for _ in range(MOST_MERGED):
        whole = store.get_incident(incident.merged_into) if incident.merged_into else None
        if whole is None:
            break
        incident = whole
    return incident


def check_legal(incident: Incident, action: Action) -> None:
    """Raise NotLegal if the action is not."""
    legal = step(incident.id, incident.state, EVENT_OF[action])
    if isinstance(legal, Refusal):
        raise NotLegal(legal.reason)


def alerts_of(incident: Incident, names: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of the alerts of the named resources; a name may be an alert's id too."""
    found: list[str] = []
    for name in names:
        ids = [
            f"{each.kind}@{each.resource.key}"
            for each in incident.members
            if name in (each.resource.name, each.resource.key, f"{each.kind}@{each.resource.key}")
        ]
        if not ids:
            raise NotLegal(f"{incident.id} shows no alert of {name!r}")
        found += ids
    return tuple(dict.fromkeys(found))
