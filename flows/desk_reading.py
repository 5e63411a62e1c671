"""The read side that API, page and terminal share: everything that is looked at and not changed.

Reads the incident store, the control log, the registry of models and the map, as the settings name
them. Every method may be called from any thread, and raises `StoreAway` while the store is away.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from config.app import App
from config.notify import NotifySettings
from connectors.control_log import FileControlLog
from connectors.incident_query import IncidentFilter
from connectors.incident_view import Place, Sort, place_of
from connectors.outbox_view import OutboxFilter
from connectors.source import wall_clock
from flows.acting import NotFound
from flows.answers import Answer, id_of
from flows.assemble import topology_of
from flows.control import is_live
from flows.desk_commands import Commands, request_of, requests_of
from flows.desk_detail import detail
from flows.desk_models import models_page
from flows.desk_queue import OLD_MS, LiveIncidents, queue_page
from flows.desk_review import Reviewing, Span
from flows.desk_silences import shown_silences
from flows.desk_stores import DeskStores
from flows.desk_topology import HOPS, MOST_NODES, around
from flows.run import with_control_log
from flows.running import RunningFlow, flow_by_log, flow_of, store_of
from flows.silences import Known, known_silences
from operators.deadlines import SlaSettings
from operators.topology import NO_MAP, Topology
from schema import HeatMap, LiveState, TopologyChange, TopologyMap, TriageCommand
from schema.desk import (
    Changes,
    IncidentDetail,
    IncidentFull,
    IncidentPage,
    ModelsPage,
    NotificationPage,
    QueuePage,
    RequestPage,
    RequestView,
    SilencePage,
    TopologyView,
)
from schema.review_view import ReviewView

ID_PREFIX = "inc-"
MOST_SUSPECTS = 5  # around which the map is shown
TOPOLOGY_S = 60.0  # how long a map that was read counts as the one that there is
Clock = Callable[[], datetime]


class Reading:
    """The read side over one store, and over one flow where its settings or its log are known.

    Raises: ValueError for a URL that is none of a store.
    """

    def __init__(
        self,
        store: str | None = None,
        app: App | None = None,
        *,
        control: Path | None = None,
        clock: Clock = wall_clock,
    ) -> None:
        self.stores = DeskStores(store or store_of(app))
        self._app = app
        self._control = control
        self._clock = clock
        self._live = LiveIncidents()
        targets = (SlaSettings() if app is None else app.triage.sla).targets
        self._reviewing = Reviewing(targets)
        self._lock = threading.Lock()
        self._flow: RunningFlow | None = None
        self._commands: Commands | None = None
        self._map: tuple[float, TopologyMap] | None = None

    # ------------------------------------------------------------------ reading

    def incidents(
        self,
        wanted: IncidentFilter,
        sort: Sort = "-opened",
        cursor: str | None = None,
        limit: int = 50,
    ) -> IncidentPage:
        """Return a page. A title that is an incident's id, or begins one, finds it by that.

        Raises: ValueError for a cursor that is none.
        """
        after = None if cursor is None else Place.of(cursor)
        with self.stores.open() as stores:
            if wanted.title.startswith(ID_PREFIX):
                found = stores.views.rows(stores.views.find_ids(wanted.title, limit))
                return IncidentPage(incidents=tuple(found), next=None, now_ms=self.now_ms())
            found = stores.views.page(wanted, sort, limit + 1, after)
        more = len(found) > limit
        return IncidentPage(
            incidents=tuple(found[:limit]),
            next=str(place_of(found[limit - 1])) if more else None,
            now_ms=self.now_ms(),
        )

    def incident(self, incident_id: str) -> IncidentDetail:
        """Return one incident with all that is known of it. Raises: NotFound."""
        known = self._known_silences()
        now_ms = self.now_ms()
        with self.stores.open() as stores:
            full = stores.views.full(incident_id)
            if full is None:
                raise NotFound(f"there is no incident {incident_id}")
            return detail(stores, full, known, self._around(full), now_ms)

    def queue(self, limit: int = 50) -> QueuePage:
        """Return what to do next."""
        now_ms = self.now_ms()
        with self.stores.open() as stores:
            tasks = self._live.tasks(stores.views, self.stores.generation, now_ms)
        return queue_page(tasks, limit, now_ms)

    def silences(self) -> SilencePage:
        """Return silences as they stand now."""
        now_ms = self._clock_ms()
        return SilencePage(silences=shown_silences(self._known_silences(), now_ms), now_ms=now_ms)

    def topology(
        self, names: tuple[str, ...] = (), hops: int = HOPS, most: int = MOST_NODES
    ) -> TopologyView:
        """Return the map around nodes, or without names all of it, as far as it is known."""
        return around(self._topology(), names, hops, most)

    def models(self) -> ModelsPage:
        """Return versions, quality and drift of each service."""
        with self.stores.open():
            return models_page(self.stores.url, None if self._app is None else self._app.models)

    def live(self) -> LiveState:
        """Return how the estate stands, as the flow last said."""
        with self.stores.open() as stores:
            return stores.estate.live()

    def heat(self, from_ms: int | None = None, to_ms: int | None = None) -> HeatMap:
        """Return how odd resources were; without times, in the last day that is known.

        Raises: ValueError if it ends before it begins.
        """
        with self.stores.open() as stores:
            return stores.estate.heat(from_ms, to_ms)

    def review(
        self, from_ms: int | None = None, to_ms: int | None = None, days: int = 7
    ) -> ReviewView:
        """Return what the review found, and what comes next; without times, of the last days.

        Raises: ValueError if it ends before it begins.
        """
        now_ms = self.now_ms()
        with self.stores.open() as stores:
            asked = Span(from_ms, to_ms, days)
            return self._reviewing.view(stores.review, self.stores.generation, asked, now_ms)

    def requests(self, limit: int = 50) -> RequestPage:
        """Return what the flow was told, the newest first, and what has come of it."""
        commands = self.told()[::-1][:limit]
        with self.stores.open() as stores:
            return RequestPage(requests=requests_of(commands, stores.answers))

    def request(self, request_id: str) -> RequestView:
        """Return one thing that was asked, and what has come of it. Raises: NotFound."""
        with self.stores.open() as stores:
            kept = stores.requests.request(request_id)
            if kept is not None:
                answer = Answer(kept.status, kept.answer, kept.answered_ms)
                if answer.status == "requested":
                    (answer,) = stores.answers.of([kept.act])
                return request_of(kept.act, answer, kept.requested_ms)
            found = [each for each in self.told() if id_of(each) == request_id]
            if not found:
                raise NotFound(f"there is no request {request_id}")
            return requests_of(found[-1:], stores.answers)[0]

    def answered(self, commands: Sequence[TriageCommand]) -> tuple[RequestView, ...]:
        """Return what has come of commands."""
        if not commands:
            return ()
        with self.stores.open() as stores:
            return requests_of(commands, stores.answers)

    def notifications(
        self, wanted: OutboxFilter, cursor: str | None = None, limit: int = 50
    ) -> NotificationPage:
        """Return who was told what, the newest first. Raises: ValueError for a bad cursor."""
        if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise ValueError(f"cursor must be one that a page ended with, got {cursor!r}")
        with self.stores.open() as stores:
            found = stores.sent.page(wanted, limit + 1, None if cursor is None else int(cursor))
            counts = stores.sent.counts()
        more = len(found) > limit
        return NotificationPage(
            notifications=tuple(view for _, view in found[:limit]),
            next=str(found[limit - 1][0]) if more else None,
            counts=counts,
        )

    def changes(self, after: int | None, limit: int = 500) -> Changes:
        """Return the events after a sequence; of None, nothing but where the log ends."""
        with self.stores.open() as stores:
            if after is None:
                return Changes(sequence=stores.views.last_sequence(), changes=())
            found = stores.views.changes(after, limit)
        return Changes(sequence=found[-1].sequence if found else after, changes=tuple(found))

    def now_ms(self) -> int:
        """Return the time to judge by: now, or of a store whose newest event is old, its time."""
        now_ms = self._clock_ms()
        with self.stores.open() as stores:
            last_ms = stores.views.last_ts_ms()
        return last_ms if last_ms is not None and now_ms - last_ms > OLD_MS else now_ms

    @property
    def can_act(self) -> bool:
        """Whether a control log is known by which a flow can be told."""
        return self._control is not None or (
            self._app is not None and (self._app.control_log is not None or is_live(self._app))
        )

    @property
    def notify(self) -> NotifySettings | None:
        """The settings of notification, where there are settings."""
        return None if self._app is None else self._app.notify

    def close(self) -> None:
        """Let go of store and log."""
        self.stores.close()
        if self._commands is not None:
            self._commands.close()

    def _clock_ms(self) -> int:
        return round(self._clock().timestamp() * 1000)

    def _known_flow(self) -> RunningFlow | None:
        """Return the flow that can be told something; it is opened when first asked for."""
        with self._lock:
            if self._flow is None and self.can_act:
                log = None if self._control is None else FileControlLog(self._control)
                if self._app is None and self._control is not None:
                    self._flow = flow_by_log(self._control, self.stores.url)
                elif self._app is not None:
                    self._flow = flow_of(with_control_log(self._app), self.stores.url, log)
                if self._flow is not None:
                    self._commands = Commands(self._flow.log)
            return self._flow

    def told(self) -> list[TriageCommand]:
        """Return what the flow was told, oldest first; nothing where no log is known."""
        self._known_flow()
        return [] if self._commands is None else self._commands.all()

    def _known_silences(self) -> list[Known]:
        fixed = () if self._app is None else self._app.triage.silences
        return known_silences(self.told(), fixed)

    def _topology(self) -> Topology:
        """Return the map of the settings with what people have changed of it."""
        known = NO_MAP
        if self._app is not None and self._app.topology is not None:
            with self._lock:
                if self._map is None or time.monotonic() > self._map[0]:
                    self._map = time.monotonic() + TOPOLOGY_S, topology_of(self._app)
                known = self._map[1]
        topology = Topology(known)
        for command in self.told():
            if isinstance(command, TopologyChange):
                topology.change(command)
        return topology

    def _around(self, incident: IncidentFull) -> TopologyView | None:
        """Return the map around an incident's suspects, None where it knows none of them."""
        topology = self._topology()
        if topology.is_empty:
            return None
        suspects = [each.resource for each in incident.suspects[:MOST_SUSPECTS]]
        suspects += [each.resource for each in incident.members[: MOST_SUSPECTS - len(suspects)]]
        names = [n for r in suspects for n in (r.key, r.uid, r.name) if n and topology.knows(n)]
        return around(topology, names) if names else None
