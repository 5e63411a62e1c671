"""A store that is behind `foreshock serve`."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import quote

import httpx
import msgspec

from schema.asks import ActionAsk, FeedbackAsk, SilenceAsk
from schema.desk import (
    Changes,
    IncidentDetail,
    IncidentPage,
    Me,
    ModelsPage,
    QueuePage,
    RequestView,
    SilencePage,
    SilenceView,
)
from schema.plots import HeatMap, LiveState
from terminal.backend import Away, Missed, Refused, Wanted
from terminal.listening import Listening

X = TypeVar("X")
PREFIX = "/api/v1"
CONNECT_S, ANSWER_S = 5.0, 15.0
SILENT_S = 60.0  # of an event stream that says every 15 s that it is there
KEPT = 64  # answers, for which the API is only asked whether they still hold


class _Problem(msgspec.Struct):
    """What an API says that went wrong (RFC 9457)."""

    title: str = ""
    detail: str = ""


class RemoteBackend:
    """An API, by its address and a token.

    Raises: ValueError for an address that is none.
    """

    def __init__(
        self, url: str, token: str = "", transport: httpx.BaseTransport | None = None
    ) -> None:
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, TypeError) as ex:
            raise ValueError(f"api must be an address, got {url!r}: {ex}") from ex
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise ValueError(f"api must be as http://127.0.0.1:8080, got {url!r}")
        self._place = str(parsed.copy_with(username=None, password=None, query=None)).rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(
            base_url=self._place + PREFIX,
            headers=headers,
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
        )
        self._kept: dict[str, tuple[str, object]] = {}  # ETag and answer by address
        self._keys: dict[tuple[str, bytes], str] = {}  # of what was asked and not answered
        self._listening = Listening(self._events)

    @property
    def place(self) -> str:
        """What is looked at, without secrets."""
        return self._place

    def me(self) -> Me:
        """Return who is asking, and what they may do."""
        return self._get("/me", Me)

    def incidents(self, wanted: Wanted, cursor: str | None, limit: int) -> IncidentPage:
        """Return a page of incidents."""
        named = {
            "severity": wanted.least,
            "cloud": wanted.cloud,
            "account": wanted.account,
            "region": wanted.region,
            "service": wanted.service,
            "q": wanted.words,
            "assignee": wanted.assignee,
            "sort": wanted.sort,
            "cursor": cursor or "",
            "limit": str(limit),
        }
        pairs = [(name, value) for name, value in named.items() if value]
        pairs += [("state", state) for state in wanted.states]
        return self._get(f"/incidents?{httpx.QueryParams(tuple(pairs))}", IncidentPage)

    def incident(self, incident_id: str) -> IncidentDetail:
        """Return one with all that is known of it."""
        return self._get(f"/incidents/{quote(incident_id, safe='')}", IncidentDetail)

    def queue(self, limit: int) -> QueuePage:
        """Return what to do next."""
        return self._get(f"/queue?limit={limit}", QueuePage)

    def silences(self) -> SilencePage:
        """Return silences as they stand."""
        return self._get("/silences", SilencePage)

    def models(self) -> ModelsPage:
        """Return how detection stands in each service."""
        return self._get("/models", ModelsPage)

    def live(self) -> LiveState:
        """Return how the estate stands."""
        return self._get("/live", LiveState)

    def heat(self, from_ms: int, to_ms: int) -> HeatMap:
        """Return how odd resources were."""
        return self._get(f"/heat?from_ms={from_ms}&to_ms={to_ms}", HeatMap)

    def changes(self, after: int | None) -> Changes:
        """Return what has come since it was last asked."""
        try:
            found = self._listening.take(CONNECT_S)
        except Missed:
            if after is not None:
                raise
            found = []  # who begins has missed nothing
        return Changes(sequence=found[-1].sequence if found else after or 0, changes=tuple(found))

    def request(self, request_id: str) -> RequestView:
        """Return what has come of something that was asked for."""
        return self._get(f"/requests/{quote(request_id, safe='')}", RequestView)

    def act(self, incident_id: str, asked: ActionAsk) -> RequestView:
        """Ask for an act."""
        path = f"/incidents/{quote(incident_id, safe='')}/actions"
        return self._send("POST", path, asked, RequestView)

    def feedback(self, incident_id: str, asked: FeedbackAsk) -> RequestView:
        """Say what an incident was."""
        path = f"/incidents/{quote(incident_id, safe='')}/feedback"
        return self._send("POST", path, asked, RequestView)

    def silence(self, asked: SilenceAsk) -> SilenceView:
        """Keep something quiet."""
        return self._send("POST", "/silences", asked, SilenceView)

    def end_silence(self, silence_id: str) -> SilenceView:
        """End a silence before its time."""
        return self._send("DELETE", f"/silences/{quote(silence_id, safe='')}", None, SilenceView)

    def close(self) -> None:
        """Let go of connections."""
        self._listening.close()
        self._client.close()

    def _get(self, path: str, type_: type[X]) -> X:
        """Return what is there; what has been read before is sent only if it is another now."""
        etag, before = self._kept.get(path, ("", None))
        headers = {"If-None-Match": etag} if etag else {}
        response = self._answer(self._client.build_request("GET", path, headers=headers))
        if response.status_code == httpx.codes.NOT_MODIFIED and isinstance(before, type_):
            return before
        found = self._decoded(response, type_)
        self._kept.pop(path, None)
        self._kept[path] = response.headers.get("ETag", ""), found
        while len(self._kept) > KEPT:
            self._kept.pop(next(iter(self._kept)))
        return found

    def _send(self, method: str, path: str, asked: object, type_: type[X]) -> X:
        """Ask for something. Asked once more after no answer, it is the same request."""
        body = b"" if asked is None else msgspec.json.encode(asked)
        key = self._keys.setdefault((path, body), secrets.token_hex(16))
        headers = {"Content-Type": "application/json"} if body else {}
        headers["Idempotency-Key"] = key
        request = self._client.build_request(method, path, content=body, headers=headers)
        while len(self._keys) > KEPT:
            self._keys.pop(next(iter(self._keys)))
        try:
            answer = self._answer(request)
        except Refused:
            self._keys.pop((path, body), None)
            raise
        self._keys.pop((path, body), None)
        return self._decoded(answer, type_)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self._client.send(request)
        except httpx.HTTPError as ex:
            raise Away(f"{self._place}: {ex or type(ex).__name__}") from ex
        if response.status_code >= httpx.codes.BAD_REQUEST:
            self._raise(response, reading=request.method == "GET")
        return response

    def _decoded(self, response: httpx.Response, type_: type[X]) -> X:
        try:
            return msgspec.json.decode(response.content, type=type_)
        except msgspec.MsgspecError as ex:
            raise Away(f"{self._place} does not speak as this version does: {ex}") from ex

    def _raise(self, response: httpx.Response, *, reading: bool) -> None:
        """Raise what an answer from 400 on comes to."""
        status = response.status_code
        try:
            problem = msgspec.json.decode(response.content, type=_Problem)
        except msgspec.MsgspecError:
            problem = _Problem()
        said = problem.detail or problem.title or response.reason_phrase
        lasting = status not in {401, 408, 425, 429} and status < 500
        if lasting and not (reading and status == httpx.codes.FORBIDDEN):
            raise Refused(said)
        raise Away(f"{self._place}: {status} {said}")

    @contextmanager
    def _events(self, after: int | None) -> Iterator[httpx.Response]:
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S, read=SILENT_S)
        with self._client.stream("GET", "/events", headers=headers, timeout=timeout) as response:
            if response.status_code >= httpx.codes.BAD_REQUEST:
                response.read()
                try:
                    self._raise(response, reading=True)
                except Refused as ex:
                    raise Away(f"{self._place}: {ex}") from ex
            yield response
