"""What the screen asks: the same of a store that it reads by itself and of an API."""

from typing import Literal, Protocol

import msgspec

from schema import State
from schema.asks import ActionAsk, FeedbackAsk, SilenceAsk
from schema.desk import (
    Changes,
    IncidentDetail,
    IncidentPage,
    Me,
    ModelsPage,
    QueuePage,
    RequestView,
    SeverityName,
    SilencePage,
    SilenceView,
)
from schema.plots import HeatMap, LiveState

Sort = Literal["-opened", "opened", "-severity"]
GOING_ON: tuple[State, ...] = ("open", "acknowledged")


class Away(Exception):
    """It cannot be reached, or cannot answer now. The message says why; it may come back."""


class Missed(Exception):
    """More has changed than can be told: everything is to be read again."""


class Refused(Exception):
    """It will not do that, or there is no such thing. The message says why."""


class Wanted(msgspec.Struct, frozen=True):
    """Which incidents, in which order. As it is by default, those that go on."""

    states: tuple[State, ...] = GOING_ON  # none: all
    least: SeverityName = "LOW"
    cloud: str = ""
    account: str = ""
    region: str = ""
    service: str = ""
    assignee: str = ""
    words: str = ""  # of the title, or parts of names; or an id, or how it begins
    sort: Sort = "-opened"


class Backend(Protocol):
    """One method a question. They block, and are called from threads other than the screen's.

    All raise Away; those that ask for something, or about one thing, Refused too.
    """

    @property
    def place(self) -> str:
        """What is looked at, without secrets."""
        ...

    def me(self) -> Me:
        """Return who is asking, and what they may do."""
        ...

    def incidents(self, wanted: Wanted, cursor: str | None, limit: int) -> IncidentPage:
        """Return a page of incidents."""
        ...

    def incident(self, incident_id: str) -> IncidentDetail:
        """Return one with all that is known of it."""
        ...

    def queue(self, limit: int) -> QueuePage:
        """Return what to do next."""
        ...

    def silences(self) -> SilencePage:
        """Return silences as they stand."""
        ...

    def models(self) -> ModelsPage:
        """Return how detection stands in each service."""
        ...

    def live(self) -> LiveState:
        """Return how the estate stands."""
        ...

    def heat(self, from_ms: int, to_ms: int) -> HeatMap:
        """Return how odd resources were."""
        ...

    def changes(self, after: int | None) -> Changes:
        """Return what has come since a sequence; of None, nothing but where the log ends.

        Raises: Missed.
        """
        ...

    def request(self, request_id: str) -> RequestView:
        """Return what has come of something that was asked for."""
        ...

    def act(self, incident_id: str, asked: ActionAsk) -> RequestView:
        """Ask for an act."""
        ...

    def feedback(self, incident_id: str, asked: FeedbackAsk) -> RequestView:
        """Say what an incident was."""
        ...

    def silence(self, asked: SilenceAsk) -> SilenceView:
        """Keep something quiet."""
        ...

    def end_silence(self, silence_id: str) -> SilenceView:
        """End a silence before its time."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...
