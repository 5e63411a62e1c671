"""The routes by which people answer from where they were told: PagerDuty, Slack, links in mails.

They ask nobody who he is: what arrives is signed, or it does not count.
"""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing

import msgspec
from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.mail_answers import add_mail
from api.reception import TOO_LARGE, Heard, Reception, body_of, host_of
from connectors.callback_meters import CallbackMeters
from connectors.callbacks import pagerduty, slack
from connectors.callbacks.callback import Callback
from connectors.callbacks.mail_links import MailLinks
from connectors.callbacks.pagerduty import PagerDutyCallbacks, PagerDutyDoor
from connectors.callbacks.pagerduty_alerts import PagerDutyAlerts
from connectors.callbacks.slack import SlackCallbacks, SlackDoor
from connectors.channels.channel import Sent
from connectors.health import HealthServer, HealthSettings
from connectors.source import wall_clock
from flows.callbacks import Answering
from flows.desk import Desk

_log = logging.getLogger(__name__)

PREFIX = "/callbacks"
RETRY_AFTER_S = 5


def callback_routes(
    desk: Desk, meters: CallbackMeters | None = None, clock: Callable[[], int] | None = None
) -> APIRouter | None:
    """Return the routes of those who are listened to by the desk's settings; None: nobody is.

    Raises: ValueError for a secret that is not there, or where no flow can be told.
    """
    notify = desk.notify
    if notify is None or not notify.callbacks.listens:
        return None
    settings = notify.callbacks
    if not desk.can_act:
        raise ValueError("control_log must be set where notify.callbacks listens, got none")
    counters = CallbackMeters() if meters is None else meters
    alerts = None if settings.pagerduty is None else PagerDutyAlerts(settings.pagerduty)

    def places(place: str) -> Sequence[str]:
        return () if alerts is None else alerts.keys(place)

    answering = Answering(desk.told_flow, desk.stores, places)
    reception = Reception(answering, counters, clock or _now_ms)

    @asynccontextmanager
    async def counted(_app: object) -> AsyncIterator[None]:
        port = settings.metrics_port
        if port is None:
            yield
            return
        with closing(HealthServer(port, HealthSettings(), counters.registry, list)):
            yield

    router = APIRouter(
        prefix=PREFIX,
        include_in_schema=False,
        default_response_class=Response,
        lifespan=counted,
    )
    if settings.pagerduty is not None:
        _add_pagerduty(router, settings.pagerduty, reception)
    if settings.slack is not None:
        _add_slack(router, settings.slack, reception)
    if settings.mail is not None:
        links = MailLinks(settings.mail, settings.url)
        add_mail(router, links, reception, answering, notify.link)
    return router


def _add_pagerduty(router: APIRouter, settings: PagerDutyCallbacks, reception: Reception) -> None:
    door = PagerDutyDoor(settings)

    @router.post("/pagerduty")
    async def hear(request: Request) -> Response:
        body = await body_of(request, pagerduty.MAX_BODY)

        def work() -> Response:
            now_ms = reception.now_ms()
            verdict = TOO_LARGE if body is None else door.read(request.headers, body, now_ms)
            try:
                return _json(reception.hear("pagerduty", verdict, host_of(request)))
            except OSError as ex:  # its API, or the control log, is away: it asks again
                return _json(Heard("failed", str(ex)), 503)

        return await run_in_threadpool(work)


def _add_slack(router: APIRouter, settings: SlackCallbacks, reception: Reception) -> None:
    door = SlackDoor(settings)

    def tell(reply_to: str, words: str) -> None:
        outcome = door.reply(reply_to, words)
        if not isinstance(outcome, Sent):
            _log.warning("who has pressed a button is not told: %s", outcome.error)

    @router.post("/slack")
    async def hear(request: Request) -> Response:
        body = await body_of(request, slack.MAX_BODY)

        def work() -> Response:
            now_ms = reception.now_ms()
            verdict = TOO_LARGE if body is None else door.read(request.headers, body, now_ms)
            heard = reception.hear("slack", verdict, host_of(request))
            if heard.status >= 400:
                return _json(heard)
            reply_to = verdict.reply_to if isinstance(verdict, Callback) else ""
            task = BackgroundTask(tell, reply_to, heard.words) if reply_to else None
            return Response(status_code=200, background=task)

        return await run_in_threadpool(work)


def _json(heard: Heard, status: int | None = None) -> Response:
    """Return what came of it. A stranger learns no more than why he is refused."""
    content = msgspec.json.encode({"status": heard.outcome, "message": heard.words})
    status = heard.status if status is None else status
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    return Response(content, status, headers, media_type="application/json")


def _now_ms() -> int:
    return round(wall_clock().timestamp() * 1000)
