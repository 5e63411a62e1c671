"""One incident with all that is known of it."""

from collections.abc import Sequence

from connectors.outbox_view import OutboxFilter
from flows.answers import Answer
from flows.desk_commands import request_of
from flows.desk_queue import as_queued
from flows.desk_stores import OpenStores
from flows.desk_topology import as_shown
from flows.silences import Known
from flows.why import Tried, tried
from operators.queue import work_queue
from schema import Refusal, step
from schema.desk import (
    IncidentDetail,
    IncidentFull,
    RequestView,
    TopologyView,
    TriedSilence,
)
from schema.life import EVENT_OF

MOST_STEPS = 500
MOST_TOLD = 200


def detail(
    stores: OpenStores,
    incident: IncidentFull,
    known: Sequence[Known],
    topology: TopologyView | None,
    now_ms: int,
) -> IncidentDetail:
    """Return it; what is in force is judged at `now_ms`."""
    whole = stores.incidents.get_incident(incident.id)
    kept = stores.plots.around(incident.id)
    task = next(iter(work_queue([as_queued(incident)], now_ms)), None)
    told = stores.sent.page(OutboxFilter(incident=incident.id), MOST_TOLD, None)
    return IncidentDetail(
        incident=incident,
        now_ms=now_ms,
        points=None if task is None else task.points,
        points_why=() if task is None else task.why,
        due_ms=None if task is None else task.due_ms,
        actions=legal_actions(incident),
        audit=tuple(stores.views.steps(incident.id, MOST_STEPS)),
        requests=_requests(stores, incident.id),
        told=tuple(view for _, view in reversed(told)),
        silences=() if whole is None else tuple(map(_tried, tried(whole, known, now_ms))),
        plots=() if whole is None else tuple(stores.plots.plots_of(whole)),
        topology=topology if kept is None else as_shown(kept),
    )


def legal_actions(incident: IncidentFull) -> tuple[str, ...]:
    """Return what may be asked of it now."""
    found = (
        action
        for action, event in EVENT_OF.items()
        if not isinstance(step(incident.id, incident.state, event), Refusal)
    )
    return tuple(found)


def _requests(stores: OpenStores, incident_id: str) -> tuple[RequestView, ...]:
    return tuple(
        request_of(each.act, Answer(each.status, each.answer, each.answered_ms), each.requested_ms)
        for each in stores.requests.requests_of(incident_id)
    )


def _tried(each: Tried) -> TriedSilence:
    return TriedSilence(
        id=each.id,
        purpose=each.purpose,
        matches=each.matches,
        matchers=each.matchers,
        unlike=each.unlike,
        until_ms=each.until_ms,
        actor=each.actor,
        reason=each.reason,
    )
