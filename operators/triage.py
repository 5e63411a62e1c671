"""From alert edges to incidents: the step that all key groups meet in."""

from collections.abc import Sequence

import bytewax.operators as op
import msgspec
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from operators import exhibits
from operators.barrier import Barrier
from operators.evidence import EvidenceSettings
from operators.incidents import Incidents
from operators.ledger import Ledger
from operators.life import TriageSettings
from operators.measured import Logic, Measured, unmeasured
from operators.topology import NO_MAP, Topology, TopologyState
from schema import Closed, Plot, Seen, Shown, TopologyMap, Transition

__all__ = ["KEY", "Triage", "TriageSettings", "TriageState", "transitions_of", "triage_alerts"]

KEY = "triage"
Told = Transition | Shown
"""A step in an incident's life, and evidence that the incident is to be kept with."""


class TriageState(msgspec.Struct, tag="triage.v2"):
    """All that triage holds. The tag is the snapshot's version."""

    barrier: Barrier
    ledger: Ledger = msgspec.field(default_factory=Ledger)
    topology: TopologyState = msgspec.field(default_factory=TopologyState)  # as of the snapshot
    held: exhibits.Held = {}  # whose plots are kept


class Triage:
    """The rule with its state. Knows no I/O, clock or Bytewax.

    The state changes in place, since a storm would copy thousands of members an edge; what leaves
    is frozen, and a snapshot is bytes.
    """

    def __init__(
        self,
        settings: TriageSettings,
        groups: int,
        resume: bytes | None = None,
        topology: TopologyMap = NO_MAP,
        evidence: EvidenceSettings | None = None,
    ) -> None:
        """Start empty, or go on from a snapshot, on the map as it is now.

        Raises: msgspec.ValidationError for a snapshot of another version, ValueError for one of
        another number of groups.
        """
        if groups < 1:
            raise ValueError(f"groups must be at least 1, got {groups!r}")
        if resume is None:
            self._state = TriageState(Barrier.of(groups))
        else:
            self._state = msgspec.msgpack.decode(resume, type=TriageState)
        held = len(self._state.barrier.until_ms)
        if held != groups:
            raise ValueError(f"groups must be {held} as in the recovery store, got {groups!r}")
        self._derives = settings.derive_topology
        self._topology = Topology.of(self._state.topology, topology)
        self._incidents = Incidents(settings, self._state.ledger, self._topology)
        self._evidence = evidence  # None: none is kept
        self._shown: list[Shown] = []  # since it was asked for

    def step(self, closed: Closed) -> list[Transition]:
        """Take one group's word; return what the ticks that are now complete make of incidents."""
        ready = self._state.barrier.admit(closed)
        if ready is None:
            return []
        said: list[Transition] = []
        for tick_ms, tick in ready.ticks:
            said += self._incidents.pass_until(tick_ms)
            self._topology.see(tick.seen if self._derives else _told_alone(tick.seen))
            for command in tick.commands:
                said += self._incidents.obey(command, tick_ms)
            said += self._incidents.apply(tick.edges, tick_ms)
            self._incidents.take(tick.effects, tick_ms)
            said += self._incidents.settle(tick_ms)
            self._show(tick.plots)
        said += self._incidents.pass_until(ready.frontier_ms)
        if self._evidence is not None:
            self._shown += exhibits.around(said, self._topology, self._evidence)
        return said

    def shown(self) -> list[Shown]:
        """Return, once, the evidence that incidents are to be kept with."""
        shown, self._shown = self._shown, []
        return shown

    def _show(self, plots: Sequence[Plot]) -> None:
        if self._evidence is not None and plots:
            ledger, held = self._state.ledger, self._state.held
            self._shown += exhibits.choose(plots, ledger, held, self._evidence)

    def snapshot(self) -> bytes:
        """Return the whole state, from which a new Triage goes on as this one would."""
        self._state.topology = self._topology.state()
        return msgspec.msgpack.encode(self._state)


def _told_alone(shown: Sequence[Seen]) -> list[Seen]:
    """Return what resources say of themselves, without the edges."""
    return [msgspec.structs.replace(seen, edges=()) for seen in shown if seen.owner != 0]


class _TriageLogic(StatefulBatchLogic[Closed, Told, bytes]):
    def __init__(self, triage: Triage) -> None:
        self._triage = triage

    def on_batch(self, values: list[Closed]) -> tuple[list[Told], bool]:
        said = [transition for closed in values for transition in self._triage.step(closed)]
        return [*said, *self._triage.shown()], self.RETAIN

    def snapshot(self) -> bytes:
        return self._triage.snapshot()


@operator
def triage_alerts(
    step_id: str,
    up: KeyedStream[Closed],
    settings: TriageSettings,
    groups: int,
    topology: TopologyMap = NO_MAP,
    measured: Measured = unmeasured,
    evidence: EvidenceSettings | None = None,
) -> KeyedStream[Told]:
    """Correlate alerts to incidents and follow each one's life; the key is always `KEY`.

    `topology` is the map as it was read; what changed of it since is state. Without `evidence`
    nothing comes out but transitions.

    Order: a tick is judged when all `groups` have closed past it, its edges sorted, so neither
    arrival nor batching changes what comes out. Transitions come by event time, within a tick by
    the incident's age. At the end of the data, open incidents stay open.
    Memory: see `incidents.Ledger` and `barrier.Barrier`; on one worker, since it is one key.
    Raises: ValueError where a group breaks its word or the number of groups has changed.
    """
    words = op.map("to_one_key", up, lambda item: (KEY, item[1]))

    def logic(resume: bytes | None) -> Logic:
        triage = Triage(settings, groups, resume, topology, evidence)
        return measured("triage", _TriageLogic(triage))

    return op.stateful_batch("triage", words, logic)


def transitions_of(step_id: str, told: KeyedStream[Told]) -> KeyedStream[Transition]:
    """Return the transitions alone of what `triage_alerts` says."""
    return op.filter_map_value(
        step_id, told, lambda item: item if isinstance(item, Transition) else None
    )
