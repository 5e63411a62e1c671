"""The page behind a mail's link: what would be done, a button that does it, and what came of it."""

import base64
import hashlib
from collections.abc import Mapping

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from connectors.callbacks.callback import Asked
from flows.templates import SHIPPED
from operators.quantity import clock
from schema import Incident

QUESTIONS: dict[Asked, str] = {
    "ack": "Acknowledge this incident?",
    "resolve": "Resolve this incident?",
    "false_positive": "Was this a false positive?",
}
WORDS: dict[Asked, str] = {
    "ack": "You look after it from then on, and nobody else is woken for it.",
    "resolve": "It is over. A new alert of it opens it again.",
    "false_positive": "The same pattern is quiet from then on; what is clearly bigger is told.",
}

_environment = Environment(
    loader=FileSystemLoader(SHIPPED), autoescape=True, undefined=StrictUndefined, auto_reload=False
)
_template = _environment.get_template("answer.html.j2")
STYLE = _environment.get_template("answer.css.j2").render()
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; "
    "img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # the address is a permit; "no-referrer" makes Origin null
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What the page says."""

    heading: str
    words: str
    good: bool = True
    incident: Incident | None = None
    token: str = ""  # of the link, where there is a button
    button: str = ""
    recipient: str = ""
    link: str = ""  # to the incident's page


def page(said: Page, now_ms: int, status: int = 200) -> Response:
    """Return the page; names of incidents come from untrusted producers, and are escaped."""
    incident = said.incident
    since = "" if incident is None else clock(incident.onset_ms, now_ms)
    told = {**msgspec.structs.asdict(said), "since": since, "style": STYLE}
    return Response(_template.render(told), status, HEADERS, "text/html; charset=utf-8")
