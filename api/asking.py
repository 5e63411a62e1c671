"""Who asks for a change, and that it is done once however often it is sent."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Header
from starlette.requests import Request
from starlette.responses import Response

from api.access import principal_of
from api.problems import Refused
from api.replies import reply
from connectors.repeats_store import digest
from flows.desk_stores import DeskStores, StoreAway

_log = logging.getLogger(__name__)

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="A word of your own. What is sent again under it is not done again.",
    ),
]


class Asking:
    """A request that changes something."""

    def __init__(self, stores: DeskStores, request: Request, body: bytes, key: str | None) -> None:
        self._stores = stores
        self._request = request
        self.actor = principal_of(request).name
        self._key = None if key is None else digest(self.actor, key)
        query = str(request.url.query)
        self._asked = digest(request.method, request.url.path, query, body.hex())

    def once(self, work: Callable[[], object], status: int) -> Response:
        """Return what the work comes to, or came to under the key before.

        Raises: what the work raises, after which the key is free again; Refused where the key was
        used for something else, or the work is not done yet.
        """
        if self._key is None:
            return reply(self._request, work(), status)
        with self._stores.open() as stores:
            earlier = stores.repeats.begin(self._key, self._asked, time.time_ns() // 1_000_000)
        if earlier is not None:
            if not earlier.same:
                raise Refused(409, "Idempotency-Key was used for something else")
            if not earlier.status:
                raise Refused(409, "the first request of this key is at work", {"Retry-After": "1"})
            headers = {"Idempotency-Replayed": "true"}
            return Response(earlier.answer, earlier.status, headers, media_type="application/json")
        try:
            answer = reply(self._request, work(), status)
        except BaseException:
            with self._stores.open() as stores:
                stores.repeats.forget(self._key)
            raise
        try:
            with self._stores.open() as stores:
                stores.repeats.end(self._key, status, bytes(answer.body).decode())
        except StoreAway as ex:
            _log.warning("a request is done, and may be done again if it is repeated: %s", ex)
        return answer


def asking_of(stores: DeskStores) -> Callable[[Request, IdempotencyKey], Awaitable[Asking]]:
    """Return the dependency of routes that change something."""

    async def asking(request: Request, idempotency_key: IdempotencyKey = None) -> Asking:
        return Asking(stores, request, await request.body(), idempotency_key)

    return asking
