"""The event stream: what changes, as it changes."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from api.gate import Gate
from api.hub import EventStream, Hub
from api.problems import Refused
from api.replies import says

SAYS = """Server-sent events: `transition` (a `Change`), `request` (a `RequestView`), `live` (a
`LiveState`); `away` and `back` as the store is; `reset`: load anew; `dropped`: why the stream ends.
The `id` of a transition is its sequence, from which `Last-Event-ID` goes on."""
_SEQUENCE = r"^\d{1,18}$"


def event_routes(hub: Hub, gate: Gate) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["events"], default_response_class=Response)
    described = says(None, "Follow what changes")
    described["responses"][200]["content"] = {"text/event-stream": {"schema": {"type": "string"}}}

    @router.get("/events", description=SAYS, **described)
    async def events(
        request: Request,
        last_event_id: Annotated[str | None, Header(pattern=_SEQUENCE)] = None,
        after: Annotated[
            str | None, Query(pattern=_SEQUENCE, description="As Last-Event-ID.")
        ] = None,
    ) -> Response:
        if hub.is_full:
            raise Refused(503, "as many listen as can", {"Retry-After": "10"})
        since = last_event_id or after
        welcome = partial(gate.is_welcome, request)
        return EventStream(hub, None if since is None else int(since), welcome)

    return router
