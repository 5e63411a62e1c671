"""The gate before the API's routes: who is asking, how often, whether they may, and for what."""

import time

from fastapi.routing import APIRoute
from starlette.requests import Request

from api.access import Principal, least_of
from api.identity import Identity
from api.problems import Refused
from api.rate import Rate
from config.serve import ServeSettings

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="foreshock"'}


class Gate:
    """A dependency of every route of the API."""

    def __init__(self, settings: ServeSettings, identity: Identity) -> None:
        self._identity = identity
        self._rate = Rate(settings.rate_requests, settings.rate_per_s, time.monotonic)

    async def __call__(self, request: Request) -> None:
        """Let a request through, and say with it who is asking.

        Raises: Refused, StoreAway.
        """
        who = await self._identity.of(request)
        self._count(request, who)
        least = least_of(request)
        if least is not None and who is None:
            raise Refused(401, "a bearer token that counts must be sent", CHALLENGE)
        if least is not None and who is not None and not who.may(least):
            raise Refused(403, f"this asks for {least}, and {who.name} is {who.role}")
        _check_query(request)
        request.state.principal = who

    async def is_welcome(self, request: Request) -> bool:
        """Tell whether whoever was let in is known still."""
        who = await self._identity.of(request)
        return who is not None and who == request.state.principal

    def _count(self, request: Request, who: Principal | None) -> None:
        peer = "" if request.client is None else request.client.host
        known = who is not None and who.auth != "off"
        wait_s = self._rate.wait_s(f"{who.auth} {who.name}" if known and who else peer)
        if wait_s:
            raise Refused(429, "too many requests", {"Retry-After": str(wait_s)})


def _check_query(request: Request) -> None:
    """Refuse what the route does not know: a filter with a slip in its name would show all."""
    route = request.scope.get("route")
    if isinstance(route, APIRoute):
        known = {each.alias for each in route.dependant.query_params}
        unknown = sorted(set(request.query_params) - known)
        if unknown:
            raise Refused(
                422,
                f"{unknown[0]!r} is none of the parameters: {', '.join(sorted(known)) or 'none'}",
            )
