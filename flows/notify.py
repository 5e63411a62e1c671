"""Notification: reads the ordered log of incident events, decides, and delivers.

It runs apart from detection. A decision and the place in the log that it was made at are kept in
one transaction, so a crash loses and repeats nothing; see `docs/notification.md`.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence

import msgspec

from config.app import App
from connectors.channels.registry import open_channel
from connectors.incident_store import IncidentStore, SqlSink
from connectors.incident_wire import encode_transition
from connectors.outbox import Outbox
from flows.delivery import Courier
from flows.rendering import Renderer
from operators.allowance import Allowance
from operators.dispatch import Dispatch, DispatchState, Policy
from operators.watched import Watched
from schema import Notice
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

    def __init__(self, store: IncidentStore, outbox: Outbox, policy: Policy) -> None:
        self._store = store
        self._outbox = outbox
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
        while events := self._store.events_after(self._cursor, BATCH):
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
        return self._dispatch.next_due_ms()

    def _begin(self, now_ms: int) -> None:
        """Start at the end of the log, with what is open: the past is not told."""
        self._cursor = self._store.last_sequence()
        for transition in self._store.newest_events(LIVE):
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


def open_notification(app: App, clock: Clock) -> "Notification":
    """Open the store, the outbox in it and every channel of the settings.

    Raises: ValueError where there is no store, no channel, or no secret of one.
    """
    settings = app.notify
    url = store_of(app)
    if not settings.channels:
        raise ValueError("notify.channels must name at least one, got none")
    channels = {name: open_channel(channel) for name, channel in settings.channels.items()}
    outbox = Outbox(url, create=True)
    store = IncidentStore(url, create=True)
    render = Renderer(settings.link, store.get_incident).render
    couriers = {
        name: Courier(name, channel, settings.channels[name], outbox, render, settings.delivery)
        for name, channel in channels.items()
    }
    decider = Decider(store, outbox, settings.policy())
    return Notification(decider, couriers, clock)


def store_of(app: App) -> str:
    """Return the URL of the settings' incident store; raise ValueError if they have none."""
    url = next((sink.url for sink in app.sinks if isinstance(sink, SqlSink)), None)
    if url is None:
        raise ValueError("sinks must have an incident store (type: sql), got none")
    return url


class Notification:
    """The decider and a courier a channel, each in a thread of its own: none waits for another."""

    def __init__(self, decider: Decider, couriers: Mapping[str, Courier], clock: Clock) -> None:
        self._decider = decider
        self._couriers = couriers
        self._clock = clock
        self._news = {name: threading.Event() for name in couriers}
        self._failed: list[BaseException] = []

    def run(self, stop: threading.Event) -> None:
        """Run until asked to stop, then let each courier end what it is at.

        Raises: what one of the threads raised: a store that is gone for good.
        """
        threads = [
            threading.Thread(target=self._serve, args=(name, stop), name=f"channel-{name}")
            for name in self._couriers
        ]
        for thread in threads:
            thread.start()
        try:
            while not stop.is_set():
                self._decider.step(self._clock())
                for event in self._news.values():
                    event.set()
                stop.wait(POLL_S)
        finally:
            stop.set()
            for event in self._news.values():
                event.set()
            for thread in threads:
                thread.join()
        if self._failed:
            raise self._failed[0]

    def _serve(self, name: str, stop: threading.Event) -> None:
        news = self._news[name]
        try:
            while not stop.is_set():
                news.clear()
                now_ms = self._clock()
                due_ms = self._couriers[name].deliver(now_ms)
                wait_s = MAX_WAIT_S if due_ms is None else (due_ms - self._clock()) / 1000
                news.wait(min(max(wait_s, 0.0), MAX_WAIT_S))
        except BaseException as ex:  # noqa: BLE001  # told by `run`, in the main thread
            self._failed.append(ex)
            stop.set()
