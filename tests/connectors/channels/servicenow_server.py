"""ServiceNow on loopback."""

import re
from typing import ClassVar
from urllib.parse import urlsplit

from tests.connectors.channels.provider import Asked, Json, Reply, follows, told
from tests.connectors.channels.trackers import (
    TEXT,
    Ticket,
    Tracker,
    basic,
    query_of,
    reply,
)


class ServiceNowServer(Tracker):
    """The Table API on `incident`."""

    RECORD: ClassVar[Json] = {
        "type": "object",
        "required": ["short_description"],
        "properties": {
            "short_description": {**TEXT, "maxLength": 160},
            "description": {"type": "string", "maxLength": 4000},
            "impact": {"enum": ["1", "2", "3"]}, "urgency": {"enum": ["1", "2", "3"]},
            "correlation_id": {"type": "string", "maxLength": 100},
            "correlation_display": {"type": "string", "maxLength": 100},
            "assignment_group": TEXT,
        },
        "additionalProperties": False,
    }  # fmt: skip
    CHANGE: ClassVar[Json] = {
        "type": "object",
        "properties": {
            "state": {"enum": ["1", "2", "3", "6", "7", "8"]},
            "work_notes": {**TEXT, "maxLength": 4000},
            "close_code": {"enum": ["Solution provided", "Workaround provided"]},
            "close_notes": {**TEXT, "maxLength": 4000},
        },
        "additionalProperties": False,
        "if": {"properties": {"state": {"const": "6"}}, "required": ["state"]},
        "then": {"required": ["close_code", "close_notes"]},
    }

    def refused(self, asked: Asked) -> Reply | None:
        if asked.headers.get("authorization") != basic("bot"):
            return reply(401, {"error": {"message": "User Not Authenticated"}})
        if asked.headers.get("accept") != "application/json":
            return reply(406, {"error": {"message": "Not acceptable"}})
        return None

    def answer(self, asked: Asked) -> Reply:
        found = re.fullmatch(r"/api/now/table/incident(?:/(\w+))?", urlsplit(asked.path).path)
        if found is None or (found[1] and found[1] not in self.tickets):
            return reply(404, {"error": {"message": "No Record found"}})
        match asked.method, found[1]:
            case "GET", None:
                return self._search(query_of(asked))
            case "GET", str(name):
                return self._shown(200, self.tickets[name])
            case "POST", None:
                return self._create(asked)
            case "PATCH", str(name):
                return self._change(self.tickets[name], asked)
        return reply(405, {})

    def _search(self, query: dict[str, str]) -> Reply:
        asked = query["sysparm_query"].split("^")
        name, _, value = asked[0].partition("=")
        found = [
            {"sys_id": each.name, "state": each.state}
            for each in reversed(self.tickets.values())
            if each.values[name] == value
        ]
        return reply(200, {"result": found[: int(query["sysparm_limit"])]})

    def _create(self, asked: Asked) -> Reply:
        wrong = told(asked) or follows(self.RECORD, asked)
        if wrong:
            return reply(400, {"error": {"message": wrong}})
        ticket = self.new(f"{len(self.tickets):032x}", asked.body)
        ticket.state = "1"
        return self._shown(201, ticket)

    def _change(self, ticket: Ticket, asked: Asked) -> Reply:
        wrong = told(asked) or follows(self.CHANGE, asked)
        if wrong:
            return reply(403, {"error": {"message": wrong}})
        ticket.state = str(asked.body.get("state", ticket.state))
        notes = asked.body.get("work_notes", asked.body.get("close_notes"))
        ticket.comments.append(notes)
        return self._shown(200, ticket)

    @staticmethod
    def _shown(status: int, ticket: Ticket) -> Reply:
        return reply(status, {"result": {"sys_id": ticket.name, "state": ticket.state}})
