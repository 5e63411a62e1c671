"""Slack: by an incoming webhook, or with a bot's token, which can change and thread messages.

With a token the first message of an incident is kept up to date, and what happens to it stands in
its thread. Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
https://docs.slack.dev/reference/methods/chat.postMessage, and Block Kit (a header of at most 150
characters, a section of 3,000).
"""

import re

import msgspec

from connectors.channels.channel import Later, Message, Outcome, Refused, Sent
from connectors.channels.http import HttpCaller
from connectors.secret import Secret
from schema import ChannelOptions, Severity

API = "https://slack.com/api"
MAX_HEADER, MAX_SECTION, MAX_BUTTON = 150, 3_000, 75
MAX_CONFIRM_TITLE, MAX_CONFIRM_TEXT, MAX_CONFIRM_BUTTON = 100, 300, 30
ACTION = "foreshock."  # how the action ids of our buttons begin
_EMOJI = {
    Severity.CRITICAL: ":red_circle:", Severity.HIGH: ":large_orange_circle:",
    Severity.MEDIUM: ":large_yellow_circle:", Severity.LOW: ":large_blue_circle:",
}  # fmt: skip
_GONE = ("message_not_found", "cant_update_message", "edit_window_closed")
_HALF = re.compile(r"&\w*$")
_PASSING = {"ratelimited", "internal_error", "fatal_error", "service_unavailable",
            "request_timeout"}  # fmt: skip


class SlackSettings(ChannelOptions, frozen=True, kw_only=True, tag="slack"):
    """The YAML of a channel of `type: slack`: `url` of a webhook, or `token` and `channel`."""

    url: Secret | None = None
    token: Secret | None = None  # of a bot with chat:write
    channel: str = ""  # id of the conversation, as in C0123456789
    api: str = API
    allow_private: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.url is None) == (self.token is None):
            raise ValueError("slack must have one of url and token")
        if self.token is not None and not self.channel:
            raise ValueError("channel must name the conversation where there is a token, got ''")


class _Answer(msgspec.Struct):
    ok: bool
    error: str = ""
    ts: str = ""


class SlackChannel:
    """An open one."""

    def __init__(self, settings: SlackSettings) -> None:
        self._settings = settings
        self._url = "" if settings.url is None else settings.url.read()
        self._headers = {"Content-Type": "application/json; charset=utf-8"}
        if settings.token is not None:
            self._headers["Authorization"] = f"Bearer {settings.token.read()}"
        self._http = HttpCaller(allow_private=settings.allow_private)

    def send(self, message: Message) -> Outcome:
        """Post the message; with a token, also bring the incident's first one up to date."""
        content = {"text": escaped(message.title), "blocks": _blocks(message)}
        if self._url:
            return self._http.call(
                "POST", self._url, msgspec.json.encode(content), self._headers
            ).outcome
        place = {"channel": self._settings.channel}
        if not message.receipt:
            return self._call("chat.postMessage", {**place, **content, "metadata": _named(message)})
        changed = self._call("chat.update", {**place, **content, "ts": message.receipt})
        if isinstance(changed, Refused) and changed.error.endswith(_GONE):
            return self._call("chat.postMessage", {**place, **content, "metadata": _named(message)})
        if not isinstance(changed, Sent):
            return changed
        said = self._call(
            "chat.postMessage",
            {**place, "thread_ts": message.receipt, "text": _cut(_news(message))},
        )
        return Sent(message.receipt) if isinstance(said, Sent) else said

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _call(self, method: str, body: object) -> Outcome:
        """Call a method of the Web API, which says in its body whether it has worked."""
        answer = self._http.call(
            "POST", f"{self._settings.api}/{method}", msgspec.json.encode(body), self._headers
        )
        if not isinstance(answer.outcome, Sent):
            return answer.outcome
        try:
            said = msgspec.json.decode(answer.body, type=_Answer)
        except msgspec.DecodeError:
            return Later(f"slack: {method} has answered no JSON")
        if said.ok:
            return Sent(said.ts)
        error = f"slack: {method}: {said.error}"
        return Later(error) if said.error in _PASSING else Refused(error)


def escaped(text: str) -> str:
    """Return text as Slack shows it: names that came from outside are no links or mentions.

    >>> escaped("<!channel> & co")
    '&lt;!channel&gt; &amp; co'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str) -> str:
    """Return text as Slack shows it, of at most what a section holds, and no half of an entity."""
    shown = escaped(text)
    return shown if len(shown) <= MAX_SECTION else _HALF.sub("", shown[:MAX_SECTION])


def _named(message: Message) -> dict[str, object]:
    """Return what tells by machine which message it is, should it come twice."""
    names = {"dedup_key": message.dedup_key, "notice": message.notice.id}
    return {"event_type": "foreshock_notice", "event_payload": names}


def _news(message: Message) -> str:
    return f"{message.notice.kind}: {message.notice.reason}"


def _blocks(message: Message) -> list[dict[str, object]]:
    sign = ":white_check_mark:" if message.notice.kind == "resolve" else ""
    if not sign and message.incident is not None:
        sign = _EMOJI[message.incident.severity]
    title = f"{sign} {message.title}".strip()
    blocks: list[dict[str, object]] = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": title[:MAX_HEADER], "emoji": True},
        },
    ]
    text = _cut("\n".join(message.words()))
    if text.strip():
        words = {"type": "mrkdwn", "text": text, "verbatim": True}  # no links but our own
        blocks.append({"type": "section", "text": words})
    elements = [_act(message, *each) for each in message.buttons]
    elements += [_button(*each) for each in message.links()]
    if elements:
        blocks.append({"type": "actions", "elements": elements})
    return blocks


def _act(message: Message, label: str, asked: str) -> dict[str, object]:
    """Return a button that is heard of by `connectors.callbacks.slack`."""
    return {
        "type": "button",
        "action_id": ACTION + asked,
        "value": message.notice.incident,
        "text": _plain(label, MAX_BUTTON),
        "confirm": {
            "title": _plain(f"{label}?", MAX_CONFIRM_TITLE),
            "text": _plain(message.title, MAX_CONFIRM_TEXT),
            "confirm": _plain(label, MAX_CONFIRM_BUTTON),
            "deny": _plain("Cancel", MAX_CONFIRM_BUTTON),
        },
    }


def _button(label: str, link: str) -> dict[str, object]:
    return {"type": "button", "text": _plain(label, MAX_BUTTON), "url": link}


def _plain(text: str, most: int) -> dict[str, object]:
    return {"type": "plain_text", "text": text[:most]}
