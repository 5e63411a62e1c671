"""Incidents: which alerts make one, and its life from opened to forgotten.

Time is the alerts' own. All edges of one tick are applied before any incident speaks, so an
incident says at most one thing a tick; a timer speaks at the very time it was set for, after the
edges of that time. Both make what is said independent of how the input was cut.
"""

import heapq
import logging
from collections.abc import Sequence

from operators import acts
from operators.case import Case
from operators.correlation import Correlation
from operators.foresight import remember_duration
from operators.inhibition import Inhibition
from operators.ledger import Ledger
from operators.life import TriageSettings, next_due_ms, settle, weigh
from operators.quiet import Quiet
from operators.silences import Silences
from operators.suspects import Blame
from operators.tally import Tally
from operators.topology import Topology
from schema import (
    Act,
    Anomaly,
    Deploy,
    Effect,
    Expire,
    Feedback,
    Silence,
    TopologyChange,
    Transition,
    TriageCommand,
)
from schema.life import LIVE

logger = logging.getLogger(__name__)


class Incidents:
    """Apply edges and the passing of event time to a ledger, which it owns."""

    def __init__(
        self, settings: TriageSettings, ledger: Ledger, topology: Topology | None = None
    ) -> None:
        self._settings = settings
        self._topology = Topology() if topology is None else topology
        self._ledger = ledger
        self._correlation = Correlation(settings, ledger, self._topology)
        self._quiet = Quiet(
            Silences(settings.silences, ledger.silences),
            Inhibition(settings.inhibit, settings.cause_hides_s, self._topology),
            self._topology,
            settings.occurrences,
        )
        self._blame = Blame(settings.suspects, settings.patterns, ledger, self._topology)
        self._touched: set[str] = set()
        self._due: dict[str, int] = {}  # by incident
        self._timers: list[tuple[int, str]] = []  # a heap; an entry that `_due` denies is void
        for case in ledger.cases.values():
            if not case.tally.open_alerts:  # of a snapshot that had none
                case.tally = Tally.of(case.members, case.episode_ms)
            self._set_timer(case)

    def take(self, effects: Sequence[Effect], now_ms: int) -> None:
        """Take in what was off at a tick, alert or not; young incidents are judged by it."""
        if effects:
            self._touched |= self._blame.take(effects, now_ms)

    def apply(self, edges: Sequence[Anomaly], now_ms: int) -> list[Transition]:
        """Take all edges of a tick in; what comes of them is said by `settle`, merges here."""
        for edge in edges:
            if edge.edge == "close":
                self._follow(edge)
        opened = [edge for edge in edges if edge.edge == "open"]
        touched, said = self._correlation.place(opened, now_ms)
        self._touched |= touched
        for edge in edges:
            if edge.edge == "update":
                self._follow(edge)
        return said

    def _follow(self, edge: Anomaly) -> None:
        own = self._ledger.find(self._ledger.by_resource.get(edge.resource.key, ""))
        if own is not None and own.follow(edge):  # else the alert outlived its incident
            self._touched.add(own.id)

    def obey(self, command: TriageCommand, now_ms: int) -> list[Transition]:
        """Do what somebody asked for, before the edges of its tick; return what comes of it."""
        match command:
            case TopologyChange():
                self._topology.change(command)
            case Act() | Feedback():
                return self._act(command, now_ms)
            case Deploy():
                self._touched |= self._blame.obey(command, now_ms)
            case Silence() | Expire():
                self._quiet.obey(command, now_ms)
        return []

    def settle(self, now_ms: int) -> list[Transition]:
        """Say what has changed with the edges and timers of `now_ms`; oldest incident first."""
        ids = self._touched | self._rung(now_ms)
        held = (self._ledger.cases[name] for name in ids if name in self._ledger.cases)
        cases = sorted(held, key=lambda case: (case.opened_ms, case.id))
        self._touched.clear()
        for case in cases:
            weigh(case, now_ms, self._settings, self._topology)
            self._blame.judge(case, now_ms)
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
        case = self._ledger.find(command.incident)
        if case is None or case.revision == 0:  # there is nothing that could say a word
            logger.warning("%s is asked for, which is closed or never was", command.incident)
            return []
        before = dict(self._ledger.cases)
        said = acts.obey(self._ledger, case, command, now_ms, self._settings.sla)
        self._quiet.forget(case)
        if isinstance(command, Act) and command.action in ("merge", "split"):
            self._touched.add(case.id)
            self._touched |= self._ledger.cases.keys() - before.keys()
            for name in before.keys() - self._ledger.cases.keys():
                self._quiet.forget(before[name])
            self._correlation.note_anew()
        return self._kept(case, said)

    def _kept(self, case: Case, said: list[Transition]) -> list[Transition]:
        """Remember what the case has said, and set its timer; a closed one is forgotten."""
        if any(one.event == "resolved" for one in said):
            remember_duration(case, self._ledger.durations)
        if case.closed_ms is None:
            self._set_timer(case)
        else:
            self._correlation.forget(case, case.closed_ms)
            self._due.pop(case.id, None)
        return said

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
