"""Incidents, the queue, and what is done to them."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api.asking import Asking, asking_of
from api.problems import Refused
from api.replies import body_of, reply, says
from connectors.incident_query import IncidentFilter
from connectors.incident_view import Sort
from flows.desk import Desk
from schema import Severity, State
from schema.asks import ActionAsk, FeedbackAsk
from schema.desk import (
    IncidentDetail,
    IncidentPage,
    QueuePage,
    RequestView,
    SeverityName,
)

Id = Annotated[str, Path(max_length=100, pattern=r"^[\x20-\x7e]+$", examples=["inc-3f9c2d1a"])]
Words = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
NEXT = "`next` of the page before."
Cursor = Annotated[
    str | None, Query(pattern=r"^[1-4]\.-?\d{1,16}\.[!-~]{1,100}$", description=NEXT)
]
Moment = Annotated[int | None, Query(ge=-(2**53), le=2**53, description="ms since 1970 UTC.")]
IfMatch = Annotated[
    str | None,
    Header(max_length=200, description="`ETag` of the incident as you have seen it, or `*`."),
]
_TAG = re.compile(r'"r(\d{1,9})(?:-[0-9a-f]*)?"')


def incident_routes(desk: Desk) -> APIRouter:
    """Return the routes."""
    Asked = Annotated[Asking, Depends(asking_of(desk.stores))]  # a type
    router = APIRouter(tags=["incidents"], default_response_class=Response)

    @router.get("/incidents", **says(IncidentPage, "List incidents, a page at a time"))
    def incidents(
        request: Request,
        state: Annotated[
            list[State], Query(default_factory=list, description="Any of these; none: all.")
        ],
        severity: Annotated[SeverityName, Query(description="At least.")] = "LOW",
        cloud: Words = "",
        account: Words = "",
        region: Words = "",
        service: Words = "",
        q: Annotated[
            str,
            Query(
                max_length=200,
                pattern=r"^[^\x00]*$",
                description="Words of the title, parts of names, or the beginning of an id.",
            ),
        ] = "",
        assignee: Words = "",
        opened_from_ms: Moment = None,
        opened_before_ms: Moment = None,
        sort: Annotated[Sort, Query(description="`-opened`: those that opened last first.")] = (
            "-opened"
        ),
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        wanted = IncidentFilter(
            states=tuple(state),
            least=Severity[severity],
            cloud=cloud,
            account=account,
            region=region,
            service=service,
            title=q,
            assignee=assignee,
            opened_from_ms=opened_from_ms,
            opened_before_ms=opened_before_ms,
        )
        return reply(request, desk.incidents(wanted, sort, cursor, limit))

    @router.get(
        "/incidents/{incident_id}",
        **says(IncidentDetail, "Show one incident with all that is known of it", problems=(404,)),
    )
    def incident(request: Request, incident_id: Id) -> Response:
        found = desk.incident(incident_id)
        return reply(request, found, tag=f"r{found.incident.revision}")

    @router.post(
        "/incidents/{incident_id}/actions",
        **says(
            RequestView,
            "Do something to an incident",
            status=202,
            takes=ActionAsk,
            problems=(404, 409, 412),
            example={"action": "ack", "note": "looking into it"},
        ),
    )
    def act(
        asking: Asked,
        incident_id: Id,
        asked: Annotated[ActionAsk, Depends(body_of(ActionAsk))],
        if_match: IfMatch = None,
    ) -> Response:
        revision = _revision(if_match)
        return asking.once(lambda: desk.act(incident_id, asked, asking.actor, revision), 202)

    @router.post(
        "/incidents/{incident_id}/feedback",
        **says(
            RequestView,
            "Say what an incident was: a false positive, or real",
            status=202,
            takes=FeedbackAsk,
            problems=(404, 409),
            example={"verdict": "false_positive", "note": "nightly backup"},
        ),
    )
    def feedback(
        asking: Asked,
        incident_id: Id,
        asked: Annotated[FeedbackAsk, Depends(body_of(FeedbackAsk))],
    ) -> Response:
        return asking.once(lambda: desk.feedback(incident_id, asked, asking.actor), 202)

    @router.get("/queue", **says(QueuePage, "What to do next, the most urgent first"))
    def queue(request: Request, limit: Limit = 50) -> Response:
        return reply(request, desk.queue(limit))

    return router


def _revision(if_match: str | None) -> int | None:
    """Return the revision that a header names; None: any.

    Raises: Refused for one that names none.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = _TAG.fullmatch(if_match.strip())
    if found is None:
        raise Refused(412, f"If-Match must be an incident's ETag, got {if_match!r}")
    return int(found[1])
