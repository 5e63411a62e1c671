"""What somebody asks for from where he was told of an incident, once it is known to be genuine."""

import hmac
from collections.abc import Iterable
from typing import Literal

import msgspec

MAX_NAME = 100  # characters of a name
MAX_NOTE = 2_000
MAX_ID = 200
SKEW_S = 300  # that a clock may be ahead of ours

Via = Literal["pagerduty", "slack", "mail"]
Asked = Literal["ack", "unack", "resolve", "reopen", "assign", "note", "false_positive"]
Offered = Literal["ack", "resolve", "false_positive"]  # by buttons and links
Reason = Literal[
    "too_large",
    "wrong_type",  # of content
    "malformed",
    "unsigned",
    "wrong_key",  # signed by a key that is not known, or not any more
    "forged",
    "stale",  # too old, or ahead of the clock
    "stranger",  # another team's, or another app's
    "replayed",
]


class Callback(msgspec.Struct, frozen=True):
    """It was verified."""

    id: str  # the same for every delivery of it, and no other's
    via: Via
    name: str  # of who asks, as the provider says
    asked: Asked
    incidents: tuple[str, ...]  # ids; none: `place` knows
    at_ms: int  # when it was asked for, wall clock
    until_ms: int  # from then on a copy of it is stale
    note: str = ""
    assignee: str = ""
    place: str = ""  # what the provider calls its own incident
    reply_to: str = ""  # where who asked can be told more

    @property
    def actor(self) -> str:
        """Return whose act it is, and by which way it came."""
        return f"{self.name} (via {self.via})"


class Unmoved(msgspec.Struct, frozen=True):
    """It is genuine, and asks for nothing."""

    why: str  # in words


class Rejected(msgspec.Struct, frozen=True):
    """It does not count."""

    reason: Reason
    detail: str = ""  # in words, without secrets and without what a stranger has sent


Verdict = Callback | Unmoved | Rejected


def signed_by_any(given: Iterable[str], made: Iterable[str]) -> bool:
    """Return whether a signature is one of those that we make; takes the same time if not."""
    ours = [each.encode() for each in made]
    found = False
    for text in given:
        theirs = text.encode("utf-8", "replace")
        for each in ours:
            found |= hmac.compare_digest(theirs, each)
    return found


def is_fresh(at_ms: int, max_age_s: float, now_ms: int) -> bool:
    """Return whether a time is neither too long ago nor ahead of the clock."""
    return -SKEW_S * 1000 <= now_ms - at_ms <= max_age_s * 1000


def plain(text: str, most: int) -> str:
    r"""Return text as one line without control characters, cut short.

    >>> plain(" On\n\x1b[31m call ", 100)
    'On [31m call'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:most]


def media_type(content_type: str) -> str:
    """Return the type of a Content-Type header, without its parameters.

    >>> media_type("Application/JSON; charset=utf-8")
    'application/json'
    """
    return content_type.partition(";")[0].strip().lower()
