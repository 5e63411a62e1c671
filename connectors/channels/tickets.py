"""Tickets: one an incident, opened once, told of what is new, and closed with it.

A ticket carries the key of its incident, and is looked for by that before one is opened: a crash
between opening it and remembering so opens no second one.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

import msgspec

from connectors.channels.channel import Later, Message, Outcome, Sent
from connectors.channels.http import MAX_ANSWER, HttpCaller

T = TypeVar("T")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.-]{1,80}")


class NotTaken(Exception):
    """The tracker has not done what it was asked to; `outcome` says whether to ask again."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(str(outcome))
        self.outcome = outcome


class Tracker(Protocol):
    """What a system of tickets can do. All but `shut` raise NotTaken."""

    def find(self, key: str) -> str:
        """Return the ticket of a key, "" if there is none."""
        ...

    def open(self, key: str, message: Message) -> str:
        """Open a ticket that carries the key; return what it is called."""
        ...

    def tell(self, ticket: str, message: Message, *, again: bool) -> None:
        """Add a comment; `again`: the incident has come back, so what was closed is open."""
        ...

    def end(self, ticket: str, message: Message) -> None:
        """Close a ticket and say why. Asked to do so again it does it no harm."""
        ...

    def shut(self) -> None:
        """Close connections."""
        ...


class TicketChannel:
    """A channel over a system of tickets. Its receipts are the names of tickets."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def send(self, message: Message) -> Outcome:
        """Open the ticket of the message, or say there what is new."""
        try:
            return Sent(self._sent(message))
        except NotTaken as ex:
            return ex.outcome

    def close(self) -> None:
        """Close connections."""
        self._tracker.shut()

    def _sent(self, message: Message) -> str:
        tracker, kind = self._tracker, message.notice.kind
        ticket = message.receipt or tracker.find(key_of(message))
        if not ticket and kind == "resolve":
            return ""  # nobody was told
        if not ticket:
            ticket = tracker.open(key_of(message), message)
        elif kind != "resolve" and (message.receipt or kind != "trigger"):
            # a trigger without a receipt is what an attempt said that is not known of
            tracker.tell(ticket, message, again=_comes_back(message))
        if kind in ("resolve", "test"):
            tracker.end(ticket, message)
        return ticket


class JsonApi:
    """An API of JSON over HTTP, where all but success ends the matter."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        allow_private: bool,
        max_answer: int = MAX_ANSWER,
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Accept": "application/json", **headers}
        self._http = HttpCaller(allow_private=allow_private, max_answer=max_answer)

    def ask(
        self,
        method: str,
        path: str,
        into: type[T],
        body: object = None,
        *,
        judge: Callable[[Outcome], Outcome] = lambda outcome: outcome,
    ) -> T:
        """Return the answer. Raises: NotTaken; `judge` may know better what an error means."""
        headers, content = self._headers, b""
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
            content = msgspec.json.encode(body)
        answer = self._http.call(method, self._url + path, content, headers)
        if not isinstance(answer.outcome, Sent):
            raise NotTaken(judge(answer.outcome))
        try:
            return msgspec.json.decode(answer.body or b"null", type=into)
        except msgspec.DecodeError:
            raise NotTaken(Later(f"{method}: the answer is not as documented")) from None

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def key_of(message: Message) -> str:
    """Return what a ticket is looked for by: letters, digits, ".", "_" and "-"."""
    name = message.dedup_key
    if not _PLAIN_KEY.fullmatch(name):
        name = hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
    return f"foreshock-{name}"


def title_of(message: Message, chars: int) -> str:
    """Return the title in one line of at most so many characters."""
    return " ".join(message.title.split())[:chars]


def _comes_back(message: Message) -> bool:
    """Tell whether it is news that it is open: no repeat, and no step of an escalation."""
    return message.notice.kind == "trigger" and message.notice.cause.startswith("transition:")
