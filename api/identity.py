"""Who is asking: a bearer token, or the headers of a proxy that is trusted."""

import asyncio
import getpass
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from anyio import to_thread
from starlette.requests import Request

from api.access import Principal
from config.serve import ROLES, ProxySettings, ServeSettings
from connectors.token_store import PREFIX, USED_EVERY_MS
from flows.desk_stores import DeskStores, StoreAway

MAX_NAME = 200
BEARER = "Bearer "


class Identity:
    """Finds out who is asking, as the settings say."""

    def __init__(
        self, settings: ServeSettings, stores: DeskStores, clock_ms: Callable[[], int]
    ) -> None:
        self._auth = settings.auth
        self._proxy = None if settings.proxy is None else _Proxy(settings.proxy)
        self._stores = stores
        self._clock_ms = clock_ms
        self._local = Principal(_login_name(), "admin", "off")
        self._at_work: set[asyncio.Task[None]] = set()

    async def of(self, request: Request) -> Principal | None:
        """Return who is asking, None if nobody is known by what was sent.

        Raises: StoreAway.
        """
        if self._auth == "off":
            return self._local
        given = request.headers.get("Authorization", "")
        if given.startswith(f"{BEARER}{PREFIX}_"):
            return await self._by_token(given.removeprefix(BEARER).strip())
        return None if self._proxy is None else self._proxy.who(request)

    async def _by_token(self, given: str) -> Principal | None:
        now_ms = self._clock_ms()

        def look() -> tuple[Principal, str, bool] | None:
            with self._stores.open() as stores:
                token = stores.tokens.known(given, now_ms)
            if token is None:
                return None
            is_news = token.used_ms is None or now_ms - token.used_ms >= USED_EVERY_MS
            return Principal(token.name, token.role, "token"), token.id, is_news

        found = await to_thread.run_sync(look)
        if found is None:
            return None
        who, token_id, is_news = found
        if is_news:  # beside the answer: a writer may have to wait for another
            task = asyncio.create_task(to_thread.run_sync(self._used, token_id, now_ms))
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)
        return who

    def _used(self, token_id: str, now_ms: int) -> None:
        try:
            with self._stores.open() as stores:
                stores.tokens.used(token_id, now_ms)
        except StoreAway:
            pass  # it is said with the next use


class _Proxy:
    """Headers that count if they come from where they may."""

    def __init__(self, settings: ProxySettings) -> None:
        self._settings = settings
        self._trusted = [ip_network(each) for each in settings.trusted]

    def who(self, request: Request) -> Principal | None:
        """Return whom the proxy names."""
        peer = None if request.client is None else ip_address(request.client.host)
        if peer is None or not any(peer in each for each in self._trusted):
            return None
        names = request.headers.getlist(self._settings.user_header)
        groups = request.headers.getlist(self._settings.groups_header)
        if len(names) != 1 or not 0 < len(names[0]) <= MAX_NAME or not names[0].isprintable():
            return None  # several: somebody's own may be among them
        roles = [self._settings.role] if self._settings.role is not None else []
        for group in ",".join(groups).split(","):
            role = self._settings.roles.get(group.strip())
            roles += [role] if role is not None else []
        if not roles:
            return None
        return Principal(names[0], max(roles, key=ROLES.index), "proxy")


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "local"
