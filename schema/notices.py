"""What people are to be told of incidents: one message to one channel, and why."""

from typing import Literal

import msgspec

Kind = Literal["trigger", "update", "acknowledge", "resolve", "digest", "test"]


class Notice(msgspec.Struct, frozen=True):
    """A message that is due, or one that was kept from people."""

    incident: str  # its id; "" for a digest
    revision: int  # of the incident as it is told
    channel: str
    kind: Kind
    cause: str  # "transition:3", "repeat:2", "escalation:0:1", "digest:5"
    decided_ms: int  # wall clock
    reason: str  # in words: what happened, by which route, and which rule held it back
    held: bool = False
    about: tuple[str, ...] = ()  # of a digest: the incidents that were held back

    @property
    def id(self) -> str:
        """Unique: one decision is one row of the outbox, however often it is made."""
        verb = "held." if self.held else ""
        return f"{verb}{self.incident or 'digest'}.{self.cause}@{self.channel}"


class ChannelOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all channels of the YAML mapping `notify.channels` have in common."""

    send_resolved: bool = True
    updates: Literal["all", "severity", "none"] = "severity"  # what is told after the first message
    rate_messages: int = 30  # at most so many in `rate_per_s`; the rest comes as one digest
    rate_per_s: float = 300.0
    fallback: str = ""  # the channel that hears of what could not be delivered here

    def __post_init__(self) -> None:
        if self.rate_messages < 1:
            raise ValueError(f"rate_messages must be at least 1, got {self.rate_messages!r}")
        if not 0 < self.rate_per_s <= 86_400:
            raise ValueError(f"rate_per_s must be in (0, 86400] s, got {self.rate_per_s!r}")
