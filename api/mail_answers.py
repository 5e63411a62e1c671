"""What a mail's link leads to: a page that changes nothing, and a button on it that acts."""

from urllib.parse import parse_qsl

import msgspec
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.answer_page import QUESTIONS, WORDS, Page, page
from api.reception import TOO_LARGE, Reception, body_of, host_of
from connectors.callbacks.callback import MAX_NOTE, Rejected, media_type, plain
from connectors.callbacks.mail_links import MAX_BODY, MailLinks
from connectors.kafka_client import KafkaUnavailableError
from flows.callbacks import Answering
from flows.desk_stores import StoreAway
from flows.offers import LABELS

AWAY = (StoreAway, KafkaUnavailableError, OSError)  # the store, or the control log
FORM = "application/x-www-form-urlencoded"


def add_mail(
    router: APIRouter, links: MailLinks, reception: Reception, answering: Answering, link: str
) -> None:
    """Add what a link of a mail leads to; `link` is the address of an incident's page."""

    def wrong(said: Rejected, host: str) -> Response:
        heard = reception.hear("mail", said, host)
        words = f"{heard.words}. Open the incident itself instead."
        told = Page(heading="This link does not count", words=words, good=False)
        return page(told, reception.now_ms(), heard.status)

    def away() -> Response:
        words = "Nothing is lost: try again in a minute, or open the incident itself."
        told = Page(heading="It cannot be taken now", words=words, good=False)
        return page(told, reception.now_ms(), 503)

    @router.get("/mail")
    def show(request: Request, t: str = "") -> Response:
        """Say what would be done; programs that guard mailboxes come here too."""
        try:
            return shown(request, t)
        except AWAY:
            return away()

    def shown(request: Request, t: str) -> Response:
        now_ms = reception.now_ms()
        asked = links.read(t, now_ms)
        if isinstance(asked, Rejected):
            return wrong(asked, host_of(request))
        incident, said = answering.seen(asked)
        to = link.replace("{id}", asked.incidents[0])
        if incident is None:
            told = Page(heading="There is no such incident", words="It is not kept any more.",
                        good=False)  # fmt: skip
            return page(told, now_ms, 404)
        if said:
            told = Page(heading="This link was used", words=f"{said}.", incident=incident, link=to)
            return page(told, now_ms)
        told = Page(
            heading=QUESTIONS[asked.asked],
            words=WORDS[asked.asked],
            incident=incident,
            token=t,
            button=LABELS[asked.asked],
            recipient=asked.name,
            link=to,
        )
        return page(told, now_ms)

    @router.post("/mail")
    async def act(request: Request) -> Response:
        body = await body_of(request, MAX_BODY)
        kind = media_type(request.headers.get("content-type", ""))

        def work() -> Response:
            now_ms, host = reception.now_ms(), host_of(request)
            if body is None:
                return wrong(TOO_LARGE, host)
            if kind != FORM:
                return wrong(Rejected("wrong_type", "the content must be a form"), host)
            fields = _fields(body)
            asked = links.read(fields.get("t", ""), now_ms)
            if isinstance(asked, Rejected):
                return wrong(asked, host)
            note = plain(fields.get("note", ""), MAX_NOTE)
            heard = reception.hear("mail", msgspec.structs.replace(asked, note=note), host)
            incident, _ = answering.seen(asked)
            told = Page(
                heading=_HEADINGS.get(heard.outcome, "It cannot be done"),
                words=f"{heard.words}.",
                good=heard.outcome in _HEADINGS,
                incident=incident,
                link=link.replace("{id}", asked.incidents[0]),
            )
            return page(told, now_ms, heard.status)

        try:
            return await run_in_threadpool(work)
        except AWAY:
            return away()


_HEADINGS = {
    "requested": "It is requested",
    "replayed": "This link was used",
    "busy": "It is being taken",
}


def _fields(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=8))
    except ValueError:
        return {}
