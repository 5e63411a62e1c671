"""What a notifier is, what it is given, and what it answers."""

from typing import Protocol

import msgspec

from schema import Incident, Notice, Transition

PICTURE = "cid:plot@foreshock.invalid"  # the address of a message's picture in its HTML


class Picture(msgspec.Struct, frozen=True):
    """What a message shows beside its words."""

    png: bytes
    alt: str  # the same in words, for those who do not see it


class Message(msgspec.Struct, frozen=True):
    """One thing to be said in one place, rendered."""

    notice: Notice
    transition: Transition | None  # what is told; None: a digest or a test
    title: str  # one line
    text: str  # plain
    html: str = ""  # where the channel's templates have any
    link: str = ""  # to the incident's page; "": there is none
    receipt: str = ""  # what the channel called its message of the same incident before
    actions: tuple[tuple[str, str], ...] = ()  # what people may do about it: label, and link
    buttons: tuple[tuple[str, str], ...] = ()  # the same where it needs no link: label, and act
    picture: Picture | None = None  # in `html` as the image PICTURE

    @property
    def dedup_key(self) -> str:
        """The same for all messages of an incident: the provider keeps them together."""
        return self.notice.incident or self.notice.id

    @property
    def incident(self) -> Incident | None:
        """Return the incident as it is told."""
        return None if self.transition is None else self.transition.incident

    def links(self) -> list[tuple[str, str]]:
        """Return label and address of what it leads to."""
        return [("Open", self.link)] * bool(self.link) + list(self.actions)

    def words(self) -> list[str]:
        """Return the lines of the text but those that hold a link alone: for where it is shown."""
        links = {self.link} | {f"{label}: {link}" for label, link in self.actions}
        return [line for line in self.text.splitlines() if line.strip() and line not in links]


class Sent(msgspec.Struct, frozen=True):
    """The provider has taken it."""

    receipt: str = ""  # what it calls the message, where that is needed to change it


class Later(msgspec.Struct, frozen=True):
    """Not now: time-out, cut connection, 429, 5xx."""

    error: str  # one line, without secrets
    after_s: float | None = None  # the provider's Retry-After
    maybe: bool = False  # it may have been taken all the same


class Refused(msgspec.Struct, frozen=True):
    """Never: it will be refused however often it is sent."""

    error: str  # one line, without secrets


Outcome = Sent | Later | Refused


class Channel(Protocol):
    """An open notifier; used by one thread."""

    def send(self, message: Message) -> Outcome:
        """Deliver, or say why not. It may be called again with the same message."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
