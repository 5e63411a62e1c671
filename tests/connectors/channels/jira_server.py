"""Jira on loopback."""

import re
from typing import Any, ClassVar
from urllib.parse import urlsplit

from tests.connectors.channels.provider import Asked, Json, Reply, follows, told
from tests.connectors.channels.trackers import (
    KEY,
    TEXT,
    USER,
    Ticket,
    Tracker,
    basic,
    query_of,
    reply,
)


class JiraServer(Tracker):
    """Cloud (API 3, documents) and Data Center (API 2, text)."""

    STATES: ClassVar[dict[str, str]] = {
        "To Do": "new",
        "In Progress": "indeterminate",
        "Done": "done",
    }

    def __init__(self, api: str) -> None:
        super().__init__()
        self._api = api
        self.ends = True  # may this user move an issue to Done

    def refused(self, asked: Asked) -> Reply | None:
        given = basic(USER) if self._api == "3" else f"Bearer {KEY}"
        if asked.headers.get("authorization") != given:
            return reply(401, {"errorMessages": ["Client must be authenticated"]})
        return None

    def answer(self, asked: Asked) -> Reply:
        path = urlsplit(asked.path).path.removeprefix(f"/rest/api/{self._api}")
        search = "/search/jql" if self._api == "3" else "/search"
        if asked.method == "GET" and path == search:
            return self._search(query_of(asked))
        if asked.method == "POST" and path == "/issue":
            return self._create(asked)
        return self._of_issue(asked, path)

    def _of_issue(self, asked: Asked, path: str) -> Reply:
        found = re.fullmatch(r"/issue/(OPS-\d+)(/comment|/transitions)?", path)
        ticket = None if found is None else self.tickets.get(found[1])
        if found is None or ticket is None:
            return reply(404, {"errorMessages": ["Issue does not exist"]})
        match asked.method, found[2]:
            case "GET", None:
                return self._show(ticket, query_of(asked))
            case "POST", "/comment":
                return self._say(ticket, asked)
            case "POST", "/transitions":
                return self._move(ticket, asked)
        return reply(405, {})

    @property
    def document(self) -> Json:
        """What a long text has to be."""
        if self._api == "2":
            return {**TEXT, "maxLength": 32_767}
        return {
            "type": "object",
            "required": ["type", "version", "content"],
            "properties": {
                "type": {"const": "doc"},
                "version": {"const": 1},
                "content": {"type": "array", "items": {
                    "required": ["type", "content"],
                    "properties": {"type": {"const": "paragraph"}, "content": {
                        "type": "array", "items": {"oneOf": [
                            {"required": ["type", "text"], "properties": {
                                "type": {"const": "text"}, "text": TEXT}},
                            {"properties": {"type": {"const": "hardBreak"}},
                             "additionalProperties": False}]}}}}},
            },
            "additionalProperties": False,
        }  # fmt: skip

    def _create(self, asked: Asked) -> Reply:
        schema: Json = {
            "required": ["fields"],
            "properties": {"fields": {
                "type": "object",
                "required": ["project", "issuetype", "summary"],
                "properties": {
                    "project": {"properties": {"key": {"const": "OPS"}}, "required": ["key"]},
                    "issuetype": {"properties": {"name": {"enum": ["Task", "Incident"]}}},
                    "summary": {**TEXT, "maxLength": 255, "pattern": r"^[^\n]*$"},
                    "description": self.document,
                    "labels": {"type": "array", "items": {
                        **TEXT, "maxLength": 255, "pattern": r"^\S+$"}},
                    "priority": {"properties": {"name": {"enum": ["Highest", "High", "Low"]}}},
                },
                "additionalProperties": False,
            }},
            "additionalProperties": False,
        }  # fmt: skip
        wrong = told(asked) or follows(schema, asked)
        if wrong:
            return reply(400, {"errorMessages": [], "errors": {"fields": wrong}})
        fields: Any = asked.body["fields"]
        ticket = self.new(f"OPS-{len(self.tickets) + 1}", fields)
        ticket.state = "To Do"
        return reply(201, {"id": "10000", "key": ticket.name, "self": "https://x"})

    def _search(self, query: dict[str, str]) -> Reply:
        found = re.fullmatch(
            r'project = "OPS" AND labels = "([\w.-]+)" ORDER BY created DESC', query["jql"]
        )
        if found is None or "maxResults" not in query:
            return reply(400, {"errorMessages": ["Error in the JQL Query"]})
        issues = [
            {"id": "10000", "key": each.name, "fields": {}}
            for each in reversed(self.tickets.values())
            if found[1] in each.values["labels"]  # type: ignore[operator]  # a list of text
        ]
        return reply(200, {"issues": issues[: int(query["maxResults"])], "isLast": True})

    def _show(self, ticket: Ticket, query: dict[str, str]) -> Reply:
        body: Json = {
            "key": ticket.name,
            "fields": {"status": {"name": ticket.state, "statusCategory": {
                "key": self.STATES[ticket.state]}}},
        }  # fmt: skip
        if "transitions" in query.get("expand", ""):
            body["transitions"] = self._ways(ticket)
        return reply(200, body)

    def _ways(self, ticket: Ticket) -> list[Json]:
        return [
            {"id": str(10 + i), "name": f"to {name}", "to": {
                "name": name, "statusCategory": {"key": category}}}
            for i, (name, category) in enumerate(self.STATES.items())
            if name != ticket.state and (self.ends or name != "Done")
        ]  # fmt: skip

    def _say(self, ticket: Ticket, asked: Asked) -> Reply:
        schema: Json = {
            "required": ["body"],
            "properties": {"body": self.document},
            "additionalProperties": False,
        }
        wrong = told(asked) or follows(schema, asked)
        if wrong:
            return reply(400, {"errors": {"comment": wrong}})
        ticket.comments.append(asked.body["body"])
        return reply(201, {"id": "1"})

    def _move(self, ticket: Ticket, asked: Asked) -> Reply:
        given: Any = asked.body.get("transition", {})
        ways = {str(way["id"]): way for way in self._ways(ticket)}
        if told(asked) or given.get("id") not in ways:
            return reply(400, {"errorMessages": ["It seems that you have tried to perform an"]})
        to: Any = ways[given["id"]]["to"]
        ticket.state = to["name"]
        return Reply(204, b"")
