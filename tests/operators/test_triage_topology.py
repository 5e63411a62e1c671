"""Triage knows the map, what changes it, and keeps what changed over a restart."""

import msgspec

from operators.triage import Triage, TriageSettings, TriageState
from schema import Closed, Edge, Seen, TopologyChange, TopologyMap
from tests.operators.edges import at, closed

KNOWN = TopologyMap(edges=(Edge("web", "db"),))
MOVE = TopologyChange("1", at(3), (Edge("web", "cache"),), (Edge("web", "db"),))
SEEN = Seen(7, (Edge("pod", "node-1", "runs_on"),), ("pod",), (("tier", "1"),))


def changed(triage: Triage) -> tuple[list[Edge], list[Edge], dict[str, str], list[Seen]]:
    held = msgspec.msgpack.decode(triage.snapshot(), type=TriageState).topology
    return held.added, held.removed, held.node_types, held.seen


def word(until: float) -> Closed:
    return msgspec.structs.replace(
        closed(0, until), commands=((at(3), MOVE),), seen=((at(2), SEEN),)
    )


def test_a_snapshot_holds_what_changed_since_the_map_was_read_and_no_more() -> None:
    triage = Triage(TriageSettings(), 1, None, KNOWN)
    assert changed(triage) == ([], [], {}, [])
    triage.step(word(5))
    assert changed(triage) == ([Edge("web", "cache")], [Edge("web", "db")], {}, [SEEN])


def test_nothing_changes_before_its_tick() -> None:
    triage = Triage(TriageSettings(), 1, None, KNOWN)
    triage.step(word(3))
    assert changed(triage) == ([], [], {}, [SEEN])
    resumed = Triage(TriageSettings(), 1, triage.snapshot(), KNOWN)
    resumed.step(closed(0, 4))
    assert changed(resumed)[0] == [Edge("web", "cache")]


def test_the_map_is_not_changed_by_those_who_use_it() -> None:
    Triage(TriageSettings(), 1, None, KNOWN).step(word(5))
    assert changed(Triage(TriageSettings(), 1, None, KNOWN)) == ([], [], {}, [])


def test_edges_that_are_seen_are_left_alone_where_the_settings_say_so() -> None:
    triage = Triage(TriageSettings(derive_topology=False), 1)
    triage.step(word(5))
    assert changed(triage)[3] == [Seen(7, (), ("pod",), (("tier", "1"),))]
