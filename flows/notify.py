"""Notification: reads the ordered log of incident events, decides, and delivers.

It runs apart from detection. A decision and the place in the log that it was made at are kept in
one transaction, so a crash loses and repeats nothing; see `docs/notification.md`.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing

import msgspec
from sqlalchemy.exc import DBAPIError

from config.app import App
from connectors.channels.registry import open_channel
from connectors.health import HealthServer, HealthSettings
from connectors.incident_database import shown_url
from connectors.incident_store import IncidentStore, SqlSink
from connectors.incident_wire import encode_transition
from connectors.notify_meters import NotifyMeters
from connectors.outage import IMPATIENT, Patience
from connectors.outbox import Outbox
from connectors.sole import Sole
from flows.delivery import Courier, Office
from flows.rendering import Renderer
from operators.allowance import Allowance
from operators.dispatch import Dispatch, DispatchState, Policy
from operators.watched import Watched
from schema import Incident, Notice
from schema.life import LIVE

_log = logging.getLogger(__name__)

POLL_S = 1.0  # how soon a new event is seen
MAX_WAIT_S = 30.0
BATCH = 500
_CURSOR, _LIMITS = "cursor", "limits"
Clock = Callable[[], int]  # ms


class _Limits(msgspec.Struct):
    allowances: dict[str, Allowance] = {}
    cooling: dict[str, int] = {}


class Decider:
    """Takes the log in and keeps what is to be told of it in the outbox."""

    def __init__(
        self,
        store: IncidentStore,
        outbox: Outbox,
        policy: Policy,
        *,
        patience: Patience = IMPATIENT,
        meters: NotifyMeters | None = None,
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._patience = patience
        self._meters = meters or NotifyMeters()
        kept = outbox.state()
        limits = msgspec.json.decode(kept.pop(_LIMITS, "{}"), type=_Limits)
        cursor = kept.pop(_CURSOR, None)
        watched = {name: msgspec.json.decode(body, type=Watched) for name, body in kept.items()}
        self._state = DispatchState(watched, limits.allowances, limits.cooling)
        self._dispatch = Dispatch(policy, self._state)
        self._first = cursor is None
        self._cursor = 0 if cursor is None else int(cursor)

    def step(self, now_ms: int) -> int | None:
        """Take all events that are there, then let time pass; return when it is due again."""
        if self._first:
            self._begin(now_ms)
        while events := self._patience(lambda: self._store.events_after(self._cursor, BATCH)):
            decided: list[tuple[Notice, str]] = []
            for event in events:
                body = encode_transition(event.transition).decode()
                said = self._dispatch.take(event.transition, now_ms)
                decided += [(notice, body) for notice in said]
            self._cursor = events[-1].sequence
            self._keep(decided)
        said = self._dispatch.pass_until(now_ms)
        if said or self._dispatch.changed:
            self._keep([(notice, self._body(notice)) for notice in said])
        self._meters.decided.set(now_ms / 1000)
        return self._dispatch.next_due_ms()

    def _begin(self, now_ms: int) -> None:
        """Start at the end of the log, with what is open: the past is not told."""
        self._cursor = self._patience(self._store.last_sequence)
        for transition in self._patience(lambda: self._store.newest_events(LIVE)):
            self._dispatch.take(transition, now_ms)
        self._first = False
        self._keep([])
        _log.info("notification begins with %d open incidents", len(self._state.watched))

    def _body(self, notice: Notice) -> str:
        watched = self._state.watched.get(notice.incident)
        return "" if watched is None else encode_transition(watched.said).decode()

    def _keep(self, decided: Sequence[tuple[Notice, str]]) -> None:
        """Write the decision, what it goes by, and where in the log it was made."""
        limits = _Limits(self._state.allowances, self._state.cooling)
        state: dict[str, str | None] = {
            _CURSOR: str(self._cursor),
            _LIMITS: msgspec.json.encode(limits).decode(),
        }
        for name in self._dispatch.changed:
            watched = self._state.watched.get(name)
            state[name] = None if watched is None else msgspec.json.encode(watched).decode()
        self._outbox.decide(state, decided)
        self._dispatch.changed.clear()
        for notice, _ in decided:
            if notice.held:
                self._meters.held.labels(notice.channel).inc()


def open_notification(
    app: App,
    clock: Clock,
    stop: threading.Event,
    *,
    finish: threading.Event | None = None,
    restarts: int = 0,
) -> "Notification":
    """Open the store, the outbox in it and every channel of the settings.

    It runs until `stop`, or until nothing is due once `finish` is set. `restarts` says how often
    whoever starts it had to do so again.
    Raises: ValueError where there is no store, no channel, or no secret of one; TakenError where
    another process notifies from the store; OSError where the port of its metrics is taken.
    """
    settings = app.notify
    sink = store_of(app)
    if not settings.channels:
        raise ValueError("notify.channels must name at least one, got none")
    meters = NotifyMeters()
    meters.starts.inc(restarts)
    patience = Patience(shown_url(sink.url), sink.wait_s, stop=stop, report=meters.store_up.set)
    with ExitStack() as opened:
        channels = {name: open_channel(each) for name, each in settings.channels.items()}
        for channel in channels.values():
            opened.callback(channel.close)
        store = IncidentStore(sink.url, create=True)
        opened.callback(store.close)
        sole = opened.enter_context(closing(Sole(sink.url)))
        outbox = opened.enter_context(closing(Outbox(sink.url, patience=patience)))
        if settings.metrics_port is not None:
            opened.callback(_serve_metrics(settings.metrics_port, app.health, meters))

        def find(incident: str) -> Incident | None:
            return patience(lambda: store.get_incident(incident))

        render = Renderer(settings.link, find).render
        office = Office(outbox, render, settings.delivery, clock, meters, stop)
        couriers = {
            name: Courier(name, channel, settings.channels[name], office)
            for name, channel in channels.items()
        }
        decider = Decider(store, outbox, settings.policy(), patience=patience, meters=meters)

        def step(now_ms: int) -> None:
            patience(sole.check)
            decider.step(now_ms)
            if finish is not None and finish.is_set() and not any(map(outbox.waiting, channels)):
                stop.set()

        return Notification(step, couriers, clock, stop, opened.pop_all())


def _serve_metrics(port: int, health: HealthSettings, meters: NotifyMeters) -> Callable[[], None]:
    server = HealthServer(port, health, meters.registry, list)
    _log.info("counters of notification at http://localhost:%d/metrics", port)
    return server.close


def store_of(app: App) -> SqlSink:
    """Return the settings' incident store; raise ValueError if they have none."""
    found = next((sink for sink in app.sinks if isinstance(sink, SqlSink)), None)
    if found is None:
        raise ValueError("sinks must have an incident store (type: sql), got none")
    return found


class Notification:
    """The decider and a courier a channel, each in a thread of its own: none waits for another."""

    def __init__(
        self,
        step: Callable[[int], object],
        couriers: Mapping[str, Courier],
        clock: Clock,
        stop: threading.Event,
        opened: ExitStack,
    ) -> None:
        self._step = step
        self._couriers = couriers
        self._clock = clock
        self._stop = stop
        self._opened = opened  # is closed at the end
        self._news = {name: threading.Event() for name in couriers}
        self._failed: list[BaseException] = []

    def run(self) -> None:
        """Run until asked to stop, then let each courier end what it is at, and close all.

        Raises: what one of the threads raised: a store that is gone for good.
        """
        threads = [
            threading.Thread(target=self._serve, args=(name,), name=f"channel-{name}")
            for name in self._couriers
        ]
        for thread in threads:
            thread.start()
        try:
            self._guard(self._decide)
        finally:
            self._stop.set()
            self._wake()
            for thread in threads:
                thread.join()
            self._opened.close()
        if self._failed:
            raise self._failed[0]

    def _decide(self) -> None:
        while not self._stop.is_set():
            self._step(self._clock())
            self._wake()
            self._stop.wait(POLL_S)

    def _serve(self, name: str) -> None:
        self._guard(lambda: self._deliver(name))

    def _deliver(self, name: str) -> None:
        news = self._news[name]
        while not self._stop.is_set():
            news.clear()
            due_ms = self._couriers[name].deliver()
            wait_s = MAX_WAIT_S if due_ms is None else (due_ms - self._clock()) / 1000
            if not self._stop.is_set():
                news.wait(min(max(wait_s, 0.0), MAX_WAIT_S))

    def _guard(self, work: Callable[[], None]) -> None:
        """Do it; what it raises ends all, and is told by `run`."""
        try:
            work()
        except BaseException as ex:  # noqa: BLE001  # raised again in the main thread
            if self._stop.is_set() and isinstance(ex, DBAPIError):
                _log.warning("the store is away: what is being sent may be sent again")
                return
            self._failed.append(ex)
            self._stop.set()
            self._wake()

    def _wake(self) -> None:
        for event in self._news.values():
            event.set()
