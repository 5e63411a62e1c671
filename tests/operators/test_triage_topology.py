"""Triage knows the map, what changes it, and keeps what changed over a restart."""

import msgspec

from operators.topology import TopologyState
from operators.triage import Triage, TriageSettings, TriageState
from schema import Closed, Edge, Seen, TopologyChange, TopologyMap
from tests.operators.edges import at, closed

KNOWN = TopologyMap(edges=(Edge("web", "db"),))
MOVE = TopologyChange("1", at(3), (Edge("web", "cache"),), (Edge("web", "db"),))
SEEN = Seen(7, (Edge("pod", "node-1", "runs_on"),))


def kept(snapshot: bytes) -> TopologyState:
    return msgspec.msgpack.decode(snapshot, type=TriageState).topology


def word(until: float) -> Closed:
    return msgspec.structs.replace(
        closed(0, until), commands=((at(3), MOVE),), seen=((at(2), SEEN),)
    )


def test_a_snapshot_holds_what_changed_since_the_map_was_read_and_no_more() -> None:
    triage = Triage(TriageSettings(), 1, None, KNOWN)
    assert kept(triage.snapshot()) == TopologyState()
    triage.step(word(5))
    assert kept(triage.snapshot()) == TopologyState(
        [Edge("web", "cache")], [Edge("web", "db")], {}, [SEEN]
    )


def test_nothing_changes_before_its_tick() -> None:
    triage = Triage(TriageSettings(), 1, None, KNOWN)
    triage.step(word(3))
    assert kept(triage.snapshot()) == TopologyState(seen=[SEEN])
    resumed = Triage(TriageSettings(), 1, triage.snapshot(), KNOWN)
    resumed.step(closed(0, 4))
    assert kept(resumed.snapshot()).added == [Edge("web", "cache")]


def test_the_map_is_not_changed_by_those_who_use_it() -> None:
    Triage(TriageSettings(), 1, None, KNOWN).step(word(5))
    other = Triage(TriageSettings(), 1, None, KNOWN)
    assert kept(other.snapshot()) == TopologyState()


def test_what_is_seen_is_left_alone_where_the_settings_say_so() -> None:
    triage = Triage(TriageSettings(derive_topology=False), 1)
    triage.step(word(5))
    assert kept(triage.snapshot()).seen == []
