"""Where callbacks arrive: each is counted and logged by what comes of it, refused ones by why."""

import logging
from collections.abc import Callable

import msgspec
from starlette.requests import Request

from connectors.callback_meters import CallbackMeters
from connectors.callbacks.callback import Callback, Rejected, Unmoved, Verdict, Via
from flows.callbacks import Answering

_log = logging.getLogger(__name__)

STATUS = {  # HTTP, by what came of it; what is not here was taken
    "too_large": 413,
    "wrong_type": 415,
    "malformed": 400,
    "unsigned": 401,
    "forged": 401,
    "wrong_key": 401,
    "stale": 403,
    "stranger": 403,
    "replayed": 409,
    "busy": 503,
}
TOO_LARGE = Rejected("too_large", "the body is too large")
RETRIES: tuple[Via, ...] = ("pagerduty",)  # who sends a thing again until it is answered


class Heard(msgspec.Struct, frozen=True):
    """What came of a request."""

    outcome: str
    words: str  # for who asked

    @property
    def status(self) -> int:
        """Return the status of the HTTP answer."""
        return STATUS.get(self.outcome, 200)


class Reception:
    """Hears callbacks; used by several threads."""

    def __init__(
        self, answering: Answering, meters: CallbackMeters, clock: Callable[[], int]
    ) -> None:
        self._answering = answering
        self._meters = meters
        self.now_ms = clock

    def hear(self, via: Via, verdict: Verdict, host: str) -> Heard:
        """Do what is asked, if it may be. Raises: as `Answering.take`."""
        try:
            heard = self._heard(via, verdict)
        except Exception:
            self._meters.took(via, "failed")
            raise
        self._meters.took(via, heard.outcome)
        say = _log.warning if heard.status >= 400 else _log.info
        who = verdict.actor if isinstance(verdict, Callback) else host
        say("callback of %s by %s: %s: %s", via, who, heard.outcome, heard.words)
        return heard

    def _heard(self, via: Via, verdict: Verdict) -> Heard:
        match verdict:
            case Rejected():
                return Heard(verdict.reason, verdict.detail)
            case Unmoved():
                return Heard("ignored", verdict.why)
            case Callback():
                taken = self._answering.take(verdict, self.now_ms())
                if taken.status == "repeated" and via not in RETRIES:
                    return Heard("replayed", taken.words)
                return Heard(taken.status, taken.words)


async def body_of(request: Request, most: int) -> bytes | None:
    """Return a request's body; None: it is larger than `most`, and was not read to its end."""
    said = request.headers.get("content-length", "0")
    if not (said.isascii() and said.isdecimal()) or len(said) > 12 or int(said) > most:
        return None
    held = bytearray()
    async for part in request.stream():
        held += part
        if len(held) > most:
            return None
    return bytes(held)


def host_of(request: Request) -> str:
    """Return the address that a request comes from."""
    return "somebody" if request.client is None else request.client.host
