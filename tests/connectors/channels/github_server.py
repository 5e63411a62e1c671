"""The issues of GitHub on loopback."""

import re
from collections.abc import Callable
from typing import ClassVar
from urllib.parse import urlsplit

from tests.connectors.channels.provider import Asked, Json, Reply, follows, told
from tests.connectors.channels.trackers import KEY, TEXT, Tracker, query_of, reply


class GitHub(Tracker):
    """https://docs.github.com/en/rest/issues/issues, version 2022-11-28."""

    CREATE: ClassVar[Json] = {
        "type": "object",
        "required": ["title"],
        "properties": {
            "title": {**TEXT, "maxLength": 256},
            "body": {"type": "string", "maxLength": 65_536},
            "labels": {"type": "array", "items": {**TEXT, "maxLength": 50}},
            "assignees": {"type": "array", "items": TEXT},
            "milestone": {"type": ["integer", "null"]},
        },
        "additionalProperties": False,
    }
    COMMENT: ClassVar[Json] = {
        "type": "object",
        "required": ["body"],
        "properties": {"body": {**TEXT, "maxLength": 65_536}},
        "additionalProperties": False,
    }
    CHANGE: ClassVar[Json] = {
        "type": "object",
        "properties": {
            "state": {"enum": ["open", "closed"]},
            "state_reason": {"enum": ["completed", "not_planned", "duplicate", "reopened", None]},
        },
        "additionalProperties": False,
    }

    def refused(self, asked: Asked) -> Reply | None:
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return reply(401, {"message": "Bad credentials"})
        if not asked.headers.get("user-agent"):
            return reply(403, {"message": "Request forbidden by administrative rules"})
        if asked.headers.get("x-github-api-version") != "2022-11-28":
            return reply(400, {"message": "Unsupported API version"})
        return None

    def answer(self, asked: Asked) -> Reply:
        path = urlsplit(asked.path).path
        found = re.fullmatch(r"/repos/shop/ops/issues(?:/(\d+)(/comments)?)?", path)
        if found is None or (found[1] and found[1] not in self.tickets):
            return reply(404, {"message": "Not Found"})
        match asked.method, found[1], found[2]:
            case "GET", None, None:
                return self._list(query_of(asked))
            case "POST", None, None:
                return self._checked(asked, self.CREATE, self._create)
            case "POST", str(number), str():
                return self._checked(asked, self.COMMENT, lambda body: self._say(number, body))
            case "PATCH", str(number), None:
                return self._checked(asked, self.CHANGE, lambda body: self._change(number, body))
        return reply(404, {"message": "Not Found"})

    def _checked(self, asked: Asked, schema: Json, act: Callable[[Json], Reply]) -> Reply:
        wrong = told(asked) or follows(schema, asked)
        if wrong:
            return reply(422, {"message": f"Validation Failed: {wrong}"})
        return act(asked.body)

    def _create(self, body: Json) -> Reply:
        ticket = self.new(str(len(self.tickets) + 1), body)
        return reply(201, {"number": int(ticket.name), "body": body["body"], "state": "open"})

    def _say(self, number: str, body: Json) -> Reply:
        self.tickets[number].comments.append(body["body"])
        return reply(201, {"id": 1})

    def _change(self, number: str, body: Json) -> Reply:
        self.tickets[number].state = str(body["state"])
        return reply(200, {"number": int(number)})

    def _list(self, query: dict[str, str]) -> Reply:
        if query.get("state") != "all" or not 1 <= int(query["per_page"]) <= 100:
            return reply(422, {"message": "Validation Failed"})
        found = [
            {"number": int(each.name), "body": each.values["body"]}
            for each in reversed(self.tickets.values())
            if query["labels"] in each.values["labels"]  # type: ignore[operator]  # a list of text
        ]
        return reply(200, found[: int(query["per_page"])])
