"""Microsoft Teams: an Adaptive Card to the URL of a workflow that a webhook request starts.

Source: https://learn.microsoft.com/en-us/power-automate/teams/send-a-message-in-teams, and
https://adaptivecards.io/explorer (version 1.4; messages of at most 28 kB).
"""

import msgspec

from connectors.channels.channel import Message, Outcome
from connectors.channels.http import HttpCaller
from connectors.channels.markup import markdown
from connectors.secret import Secret
from schema import ChannelOptions, Severity

MAX_BYTES = 28_000
MAX_ACTIONS = 6
_TEXTS = (20_000, 8_000, 3_000, 1_000)  # characters: so many as fit
_COLOURS = {
    Severity.CRITICAL: "attention", Severity.HIGH: "attention", Severity.MEDIUM: "warning",
    Severity.LOW: "accent",
}  # fmt: skip


class TeamsSettings(ChannelOptions, frozen=True, kw_only=True, tag="teams"):
    """The YAML of a channel of `type: teams`."""

    url: Secret
    allow_private: bool = False


class TeamsChannel:
    """An open one."""

    def __init__(self, settings: TeamsSettings) -> None:
        self._url = settings.url.read()
        self._http = HttpCaller(allow_private=settings.allow_private)

    def send(self, message: Message) -> Outcome:
        """Post a card; a workflow cannot change one, so every word is a card of its own."""
        body = next(
            (body for most in _TEXTS if len(body := _posted(message, most)) <= MAX_BYTES),
            _posted(message, 0),
        )
        headers = {"Content-Type": "application/json"}
        return self._http.call("POST", self._url, body, headers).outcome

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def _posted(message: Message, most: int) -> bytes:
    card = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": _card(message, most),
    }
    return msgspec.json.encode({"type": "message", "attachments": [card]})


def _card(message: Message, most: int) -> dict[str, object]:
    colour = "default"
    if message.notice.kind == "resolve":
        colour = "good"
    elif message.incident is not None:
        colour = _COLOURS[message.incident.severity]
    lines = "\n".join(message.words())[:most].splitlines()
    body = [_text(message.title, weight="bolder", size="medium", color=colour)]
    body += [_text(line, spacing="small") for line in lines if line.strip()]
    card: dict[str, object] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    links = message.links()[:MAX_ACTIONS]
    if links:
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": label, "url": link} for label, link in links
        ]
    return card


def _text(text: str, **look: str) -> dict[str, object]:
    """Return a block; names that came from outside are no Markdown."""
    return {"type": "TextBlock", "text": markdown(text), "wrap": True, **look}
