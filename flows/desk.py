"""The desk: what API, page and terminal read, and how they tell a running flow."""

from collections.abc import Callable
from pathlib import Path

from connectors.feedback_store import Word
from connectors.model_files import ModelRefused
from connectors.model_registry import Registry
from flows.acting import NotFound, NotLegal, act, as_it_is_now
from flows.answers import Answer
from flows.desk_commands import request_of
from flows.desk_reading import Reading
from flows.desk_silences import end_of, silence_of, view_of
from flows.feedback import counts_from_ms, say
from flows.promotion import Promoter
from flows.running import RunningFlow
from flows.silences import Known
from operators.ingest import IngestSettings
from schema import Promotion
from schema.asks import ActionAsk, FeedbackAsk, PromoteAsk, RollbackAsk, SilenceAsk
from schema.desk import Promoted, RequestView, SilenceView


class Stale(ValueError):
    """The incident has changed since whoever asks has looked at it."""


class NobodyListens(ValueError):
    """No control log, or no registry, is known by which a flow could be told."""


class Desk(Reading):
    """The read side over one store, and over one flow where its settings or its log are known."""

    def act(
        self, incident_id: str, asked: ActionAsk, actor: str, revision: int | None = None
    ) -> RequestView:
        """Ask for an act. Raises: NotFound, NotLegal, Stale, NobodyListens."""
        flow = self.told_flow()
        with self.stores.open() as stores:
            incident = as_it_is_now(stores.incidents, incident_id)
            if revision is not None and incident.revision != revision:
                raise Stale(
                    f"{incident.id} is at revision {incident.revision} by now, not {revision}"
                )
            told = act(flow, stores.incidents, incident_id, asked, actor, self._clock())
        return request_of(told, Answer(), self._clock_ms())

    def feedback(self, incident_id: str, asked: FeedbackAsk, actor: str) -> RequestView:
        """Say what an incident was. Raises: NotFound, NobodyListens; NotLegal if it was said."""
        flow, now = self.told_flow(), self._clock()
        with self.stores.open() as stores:
            incident = stores.incidents.get_incident(incident_id)
            if incident is None:
                raise NotFound(f"there is no incident {incident_id}")
            word = Word(incident.id, asked.verdict, actor, asked.note, self._clock_ms())
            from_ms = counts_from_ms(incident, flow.tick_s, now, live=flow.live)
            said = say(flow.log, stores.feedback, incident, word, from_ms, now)
        if said.command is None:
            raise NotLegal(f"that was said of {incident_id} before; nothing is changed")
        return request_of(said.command, Answer(), self._clock_ms())

    def silence(self, asked: SilenceAsk, actor: str) -> SilenceView:
        """Keep something quiet. Raises: ValueError, NobodyListens."""
        flow = self.told_flow()
        silence = silence_of(asked, flow, actor, self._clock())
        flow.log.append(silence)
        return view_of(Known(silence, "log"), self._clock_ms())

    def end_silence(self, silence_id: str, actor: str, reason: str = "") -> SilenceView:
        """End a silence before its time. Raises: NotFound, NotLegal, NobodyListens."""
        flow = self.told_flow()
        known = next((k for k in self._known_silences() if k.silence.id == silence_id), None)
        if known is None:
            raise NotFound(f"there is no silence {silence_id}")
        if known.origin == "settings":
            raise NotLegal(f"{silence_id} is in the settings: take it out there")
        end = end_of(known.silence, flow, actor, reason, self._clock())
        if end is None:
            raise NotLegal(f"{silence_id} has ended, or ends by then anyway")
        flow.log.append(end)
        after = next(k for k in self._known_silences() if k.silence.id == silence_id)
        return view_of(after, self._clock_ms())

    def promote(self, service: str, asked: PromoteAsk, actor: str) -> Promoted:
        """Make a version active. Raises: NotFound, NotLegal, NobodyListens."""
        registry, promoter = self._promoter()
        entries = registry.list()
        if not any(each.service == service and each.version == asked.version for each in entries):
            raise NotFound(f"{service} has no version {asked.version}")
        reason = f"by {actor}" + (f": {asked.reason}" if asked.reason else "")
        return self._promoted(
            lambda: promoter.promote(service, asked.version, asked.effective_ms, reason)
        )

    def roll_back(self, service: str, asked: RollbackAsk, actor: str) -> Promoted:
        """Make the version active that served before. Raises: as `promote`."""
        registry, promoter = self._promoter()
        if not any(each.service == service for each in registry.list()):
            raise NotFound(f"there is no service {service}")
        return self._promoted(lambda: promoter.roll_back(service, asked.effective_ms))

    def told_flow(self) -> RunningFlow:
        """Return the flow that can be told something. Raises: NobodyListens."""
        flow = self._known_flow()
        if flow is None:
            raise NobodyListens(
                "no flow can be told: settings with a control log (-c FILE), or the log itself "
                "(--control LOG), must be given"
            )
        return flow

    def _promoter(self) -> tuple[Registry, Promoter]:
        folder = None if self._app is None else self._app.models
        if folder is None or not Path(folder).is_dir():
            raise NobodyListens("no registry of models is known: models must be set in -c FILE")
        registry, flow = Registry(Path(folder)), self._known_flow()
        tick_s = IngestSettings().tick_s if flow is None else flow.tick_s
        log = None if flow is None else flow.log
        return registry, Promoter(registry, log, tick_s, self._clock)

    def _promoted(self, work: Callable[[], Promotion]) -> Promoted:
        try:
            done = work()
        except (ValueError, ModelRefused) as ex:
            raise NotLegal(str(ex)) from ex
        return Promoted(
            service=done.service,
            version=done.version,
            effective_ms=done.effective_ms,
            reason=done.reason,
            told=self._known_flow() is not None,
        )
