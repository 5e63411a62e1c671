"""What systems of tickets on loopback have in common: they keep tickets, and check requests."""

import base64
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tests.connectors.channels.provider import Asked, Json, Reply

KEY = "k" * 32
USER = "bot@example.org"
TEXT: Json = {"type": "string", "minLength": 1}


class Ticket:
    """What is kept of one."""

    def __init__(self, name: str, values: Json) -> None:
        self.name = name
        self.values = values
        self.state = "open"
        self.comments: list[Any] = []


class Tracker:
    """Tickets by name; `rule` serves the API of one of the three."""

    def __init__(self) -> None:
        self.tickets: dict[str, Ticket] = {}

    def rule(self, asked: Asked) -> Reply:
        """Answer as the API does."""
        return self.refused(asked) or self.answer(asked)

    def refused(self, asked: Asked) -> Reply | None:
        """Return the answer to who may not ask at all."""
        raise NotImplementedError

    def answer(self, asked: Asked) -> Reply:
        """Answer who may."""
        raise NotImplementedError

    def new(self, name: str, values: Json) -> Ticket:
        return self.tickets.setdefault(name, Ticket(name, values))


def reply(status: int, body: object) -> Reply:
    return Reply(status, msgspec.json.encode(body))


def basic(user: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{KEY}".encode()).decode()


def query_of(asked: Asked) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(asked.path).query, strict_parsing=True))
