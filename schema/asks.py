"""What people ask for through API and screens; checked where it comes in."""

from typing import Literal

import msgspec

from schema.commands import Action

MAX_WORDS = 2_000  # characters of a note or a reason
MAX_NAME = 200
MAX_LISTED = 100


class ActionAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Do something to an incident."""

    action: Action
    note: str = ""
    assignee: str = ""  # of "assign"; "": nobody
    others: tuple[str, ...] = ()  # "merge": ids of incidents; "split": names of resources

    def __post_init__(self) -> None:
        check_words("note", self.note)
        check_words("assignee", self.assignee, MAX_NAME)
        _names("others", self.others)
        if self.action == "note" and not self.note.strip():
            raise ValueError("note must say something, got nothing")
        if self.action in ("merge", "split") and not self.others:
            raise ValueError(f"others must name what to {self.action}, got nothing")
        if self.action not in ("merge", "split") and self.others:
            raise ValueError(f"others must come with merge or split, got {self.action!r}")
        if self.action != "assign" and self.assignee:
            raise ValueError(f"assignee must come with assign, got {self.action!r}")


class FeedbackAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say what an incident was."""

    verdict: Literal["false_positive", "real"]
    note: str = ""

    def __post_init__(self) -> None:
        check_words("note", self.note)


class SilenceAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Keep something quiet: from `starts_ms` (else now) until `ends_ms`, or for `for_s`."""

    matchers: tuple[str, ...]  # as in 'resource=~"db-.*"'; all must hold
    purpose: Literal["silence", "maintenance"] = "silence"
    starts_ms: int | None = None
    ends_ms: int | None = None
    for_s: float | None = None
    every: str = ""  # "day", "weekday", "weekend" or days as in "mon,tue"; "": once
    from_: str = msgspec.field(name="from", default="00:00")
    to: str = "24:00"
    zone: str = "UTC"
    reason: str = ""
    everything: bool = False  # must be said where it matches whatever there is

    def __post_init__(self) -> None:
        check_words("reason", self.reason)
        _names("matchers", self.matchers)
        if self.for_s is not None and self.ends_ms is not None:
            raise ValueError("for_s and ends_ms must not come together")
        if self.for_s is None and self.ends_ms is None and not self.every:
            raise ValueError("one of for_s, ends_ms and every must say how long")
        if self.for_s is not None and not 0 < self.for_s <= 316_224_000:
            raise ValueError(f"for_s must be in (0, 316224000] s, got {self.for_s!r}")
        if not self.every and (self.from_, self.to, self.zone) != ("00:00", "24:00", "UTC"):
            raise ValueError("from, to and zone must come with every")


class PromoteAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Make a version of a service's model active."""

    version: str
    effective_ms: int | None = None  # None: as soon as live flows can all hear of it in time
    reason: str = ""

    def __post_init__(self) -> None:
        check_words("version", self.version, MAX_NAME)
        check_words("reason", self.reason)


class RollbackAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Make the version active that served before."""

    effective_ms: int | None = None


def check_words(name: str, text: str, most: int = MAX_WORDS) -> None:
    """Raise ValueError for a text that is too long."""
    if len(text) > most:
        raise ValueError(f"{name} must be at most {most} characters, got {len(text):,}")


def _names(name: str, given: tuple[str, ...]) -> None:
    if len(given) > MAX_LISTED:
        raise ValueError(f"{name} must be at most {MAX_LISTED}, got {len(given):,}")
    for each in given:
        check_words(name, each, MAX_WORDS)
