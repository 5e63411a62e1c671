"""Silences, the topology, models, requests, notifications: what surrounds the incidents."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api.asking import Asking, asking_of
from api.incident_routes import NEXT, Id, Limit, Moment, Words
from api.replies import body_of, reply, says
from connectors.outbox_view import OutboxFilter
from flows.desk import Desk
from schema import HeatMap, LiveState
from schema.asks import PromoteAsk, RollbackAsk, SilenceAsk
from schema.desk import (
    ModelsPage,
    NotificationPage,
    Promoted,
    RequestPage,
    RequestView,
    SilencePage,
    SilenceView,
    TopologyView,
)
from schema.review_view import ReviewView

Service = Annotated[str, Path(max_length=200, pattern=r"^[^\x00]+$", examples=["aws.ec2"])]
Days = Annotated[int, Query(ge=1, le=160, description="Length of the span, without `from_ms`.")]
Status = Literal["due", "sent", "held", "dropped", "failed"]


def estate_routes(desk: Desk) -> APIRouter:
    """Return the routes."""
    Asked = Annotated[Asking, Depends(asking_of(desk.stores))]  # a type
    router = APIRouter(default_response_class=Response)

    @router.get("/silences", tags=["silences"], **says(SilencePage, "List silences"))
    def silences(request: Request) -> Response:
        return reply(request, desk.silences())

    @router.post(
        "/silences",
        tags=["silences"],
        **says(
            SilenceView,
            "Keep something quiet",
            status=201,
            takes=SilenceAsk,
            problems=(409,),
            example={"matchers": ["service=aws.rds"], "for_s": 7200, "reason": "index"},
        ),
    )
    def silence(
        asking: Asked, asked: Annotated[SilenceAsk, Depends(body_of(SilenceAsk))]
    ) -> Response:
        return asking.once(lambda: desk.silence(asked, asking.actor), 201)

    @router.delete(
        "/silences/{silence_id}",
        tags=["silences"],
        **says(SilenceView, "End a silence before its time", problems=(404, 409)),
    )
    def end_silence(asking: Asked, silence_id: Id, reason: Words = "") -> Response:
        return asking.once(lambda: desk.end_silence(silence_id, asking.actor, reason), 200)

    @router.get("/topology", tags=["topology"], **says(TopologyView, "Show the map, or a part"))
    def topology(
        request: Request,
        around: Annotated[
            list[Annotated[str, Query(max_length=500)]],
            Query(default_factory=list, max_length=50, description="Nodes; none: the whole map."),
        ],
        hops: Annotated[int, Query(ge=1, le=10)] = 2,
        limit: Annotated[int, Query(ge=1, le=500)] = 60,
    ) -> Response:
        return reply(request, desk.topology(tuple(around), hops, limit))

    @router.get("/models", tags=["models"], **says(ModelsPage, "Versions, quality and drift"))
    def models(request: Request) -> Response:
        return reply(request, desk.models())

    @router.post(
        "/models/{service}/promote",
        tags=["models"],
        **says(
            Promoted,
            "Make a version active",
            takes=PromoteAsk,
            problems=(404, 409),
            example={"version": "aws-ec2-20260304t120000-1f2e3d4c5b6a"},
        ),
    )
    def promote(
        asking: Asked,
        service: Service,
        asked: Annotated[PromoteAsk, Depends(body_of(PromoteAsk))],
    ) -> Response:
        return asking.once(lambda: desk.promote(service, asked, asking.actor), 200)

    @router.post(
        "/models/{service}/rollback",
        tags=["models"],
        **says(
            Promoted,
            "Make the version active that served before",
            takes=RollbackAsk,
            problems=(404, 409),
            example={},
        ),
    )
    def rollback(
        asking: Asked,
        service: Service,
        asked: Annotated[RollbackAsk, Depends(body_of(RollbackAsk))],
    ) -> Response:
        return asking.once(lambda: desk.roll_back(service, asked, asking.actor), 200)

    @router.get("/live", tags=["estate"], **says(LiveState, "How the estate stands now"))
    def live(request: Request) -> Response:
        return reply(request, desk.live())

    @router.get(
        "/heat", tags=["estate"], **says(HeatMap, "How odd resources were, by buckets of time")
    )
    def heat(request: Request, from_ms: Moment = None, to_ms: Moment = None) -> Response:
        return reply(request, desk.heat(from_ms, to_ms))

    @router.get("/review", tags=["estate"], **says(ReviewView, "Anomalies among the incidents"))
    def review(
        request: Request, from_ms: Moment = None, to_ms: Moment = None, days: Days = 7
    ) -> Response:
        return reply(request, desk.review(from_ms, to_ms, days))

    @router.get("/requests", tags=["requests"], **says(RequestPage, "What the flow was told"))
    def requests(request: Request, limit: Limit = 50) -> Response:
        return reply(request, desk.requests(limit))

    @router.get(
        "/requests/{request_id}",
        tags=["requests"],
        **says(RequestView, "What has come of one request", problems=(404,)),
    )
    def one(request: Request, request_id: Id) -> Response:
        return reply(request, desk.request(request_id))

    @router.get(
        "/notifications",
        tags=["notifications"],
        **says(NotificationPage, "Who was told what, the newest first"),
    )
    def notifications(
        request: Request,
        channel: Words = "",
        status: Status | None = None,
        incident: Words = "",
        cursor: Annotated[str | None, Query(pattern=r"^\d{1,18}$", description=NEXT)] = None,
        limit: Limit = 50,
    ) -> Response:
        wanted = OutboxFilter(channel=channel, status=status or "", incident=incident)
        return reply(request, desk.notifications(wanted, cursor, limit))

    return router
