"""Decides on the log of incident events, and keeps each decision with its place in the log."""

import logging
from collections.abc import Sequence

import msgspec

from connectors.incident_store import IncidentStore
from connectors.incident_wire import encode_transition
from connectors.notify_meters import NotifyMeters
from connectors.outage import IMPATIENT, Patience
from connectors.outbox import Outbox
from flows.copied_log import PLACE
from operators.allowance import Allowance
from operators.dispatch import Dispatch, DispatchState, Policy
from operators.watched import Watched
from schema import Notice
from schema.life import LIVE

_log = logging.getLogger(__name__)

BATCH = 500
_CURSOR, _LIMITS = "cursor", "limits"


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
        kept.pop(PLACE, None)  # of the topic, where one is copied
        watched = {name: msgspec.json.decode(body, type=Watched) for name, body in kept.items()}
        self._state = DispatchState(watched, limits.allowances, limits.cooling)
        self._dispatch = Dispatch(policy, self._state)
        self._first = cursor is None
        self._cursor = 0 if cursor is None else int(cursor)

    @property
    def has_begun(self) -> bool:
        """Whether it stands anywhere in the log."""
        return not self._first

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

    def follow(self) -> list[Notice]:
        """Take the events that are there, each at its own time, and what falls due in between.

        For a replay, which has no clock but its events'. Return what was decided, in order.
        """
        self._first = False
        found: list[Notice] = []
        while events := self._patience(lambda: self._store.events_after(self._cursor, BATCH)):
            decided: list[tuple[Notice, str]] = []
            for event in events:
                said = event.transition
                decided += self._due_before(said.ts_ms)
                body = encode_transition(said).decode()
                decided += [(each, body) for each in self._dispatch.take(said, said.ts_ms)]
            decided += self._due_before(events[-1].transition.ts_ms + 1)
            self._cursor = events[-1].sequence
            self._keep(decided)
            found += [notice for notice, _ in decided]
        return found

    def _due_before(self, until_ms: int) -> list[tuple[Notice, str]]:
        found: list[tuple[Notice, str]] = []
        while (due_ms := self._dispatch.next_due_ms()) is not None and due_ms < until_ms:
            found += [(each, self._body(each)) for each in self._dispatch.pass_until(due_ms)]
        return found

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
