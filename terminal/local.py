"""A store that is read here, and a flow that is told by its control log."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from connectors.incident_query import IncidentFilter
from connectors.kafka_client import KafkaUnavailableError
from flows.acting import NotFound, NotLegal
from flows.desk import Desk, NobodyListens, Stale
from flows.desk_stores import StoreAway
from schema import Severity
from schema.asks import ActionAsk, FeedbackAsk, SilenceAsk
from schema.desk import (
    Changes,
    IncidentDetail,
    IncidentPage,
    Me,
    ModelsPage,
    QueuePage,
    RequestView,
    SilencePage,
    SilenceView,
)
from schema.plots import HeatMap, LiveState
from terminal.backend import Away, Refused, Wanted

P = ParamSpec("P")
X = TypeVar("X")


class LocalBackend:
    """A desk of our own."""

    def __init__(self, desk: Desk, actor: str) -> None:
        self._desk = desk
        self._actor = actor

    @property
    def place(self) -> str:
        """What is looked at, without secrets."""
        return self._desk.stores.place

    def me(self) -> Me:
        """Return who is asking, and what they may do."""
        return Me(name=self._actor, role="admin", auth="off", can_act=self._desk.can_act)

    def incidents(self, wanted: Wanted, cursor: str | None, limit: int) -> IncidentPage:
        """Return a page of incidents."""
        wants = IncidentFilter(
            states=wanted.states,
            least=Severity[wanted.least],
            cloud=wanted.cloud,
            account=wanted.account,
            region=wanted.region,
            service=wanted.service,
            title=wanted.words,
            assignee=wanted.assignee,
        )
        return _asked(self._desk.incidents, wants, wanted.sort, cursor, limit)

    def incident(self, incident_id: str) -> IncidentDetail:
        """Return one with all that is known of it."""
        return _asked(self._desk.incident, incident_id)

    def queue(self, limit: int) -> QueuePage:
        """Return what to do next."""
        return _asked(self._desk.queue, limit)

    def silences(self) -> SilencePage:
        """Return silences as they stand."""
        return _asked(self._desk.silences)

    def models(self) -> ModelsPage:
        """Return how detection stands in each service."""
        return _asked(self._desk.models)

    def live(self) -> LiveState:
        """Return how the estate stands."""
        return _asked(self._desk.live)

    def heat(self, from_ms: int, to_ms: int) -> HeatMap:
        """Return how odd resources were."""
        return _asked(self._desk.heat, from_ms, to_ms)

    def changes(self, after: int | None) -> Changes:
        """Return what has come since a sequence."""
        return _asked(self._desk.changes, after)

    def request(self, request_id: str) -> RequestView:
        """Return what has come of something that was asked for."""
        return _asked(self._desk.request, request_id)

    def act(self, incident_id: str, asked: ActionAsk) -> RequestView:
        """Ask for an act."""
        return _asked(self._desk.act, incident_id, asked, self._actor)

    def feedback(self, incident_id: str, asked: FeedbackAsk) -> RequestView:
        """Say what an incident was."""
        found = _asked(self._desk.feedback, incident_id, asked, self._actor)
        if found is None:
            raise Refused(f"that was said of {incident_id} before; nothing is changed")
        return found

    def silence(self, asked: SilenceAsk) -> SilenceView:
        """Keep something quiet."""
        return _asked(self._desk.silence, asked, self._actor)

    def end_silence(self, silence_id: str) -> SilenceView:
        """End a silence before its time."""
        return _asked(self._desk.end_silence, silence_id, self._actor)

    def close(self) -> None:
        """Let go of the store."""
        self._desk.close()


def _asked(question: Callable[P, X], *args: P.args, **kwargs: P.kwargs) -> X:
    """Return the answer, or raise what it comes to for who looks at it."""
    try:
        return question(*args, **kwargs)
    except (NotFound, NotLegal, NobodyListens, Stale) as ex:
        raise Refused(str(ex)) from ex
    except (StoreAway, SQLAlchemyError, KafkaUnavailableError, OSError) as ex:
        raise Away(" ".join(str(ex).split())) from ex
