"""Jira, Cloud and Data Center: an incident is an issue.

Source: https://developer.atlassian.com/cloud/jira/platform/rest/v3/ (create issue, add comment,
transitions; text as an Atlassian document) and the REST API v2 of Data Center (text in wiki
markup); a summary of at most 255 characters. An issue is found by a label; the search lags by a
second or so, which is less than the wait before a second attempt.
"""

import base64
from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlencode

import msgspec

from connectors.channels.channel import Message, Refused
from connectors.channels.markup import wiki
from connectors.channels.tickets import (
    JsonApi,
    NotTaken,
    TicketChannel,
    title_of,
)
from connectors.secret import Secret
from schema import ChannelOptions, Severity

MAX_SUMMARY, MAX_TEXT = 255, 20_000
DONE = "done"  # the category of a status: https://support.atlassian.com/jira-cloud-administration/


class JiraSettings(ChannelOptions, frozen=True, kw_only=True, tag="jira"):
    """The YAML of a channel of `type: jira`."""

    url: str  # "https://example.atlassian.net"
    project: str  # its key
    token: Secret  # of the user; without one a personal access token
    user: str = ""  # address of a Cloud account
    api: Literal["2", "3"] = "3"  # 2: Data Center
    issue_type: str = "Task"
    priorities: dict[str, str] = msgspec.field(default_factory=dict)  # {CRITICAL: Highest}
    labels: tuple[str, ...] = ("foreshock",)
    done: str = ""  # the transition that closes; "": the first to a status of category done
    allow_private: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.project.replace("_", "").isalnum() or not self.project.isascii():
            raise ValueError(f"project must be the key of one, as in OPS, got {self.project!r}")
        for level in self.priorities:
            if level not in Severity.__members__:
                raise ValueError(f"priorities must be of severities, got {level!r}")
        for label in self.labels:
            if not label or len(label) > 255 or any(char.isspace() for char in label):
                raise ValueError(
                    f"labels must be of 1 to 255 characters without spaces, got {label!r}"
                )


class _Category(msgspec.Struct):
    key: str


class _Status(msgspec.Struct):
    category: _Category = msgspec.field(name="statusCategory")


class _Transition(msgspec.Struct):
    id: str
    name: str
    to: _Status


class _Fields(msgspec.Struct):
    status: _Status


class _Issue(msgspec.Struct):
    key: str


class _Standing(msgspec.Struct):
    fields: _Fields
    transitions: tuple[_Transition, ...] = ()


class _Found(msgspec.Struct):
    issues: tuple[_Issue, ...]


class Jira:
    """The issues of a project."""

    def __init__(self, settings: JiraSettings) -> None:
        self._settings = settings
        token = settings.token.read()
        given = f"Bearer {token}"
        if settings.user:
            pair = base64.b64encode(f"{settings.user}:{token}".encode()).decode()
            given = f"Basic {pair}"
        self._root = f"/rest/api/{settings.api}"
        headers = {"Authorization": given}
        self._api = JsonApi(settings.url, headers, allow_private=settings.allow_private)

    def find(self, key: str) -> str:
        """Return the key of the newest issue with the label, "" if there is none."""
        jql = f'project = "{self._settings.project}" AND labels = "{key}" ORDER BY created DESC'
        query = urlencode({"jql": jql, "fields": "status", "maxResults": "1"})
        path = "/search/jql" if self._settings.api == "3" else "/search"
        found = self._api.ask("GET", f"{self._root}{path}?{query}", _Found)
        return next((each.key for each in found.issues), "")

    def open(self, key: str, message: Message) -> str:
        """Open an issue."""
        fields: dict[str, object] = {
            "project": {"key": self._settings.project},
            "issuetype": {"name": self._settings.issue_type},
            "summary": title_of(message, MAX_SUMMARY),
            "description": self._text(message),
            "labels": [*self._settings.labels, key],
        }
        if message.incident is not None:
            priority = self._settings.priorities.get(message.incident.severity.name)
            if priority:
                fields["priority"] = {"name": priority}
        return self._api.ask("POST", f"{self._root}/issue", _Issue, {"fields": fields}).key

    def tell(self, ticket: str, message: Message, *, again: bool) -> None:
        """Comment on an issue."""
        if again:
            self._move(ticket, closed=False)
        path = f"{self._root}/issue/{ticket}/comment"
        self._api.ask("POST", path, object, {"body": self._text(message)})

    def end(self, ticket: str, message: Message) -> None:
        """Move an issue to a status that is done, then say why."""
        self._move(ticket, closed=True)
        self.tell(ticket, message, again=False)

    def shut(self) -> None:
        """Close the connection."""
        self._api.close()

    def _move(self, ticket: str, *, closed: bool) -> None:
        path = f"{self._root}/issue/{ticket}"
        now = self._api.ask("GET", f"{path}?fields=status&expand=transitions", _Standing)
        if (now.fields.status.category.key == DONE) == closed:
            return
        named = self._settings.done if closed else ""
        ways = [
            way
            for way in now.transitions
            if (way.to.category.key == DONE) == closed and named in ("", way.name)
        ]
        if not ways:
            what = f"{named!r}" if named else f"to a status that is {'' if closed else 'not '}done"
            raise NotTaken(Refused(f"{ticket} has no transition {what} that the user may take"))
        self._api.ask("POST", f"{path}/transitions", object, {"transition": {"id": ways[0].id}})

    def _text(self, message: Message) -> object:
        lines = "\n".join(message.words())[:MAX_TEXT].splitlines()
        if self._settings.api == "3":
            return _document(lines, message.links())
        links = [f"[{wiki(label)}|{link}]" for label, link in message.links()]
        return "\n".join([*map(wiki, lines), *links])


def open_jira(settings: JiraSettings) -> TicketChannel:
    """Open the channel."""
    return TicketChannel(Jira(settings))


def _document(lines: Sequence[str], links: Sequence[tuple[str, str]]) -> dict[str, object]:
    """Return an Atlassian document; text in it is no markup."""
    nodes: list[dict[str, object]] = [{"type": "text", "text": line} for line in lines]
    nodes += [
        {"type": "text", "text": label, "marks": [{"type": "link", "attrs": {"href": link}}]}
        for label, link in links
    ]
    broken = [part for node in nodes for part in ({"type": "hardBreak"}, node)][1:]
    return {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": broken}]}
