"""A key group says what its resources show of the topology, at the tick at which they show it."""

import msgspec
import numpy as np

from operators.keygroup import KeyGroup
from operators.packing import Named, Packed, pack
from schema import Edge, Resource, Seen, Series, stable_id
from tests.operators.group_input import MINUTE_MS, fed, named, settings

POD = Resource("", "k8s.pod", "", "", "cart-1", (("node", "n1"), ("zone", "a")))
MOVED = msgspec.structs.replace(POD, attributes=(("node", "n2"),))
OWNER = stable_id(POD.key)
CALL = Series(
    POD, "traces_service_graph_request_total", "", (("client", "web"), ("server", "cart"))
)
FIRST = Seen(OWNER, (Edge("cart-1", "a", "in_zone"), Edge("cart-1", "n1", "runs_on")))


def buffer(names: list[Named], until: float) -> bytes:
    """Return a sample of each name."""
    return pack(
        Packed(
            0, 0, round(until * MINUTE_MS), round(until * MINUTE_MS), False,
            np.array([name.uid for name in names], np.uint64),
            np.array([name.ts_ms for name in names], np.int64),
            np.ones(len(names)),
            tuple(names),
        )
    )  # fmt: skip


NAMES = [
    named(Series(POD, "cpu.utilization"), 0),
    named(Series(POD, "memory.utilization"), 0),
    named(CALL, 0),
    named(Series(MOVED, "cpu.utilization"), 2),
]
WANTED = [
    (0, FIRST),
    (0, Seen(0, (Edge("web", "cart"),))),
    (2 * MINUTE_MS, Seen(OWNER, (Edge("cart-1", "n2", "runs_on"),))),
]


def test_a_resource_is_said_once_a_tick_and_a_call_when_it_is_first_heard_of() -> None:
    said = fed(KeyGroup(settings(), 0), buffer(NAMES, 5))
    assert said is not None
    assert sorted(said.seen) == sorted(WANTED)


def test_how_the_input_is_cut_decides_nothing() -> None:
    group = KeyGroup(settings(), 0)
    words = [
        fed(group, buffer(NAMES[:2], 0)),
        fed(group, buffer(NAMES[2:], 2)),
        fed(group, buffer([], 5)),
    ]
    seen = [each for word in words if word is not None for each in word.seen]
    assert sorted(seen) == sorted(WANTED)
    assert [word.seen for word in (fed(group, buffer([], 9)),) if word is not None] == [()]
