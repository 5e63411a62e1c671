"""Incidents: which alerts make one, and its life from opened to forgotten.

Time is the alerts' own. All edges of one tick are applied before any incident speaks, so an
incident says at most one thing a tick; a timer speaks at the very time it was set for, after the
edges of that time. Both make what is said independent of how the input was cut.
"""

import hashlib
import heapq
import logging

import msgspec

from operators import acts
from operators.case import Case
from operators.flapping import came_back
from operators.foresight import Durations, remember_duration
from operators.inhibition import Inhibition
from operators.life import TriageSettings, next_due_ms, settle, weigh
from operators.quiet import Quiet
from operators.scope import links_of, place_of, scope_of
from operators.silences import Silences, SilenceState
from operators.tally import Tally
from operators.topology import Topology
from schema import (
    Act,
    Anomaly,
    Expire,
    Feedback,
    Resource,
    Silence,
    TopologyChange,
    Transition,
    TriageCommand,
)
from schema.life import LIVE

logger = logging.getLogger(__name__)


class Ledger(msgspec.Struct):
    """All that triage remembers of incidents.

    Memory: an incident is forgotten when it is closed, `close_after_s` after it was resolved, is
    resolved at the latest `max_open_s` after it was opened or reopened, and no alert reopens it
    when it is older than that; it holds one light record for each (resource, kind) that alerted.
    Of those that are forgotten it keeps how long the last of each severity took.
    """

    cases: dict[str, Case] = {}
    by_resource: dict[str, str] = {}  # resource key -> incident that an alert of it joined last
    durations: Durations = {}
    by_name: dict[str, str] = {}  # scope or link -> incident that an alert of it joined last
    silences: SilenceState = msgspec.field(default_factory=SilenceState)


class Incidents:
    """Apply edges and the passing of event time to a ledger, which it owns."""

    def __init__(
        self, settings: TriageSettings, ledger: Ledger, topology: Topology | None = None
    ) -> None:
        self._settings = settings
        self._topology = Topology() if topology is None else topology
        self._ledger = ledger
        self._quiet = Quiet(
            Silences(settings.silences, ledger.silences),
            Inhibition(settings.inhibit, settings.cause_hides_s, self._topology),
            self._topology,
        )
        self._touched: set[str] = set()
        self._due: dict[str, int] = {}  # by incident
        self._timers: list[tuple[int, str]] = []  # a heap; an entry that `_due` denies is void
        for case in ledger.cases.values():
            if not case.tally.open_alerts:  # of a snapshot that had none
                case.tally = Tally.of(case.members, case.episode_ms)
            self._set_timer(case)

    def apply(self, edge: Anomaly) -> None:
        """Take one edge; what comes of it is said by `settle` at the edge's tick."""
        if edge.edge == "open":
            case = self._home(edge)
            came_back(case, edge.tick_ms)
            case.open(edge)
            self._note(case, edge)
            self._touched.add(case.id)
            return
        own = self._own(edge.resource)
        if own is not None and own.follow(edge):  # else the alert outlived its incident
            self._touched.add(own.id)

    def obey(self, command: TriageCommand, now_ms: int) -> list[Transition]:
        """Do what somebody asked for, before the edges of its tick; return what comes of it."""
        match command:
            case TopologyChange():
                self._topology.change(command)
            case Act() | Feedback():
                return self._act(command, now_ms)
            case Silence() | Expire():
                self._quiet.obey(command, now_ms)
        return []

    def settle(self, now_ms: int) -> list[Transition]:
        """Say what has changed with the edges and timers of `now_ms`; oldest incident first."""
        ids = self._touched | self._rung(now_ms)
        cases = sorted(
            (self._ledger.cases[name] for name in ids), key=lambda case: (case.opened_ms, case.id)
        )
        self._touched.clear()
        for case in cases:
            weigh(case, now_ms, self._settings)
        hushed = self._quiet.judge(self._ledger.cases, cases, now_ms)
        said: list[Transition] = []
        for case in cases:
            said += self._quiet.tell(case, now_ms)
            said += self._kept(case, settle(case, now_ms, self._settings, self._ledger.durations))
        ended = [case for case in cases if case.state not in LIVE]
        if ended:  # what they have hidden is heard again
            hushed += self._quiet.judge(self._ledger.cases, ended, now_ms)
        for case in hushed:
            said += self._quiet.tell(case, now_ms)
        return sorted(said, key=lambda each: (each.incident.opened_ms, each.incident.id))

    def pass_until(self, limit_ms: int) -> list[Transition]:
        """Let the timers speak that are due before `limit_ms`, each at its own time."""
        said: list[Transition] = []
        while (due_ms := self._next_due_ms()) is not None and due_ms < limit_ms:
            said += self.settle(due_ms)
        return said

    def _next_due_ms(self) -> int | None:
        due_ms = [self._timers[0][0]] if self._timers else []
        if self._quiet.due_ms is not None:
            due_ms.append(self._quiet.due_ms)
        return min(due_ms, default=None)

    def _act(self, command: Act | Feedback, now_ms: int) -> list[Transition]:
        case = self._ledger.cases.get(command.incident)
        if case is None:  # there is nothing that could say a word
            logger.warning("%s is asked for, which is closed or never was", command.incident)
            return []
        said = acts.obey(case, command, now_ms, self._settings.sla)
        self._quiet.forget(case)
        return self._kept(case, said)

    def _kept(self, case: Case, said: list[Transition]) -> list[Transition]:
        """Remember what the case has said, and set its timer; a closed one is forgotten."""
        if any(one.event == "resolved" for one in said):
            remember_duration(case, self._ledger.durations)
        if case.closed_ms is None:
            self._set_timer(case)
        else:
            self._forget(case)
        return said

    def _home(self, edge: Anomaly) -> Case:
        """Return the incident that an opening alert belongs to, a new one if there is none.

        In this order: the open incident that the resource is in; an open one of its scope, joined
        within `window_s`; the resolved one that the resource was in, reopened; an open one that a
        link leads to, joined within `storm_s`.
        """
        now_ms, settings = edge.tick_ms, self._settings
        own = self._own(edge.resource)
        if own is not None and own.resolved_ms is None:
            return own
        scoped = self._joined(scope_of(edge.resource), now_ms, settings.window_s)
        if scoped is not None:
            return scoped
        if own is not None and own.may_reopen(now_ms, settings.reopen_s, settings.max_open_s):
            own.reopen(now_ms)
            return own
        for link in links_of(edge.resource):
            linked = self._joined(link, now_ms, settings.storm_s)
            if linked is not None:
                return linked
        case = Case.of(incident_id(edge.resource, now_ms), edge)
        self._ledger.cases[case.id] = case
        return case

    def _own(self, resource: Resource) -> Case | None:
        found = self._ledger.by_resource.get(resource.key)
        return None if found is None else self._ledger.cases[found]

    def _joined(self, name: str, now_ms: int, within_s: float) -> Case | None:
        found = self._ledger.by_name.get(name)
        case = None if found is None else self._ledger.cases[found]
        if case is None or case.resolved_ms is not None:
            return None
        return case if now_ms - case.names[name] <= within_s * 1000 else None

    def _note(self, case: Case, edge: Anomaly) -> None:
        self._ledger.by_resource[edge.resource.key] = case.id
        place = place_of(edge.resource)
        for name in (place.scope, *place.links):
            self._ledger.by_name[name] = case.id
            case.names[name] = edge.tick_ms

    def _rung(self, now_ms: int) -> set[str]:
        """Take the timers that are due from the heap; return whose still hold."""
        rung: set[str] = set()
        while self._timers and self._timers[0][0] <= now_ms:
            due_ms, name = heapq.heappop(self._timers)
            if self._due.get(name) == due_ms:
                del self._due[name]
                rung.add(name)
        return rung

    def _set_timer(self, case: Case) -> None:
        due_ms = next_due_ms(case, self._settings)
        if self._due.get(case.id) != due_ms:
            self._due[case.id] = due_ms
            heapq.heappush(self._timers, (due_ms, case.id))

    def _forget(self, case: Case) -> None:
        del self._ledger.cases[case.id]
        self._due.pop(case.id, None)
        for record in case.members.values():
            key = record.resource.key
            if self._ledger.by_resource.get(key) == case.id:
                del self._ledger.by_resource[key]
        for name in case.names:
            if self._ledger.by_name.get(name) == case.id:
                del self._ledger.by_name[name]


def incident_id(first: Resource, opened_ms: int) -> str:
    """Return the id of the incident that an alert of `first` opened: the same at every replay.

    Never used twice: a resource's alert at a tick opens an incident only if it is in none.
    """
    text = f"{scope_of(first)}@{opened_ms}@{first.key}"
    return "inc-" + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
