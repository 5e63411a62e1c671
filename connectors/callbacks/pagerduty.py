"""PagerDuty's webhooks v3: what somebody did there to an incident that we have triggered.

Source: https://developer.pagerduty.com/docs/webhooks-overview (event types, payload) and
https://developer.pagerduty.com/docs/verifying-webhook-signatures (HMAC-SHA256 of the body, several
signatures while a secret is rotated). Webhooks are tried again for about 20 minutes, and carry no
time but that of the event.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec

from connectors.callbacks.callback import (
    MAX_ID,
    MAX_NAME,
    MAX_NOTE,
    Asked,
    Callback,
    Rejected,
    Unmoved,
    Verdict,
    is_fresh,
    media_type,
    plain,
    signed_by_any,
)
from connectors.secret import Secret

API = "https://api.pagerduty.com"
MAX_BODY = 262_144  # bytes; it sends none above 256 KB
MAX_SIGNATURES = 8
FALSE_POSITIVE = "false positive"  # a note that begins so
_ASKED: dict[str, Asked] = {
    "incident.acknowledged": "ack",
    "incident.unacknowledged": "unack",
    "incident.resolved": "resolve",
    "incident.reopened": "reopen",
    "incident.reassigned": "assign",
    "incident.delegated": "assign",
    "incident.annotated": "note",
}
# By a time-out of PagerDuty's these happen too. We never ask it for them, so they are no echo.
_BY_ANYBODY = ("unack", "reopen")
_ID = re.compile(r"[A-Za-z0-9]{1,64}")


class PagerDutyCallbacks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The YAML section `notify.callbacks.pagerduty`."""

    secrets: tuple[Secret, ...]  # of webhook subscriptions
    max_age_s: float = 3_600.0  # of an event
    api_token: Secret | None = None  # may read incidents; see `pagerduty_alerts`
    api: str = API
    allow_private: bool = False  # may `api` be in a private network

    def __post_init__(self) -> None:
        if not self.secrets:
            raise ValueError("secrets must name at least one, got none")
        if not 60 <= self.max_age_s <= 86_400:
            raise ValueError(f"max_age_s must be in [60, 86400] s, got {self.max_age_s!r}")


class _Named(msgspec.Struct):
    id: str = ""
    type: str = ""
    summary: str | None = None


class _Data(msgspec.Struct):
    id: str = ""
    incident_key: str | None = None
    incident: _Named | None = None  # of a note
    content: str | None = None  # of a note
    assignees: tuple[_Named, ...] | None = None
    resolve_reason: _Named | None = None


class _Event(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]
    event_type: str
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)]
    agent: _Named | None = None
    data: _Data = msgspec.field(default_factory=_Data)


class _Body(msgspec.Struct):
    event: _Event


_decoder = msgspec.json.Decoder(_Body)


class PagerDutyDoor:
    """Knows the secrets."""

    def __init__(self, settings: PagerDutyCallbacks) -> None:
        """Read the secrets; raise ValueError where one is not there."""
        self._keys = [secret.read().encode() for secret in settings.secrets]
        self._max_age_s = settings.max_age_s

    def read(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> Verdict:
        """Return what a request asks for, if it is PagerDuty's and not too old."""
        if media_type(headers.get("content-type", "")) != "application/json":
            return Rejected("wrong_type", "the content must be JSON")
        given = [each.strip() for each in headers.get("x-pagerduty-signature", "").split(",")]
        given = [each for each in given if each.startswith("v1=")]
        if not given:
            return Rejected("unsigned", "there is no signature of version 1")
        made = [f"v1={hmac.new(key, body, hashlib.sha256).hexdigest()}" for key in self._keys]
        if not signed_by_any(given[:MAX_SIGNATURES], made):
            return Rejected("forged", "no signature is right")
        try:
            event = _decoder.decode(body).event
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Rejected("malformed", "the content must be an event")
        at_ms = round(event.occurred_at.timestamp() * 1000)
        if not is_fresh(at_ms, self._max_age_s, now_ms):
            return Rejected("stale", "the event is too old, or ahead of the clock")
        return self._meant(event, at_ms)

    def _meant(self, event: _Event, at_ms: int) -> Callback | Unmoved:
        asked = _ASKED.get(event.event_type)
        if asked is None:
            return Unmoved(f"{plain(event.event_type, MAX_NAME)} asks for nothing")
        agent, data = event.agent or _Named(), event.data
        by_person = agent.type in ("user", "user_reference")
        if not by_person and asked not in _BY_ANYBODY:
            return Unmoved("no person has done it: an integration, such as we, or a time-out")
        if data.resolve_reason is not None and "merge" in data.resolve_reason.type:
            return Unmoved("it became part of another incident there")
        note = plain(data.content or "", MAX_NOTE)
        if asked == "note" and note.lower().startswith(FALSE_POSITIVE):
            asked, note = "false_positive", note[len(FALSE_POSITIVE) :].lstrip(" :,.-")
        place = data.id if data.incident is None else data.incident.id
        assignees = [plain(each.summary or each.id, MAX_NAME) for each in data.assignees or ()]
        key = (data.incident_key or "")[:MAX_ID]
        return Callback(
            f"pagerduty:{event.id}",
            "pagerduty",
            plain(agent.summary or agent.id, MAX_NAME) or "PagerDuty",
            asked,
            (key,) if key else (),
            at_ms,
            at_ms + round(self._max_age_s * 1000),
            note,
            assignee=", ".join(assignees)[:MAX_NAME] if asked == "assign" else "",
            place=place if _ID.fullmatch(place) else "",
        )
