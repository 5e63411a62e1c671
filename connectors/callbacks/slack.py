"""Slack's interactivity: somebody has pressed a button of one of our messages.

Source: https://docs.slack.dev/authentication/verifying-requests-from-slack (HMAC-SHA256 over
`v0:<timestamp>:<body>`, five minutes), and
https://docs.slack.dev/reference/interaction-payloads/block_actions-payload. An answer must be there
within 3 s; more can be said to `response_url` for half an hour.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, get_args
from urllib.parse import parse_qsl

import msgspec

from connectors.callbacks.callback import (
    MAX_ID,
    MAX_NAME,
    Callback,
    Offered,
    Rejected,
    Unmoved,
    Verdict,
    is_fresh,
    media_type,
    plain,
    signed_by_any,
)
from connectors.channels.channel import Outcome, Refused
from connectors.channels.http import HttpCaller
from connectors.channels.slack import ACTION, escaped
from connectors.secret import Secret

MAX_BODY = 1_048_576  # bytes; a payload repeats the message
MAX_AGE_S = 300
BUTTONS: dict[str, Offered] = {each: each for each in get_args(Offered)}
REPLY_HOSTS = ("https://hooks.slack.com/", "https://hooks.slack-gov.com/")
REPLY_TIMEOUT_S = 5.0
_STAMP = re.compile(r"[0-9]{1,12}")  # seconds


class SlackCallbacks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The YAML section `notify.callbacks.slack`."""

    secrets: tuple[Secret, ...]  # signing secrets of the app
    teams: tuple[str, ...]  # ids of workspaces, or of the enterprise: T0123456789
    app: str = ""  # id of the app: A0123456789; "": any that the secret is of
    users: tuple[str, ...] = ()  # ids of who may act; none: whoever sees the message
    reply_hosts: tuple[str, ...] = REPLY_HOSTS  # where a `response_url` may lead
    allow_private: bool = False  # may it be in a private network

    def __post_init__(self) -> None:
        for name in ("secrets", "teams"):
            if not getattr(self, name):
                raise ValueError(f"{name} must name at least one, got none")
        for host in self.reply_hosts:
            if not host.startswith(("https://", "http://")) or not host.endswith("/"):
                raise ValueError(f"reply_hosts must be URLs that end in /, got {host!r}")


class _Id(msgspec.Struct):
    id: str = ""


class _User(msgspec.Struct):
    id: str
    name: str = ""
    username: str = ""


class _Action(msgspec.Struct):
    action_id: str = ""
    value: Annotated[str, msgspec.Meta(max_length=MAX_ID)] | None = None


class _Payload(msgspec.Struct):
    type: str
    user: _User
    team: _Id | None = None
    enterprise: _Id | None = None
    api_app_id: str = ""
    actions: tuple[_Action, ...] = ()
    response_url: str = ""


_decoder = msgspec.json.Decoder(_Payload)


class SlackDoor:
    """Knows the secrets."""

    def __init__(self, settings: SlackCallbacks) -> None:
        """Read the secrets; raise ValueError where one is not there."""
        self._settings = settings
        self._keys = [secret.read().encode() for secret in settings.secrets]

    def read(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> Verdict:
        """Return what a request asks for, if it is Slack's, of our team, and of now."""
        if wrong := self._unproven(headers, body, now_ms):
            return wrong
        payload = _payload(body)
        if payload is None:
            return Rejected("malformed", "the content must be a payload")
        if stranger := self._stranger(payload):
            return Rejected("stranger", stranger)
        signature = headers["x-slack-signature"].encode()
        name = f"slack:{hashlib.blake2b(signature, digest_size=16).hexdigest()}"
        return self._meant(payload, name, int(headers["x-slack-request-timestamp"]) * 1000)

    def _unproven(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> Rejected | None:
        """Return why it is not known to be Slack's and of now; None if it is."""
        if media_type(headers.get("content-type", "")) != "application/x-www-form-urlencoded":
            return Rejected("wrong_type", "the content must be a form")
        signature = headers.get("x-slack-signature", "")
        stamp = headers.get("x-slack-request-timestamp", "")
        if not (signature.startswith("v0=") and _STAMP.fullmatch(stamp)):
            return Rejected("unsigned", "there is no signature of version 0 with a time")
        signed = b"v0:" + stamp.encode() + b":" + body
        made = [f"v0={hmac.new(key, signed, hashlib.sha256).hexdigest()}" for key in self._keys]
        if not signed_by_any([signature], made):
            return Rejected("forged", "the signature is not right")
        if not is_fresh(int(stamp) * 1000, MAX_AGE_S, now_ms):
            return Rejected("stale", "the request is too old, or ahead of the clock")
        return None

    def _stranger(self, payload: _Payload) -> str:
        """Return why somebody may not ask, "" if he may."""
        places = {each.id for each in (payload.team, payload.enterprise) if each is not None}
        if not places.intersection(self._settings.teams):
            return "it is of another team"
        if self._settings.app and payload.api_app_id != self._settings.app:
            return "it is of another app"
        if self._settings.users and payload.user.id not in self._settings.users:
            return "the user may not act"
        return ""

    def _meant(self, payload: _Payload, name: str, at_ms: int) -> Callback | Unmoved:
        if payload.type != "block_actions":
            return Unmoved("it is no button")
        pressed = [each for each in payload.actions if each.action_id.startswith(ACTION)]
        asked = BUTTONS.get(pressed[0].action_id.removeprefix(ACTION)) if pressed else None
        incident = (pressed[0].value or "") if pressed else ""
        if asked is None or not incident:
            return Unmoved("the button asks for nothing")
        user = payload.user
        can_reply = payload.response_url.startswith(tuple(self._settings.reply_hosts))
        return Callback(
            name,
            "slack",
            plain(user.name or user.username or user.id, MAX_NAME) or "somebody",
            asked,
            (incident,),
            at_ms,
            at_ms + MAX_AGE_S * 1000,
            reply_to=payload.response_url if can_reply else "",
        )

    def reply(self, reply_to: str, words: str) -> Outcome:
        """Tell the one who has pressed the button, and nobody else, what came of it."""
        if not reply_to:
            return Refused("slack: there is nowhere to reply to")
        body = {
            "response_type": "ephemeral",
            "replace_original": False,
            "text": escaped(words),
        }
        http = HttpCaller(allow_private=self._settings.allow_private, timeout_s=REPLY_TIMEOUT_S)
        try:
            headers = {"Content-Type": "application/json; charset=utf-8"}
            return http.call("POST", reply_to, msgspec.json.encode(body), headers).outcome
        finally:
            http.close()


def _payload(body: bytes) -> _Payload | None:
    try:
        fields: Sequence[tuple[str, str]] = parse_qsl(
            body.decode(), strict_parsing=True, max_num_fields=8, errors="strict"
        )
        texts = [value for name, value in fields if name == "payload"]
        return _decoder.decode(texts[0]) if len(texts) == 1 else None
    except (ValueError, msgspec.DecodeError):  # UnicodeDecodeError is a ValueError
        return None
