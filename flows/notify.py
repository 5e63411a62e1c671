"""Notification: reads the ordered log of incident events, decides, and delivers.

It runs apart from detection. A decision and the place in the log that it was made at are kept in
one transaction, so a crash loses and repeats nothing; see `docs/notification.md`.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing

from sqlalchemy.exc import DBAPIError

from config.app import App
from connectors.channels.email import EmailSettings
from connectors.channels.registry import open_channel
from connectors.health import HealthServer, HealthSettings
from connectors.incident_database import shown_url
from connectors.incident_store import IncidentStore, IncidentStorePart, SqlSink
from connectors.notify_meters import NotifyMeters
from connectors.outage import Patience
from connectors.outbox import Outbox
from connectors.plots_store import PlotsStore
from connectors.sole import Sole
from flows.copied_log import CopiedLog, topic_of
from flows.decider import Decider
from flows.delivery import Courier, Office
from flows.painter import Painter
from flows.rendering import renderer_of
from schema import Incident, Plot

_log = logging.getLogger(__name__)

POLL_S = 1.0  # how soon a new event is seen
MAX_WAIT_S = 30.0
Clock = Callable[[], int]  # ms


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

        def plots_of(incident: Incident) -> list[Plot]:
            return patience(lambda: plots.plots_of(incident))

        plots = opened.enter_context(closing(PlotsStore(sink.url)))
        mails = {
            name for name, each in settings.channels.items() if isinstance(each, EmailSettings)
        }
        draw = Painter(plots_of, mails)
        renderer = renderer_of(settings, find, draw, meters.template_failed)
        office = Office(outbox, renderer.render, settings.delivery, clock, meters, stop)
        couriers = {
            name: Courier(name, channel, settings.channels[name], office)
            for name, channel in channels.items()
        }
        decider = Decider(store, outbox, settings.policy(), patience=patience, meters=meters)

        log: CopiedLog | None = None
        if settings.log == "topic":
            part = IncidentStorePart(store, sink.retention_days, patience)
            log = opened.enter_context(closing(CopiedLog(topic_of(app), part, outbox)))

        def step(now_ms: int) -> None:
            patience(sole.check)
            if log is not None and not log.step() and not decider.has_begun:
                return  # it begins at the end of the log, which is not known yet
            decider.step(now_ms)
            if finish is not None and finish.is_set() and not any(map(outbox.waiting, channels)):
                stop.set()

        return Notification(step, couriers, clock, stop, opened.pop_all())


def _serve_metrics(port: int, health: HealthSettings, meters: NotifyMeters) -> Callable[[], None]:
    server = HealthServer(port, health, meters.registry, list)
    _log.info("counters of notification at http://localhost:%d/metrics", port)
    return server.close


def store_of(app: App) -> SqlSink:
    """Return the store that is notified from: the flow's, or notification's own beside a topic.

    Raises: ValueError if there is none.
    """
    if app.notify.store is not None:
        topic_of(app)
        return app.notify.store
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
