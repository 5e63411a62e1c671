"""What stands before every route: which host, whose page, how much, how long."""

import asyncio
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import RETRY_AFTER_S, problem
from config.serve import ServeSettings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CALLBACKS = "/callbacks/"  # they come from elsewhere, and are signed
STREAM = "/api/v1/events"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class TooLarge(Exception):
    """A body is larger than it may be."""


class Guards:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self._app = app
        self._settings = settings
        self._hosts = settings.hosts
        self._headers = HEADERS | (
            {"Strict-Transport-Security": "max-age=31536000"} if settings.is_https else {}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def sent(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                found = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    found.setdefault(name, value)
                if not await limited.drained():
                    found["Connection"] = "close"  # the rest is not for us to read
            await send(message)

        headers = Headers(scope=scope)
        limited = _Limited(receive, self._settings.body_limit_bytes, headers)
        if wrong := self._wrong(scope, headers):
            await problem(*wrong)(scope, receive, sent)
            return
        timeout_s = None if scope["path"] == STREAM else self._settings.timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                await self._app(scope, limited, sent)
        except TooLarge as ex:
            if not started:
                await problem(413, str(ex))(scope, receive, sent)
        except TimeoutError:
            if started:
                raise
            limited.give_up()
            again = {"Retry-After": str(RETRY_AFTER_S)}
            words = f"no answer within {self._settings.timeout_s:g} s"
            await problem(503, words, again)(scope, receive, sent)

    def _wrong(self, scope: Scope, headers: Headers) -> tuple[int, str, dict[str, str]] | None:
        """Return the problem of a request that goes no further."""
        hosts = headers.getlist("Host")
        if len(hosts) != 1:
            return 400, "Host must be sent once", {}
        if self._hosts is not None and _hostname(hosts[0]) not in self._hosts:
            return 421, f"this is not {hosts[0]}: serve.url names what it is reached by", {}
        if scope["method"] in SAFE or scope["path"].startswith(CALLBACKS):
            return self._too_large(headers)
        site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
        is_other = origin is not None and urlsplit(origin).netloc != hosts[0]
        if is_other or site not in (None, "same-origin", "none"):
            return 403, "a page of another origin must not ask for this", {}
        return self._too_large(headers)

    def _too_large(self, headers: Headers) -> tuple[int, str, dict[str, str]] | None:
        given = headers.get("Content-Length", "0")
        if given.isdigit() and int(given) <= self._settings.body_limit_bytes:
            return None
        return 413, _words(self._settings.body_limit_bytes), {}


class _Limited:
    """Receives a body up to its limit."""

    def __init__(self, receive: Receive, limit_bytes: int, headers: Headers) -> None:
        given = headers.get("Content-Length", "0")
        self._is_bearable = given.isdigit() and int(given) <= limit_bytes
        self._is_read = given == "0" and "Transfer-Encoding" not in headers
        self._receive = receive
        self._limit = limit_bytes
        self._got = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._got += len(message.get("body", b""))
        if self._got > self._limit:
            raise TooLarge(_words(self._limit))
        if not message.get("more_body", False):
            self._is_read = True
        return message

    def give_up(self) -> None:
        """Wait for no more of it."""
        self._is_bearable = False

    async def drained(self) -> bool:
        """Read what is left, lest who sends still does not hear; return whether that was all."""
        try:
            while not self._is_read and self._is_bearable:
                await self()
        except TooLarge:
            self.give_up()
        return self._is_read


def _words(limit_bytes: int) -> str:
    return f"a body must be at most {limit_bytes:,} bytes"


def _hostname(host: str) -> str:
    """Return a Host header's name, without its port."""
    return (urlsplit(f"//{host}").hostname or "") if _is_plain(host) else ""


def _is_plain(host: str) -> bool:
    return not set(host) & set("/\\@?# ")
