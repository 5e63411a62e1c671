from itertools import groupby

import msgspec
import pytest

from operators.barrier import FAR_MS, Barrier, Ready, Tick
from schema import Act, Anomaly, Closed, Edge, Seen
from tests.operators.edges import at, closed, edge, resource

A, B = resource("a"), resource("b")


def ready(until_ms: int, *edges: Anomaly) -> Ready:
    """Return what is ready when `edges`, which come in their order, are."""
    by_tick = groupby(edges, key=lambda edge: edge.tick_ms)
    return Ready(until_ms, tuple((at_ms, Tick(list(found))) for at_ms, found in by_tick))


def test_waits_for_the_slowest_group() -> None:
    barrier = Barrier.of(2)
    early, later = edge("open", A, 0), edge("open", A, 1)
    assert barrier.admit(closed(0, 5, [early, later])) is None
    assert barrier.admit(closed(1, 1)) == ready(at(1), early)
    assert barrier.admit(closed(1, 2)) == ready(at(2), later)


def test_an_edge_at_the_frontier_waits_for_the_next() -> None:
    barrier = Barrier.of(1)
    late = edge("open", A, 1)
    assert barrier.admit(closed(0, 1, [late])) == ready(at(1))
    assert barrier.admit(closed(0, 1.001)) == ready(at(1.001), late)


def test_edges_come_by_tick_then_resource_then_kind_then_edge() -> None:
    wanted = [
        edge("open", B, 0),
        edge("close", A, 1),
        edge("open", A, 1),
        edge("open", A, 1, kind="silent"),
        edge("open", B, 1, kind="metrics"),
    ]
    barrier = Barrier.of(2)
    barrier.admit(closed(1, 2, [wanted[4], wanted[0]]))
    assert barrier.admit(closed(0, 2, wanted[1:4][::-1])) == ready(at(2), *wanted)


def test_a_word_that_moves_nothing_is_heard_and_gives_nothing() -> None:
    barrier = Barrier.of(1)
    barrier.admit(closed(0, 2))
    assert barrier.admit(closed(0, 2)) is None
    assert barrier.admit(closed(0, 1)) is None
    assert barrier.frontier_ms == at(2)


def test_a_final_group_holds_nobody_back() -> None:
    barrier = Barrier.of(2)
    assert barrier.admit(closed(0, 1, final=True)) is None
    assert barrier.admit(closed(1, 9)) == ready(at(9))


def test_the_end_of_all_is_the_end_of_the_farthest() -> None:
    barrier = Barrier.of(2)
    last = edge("open", A, 6)
    assert barrier.admit(closed(0, 7, [last], final=True)) is None
    assert barrier.admit(closed(1, 3, final=True)) == ready(at(7), last)


@pytest.mark.parametrize("edges", [[], [edge("open", A, 6)]])
def test_an_infinite_end_is_no_time(edges: list[Anomaly]) -> None:
    barrier = Barrier.of(1)
    barrier.admit(closed(0, 5))
    found = barrier.admit(Closed(0, FAR_MS, True, tuple(edges)))
    assert found == (ready(at(6) + 1, *edges) if edges else None)


def test_an_end_before_anything_gives_nothing() -> None:
    assert Barrier.of(1).admit(Closed(0, FAR_MS, True)) is None


@pytest.mark.parametrize("group", [-1, 2])
def test_refuses_a_group_that_is_not_there(group: int) -> None:
    with pytest.raises(ValueError, match=rf"group must be in \[0, 2\), got {group}"):
        Barrier.of(2).admit(closed(group, 1))


def test_refuses_an_edge_behind_the_frontier() -> None:
    barrier = Barrier.of(1)
    barrier.admit(closed(0, 2))
    with pytest.raises(ValueError, match="edges of group 0 must be at or after"):
        barrier.admit(closed(0, 3, [edge("open", A, 1)]))


def test_commands_wait_for_their_tick_and_keep_their_order() -> None:
    barrier = Barrier.of(2)
    acts = [Act(name, "inc-1", "ack", at(1), "me") for name in ("b", "a")]
    told = Closed(0, at(3), False, commands=((at(1), acts[0]), (at(1), acts[1])))
    assert barrier.admit(told) is None
    later = edge("open", A, 2)
    assert barrier.admit(closed(1, 3, [later])) == Ready(
        at(3), ((at(1), Tick(commands=list(acts))), (at(2), Tick([later])))
    )


def test_what_was_seen_comes_at_its_tick_and_behind_the_frontier_at_the_next() -> None:
    barrier = Barrier.of(1)
    first, late = Seen(1, (Edge("pod", "node", "runs_on"),)), Seen(0, (Edge("web", "db"),))
    barrier.admit(msgspec.structs.replace(closed(0, 5), seen=((at(6), first),)))
    found = barrier.admit(msgspec.structs.replace(closed(0, 9), seen=((at(1), late),)))
    assert found is not None
    assert [(time_ms, tick.seen) for time_ms, tick in found.ticks] == [
        (at(5), [late]),
        (at(6), [first]),
    ]
