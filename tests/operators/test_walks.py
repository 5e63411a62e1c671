"""Walks have an end: nearest first, as many as asked for, the same ones every time."""

from hypothesis import given
from hypothesis import strategies as st

from operators.topology import Topology
from operators.walks import Walks, nearest
from schema import Edge

NAMES = st.sampled_from("abcdefgh")
GRAPHS = st.dictionaries(NAMES, st.sets(NAMES))
CHAIN = {"a": {"b", "c"}, "b": {"d"}, "c": {"d", "e"}, "d": {"a"}}


def test_finds_what_is_near_first_and_none_of_where_it_starts() -> None:
    assert list(nearest(("a",), CHAIN, None)) == ["b", "c", "d", "e"]
    assert list(nearest(("d", "c"), CHAIN, None)) == ["a", "e", "b"]


def test_ends_at_the_limit_amid_those_that_are_as_far() -> None:
    assert list(nearest(("a",), CHAIN, 3)) == ["b", "c", "d"]


def test_does_not_walk_through_what_is_apart() -> None:
    assert list(nearest(("a",), CHAIN, None, {"c"})) == ["b", "d"]


def test_a_hub_and_a_dense_graph_end_as_soon() -> None:
    dense = {str(i): {str((2 * i + k) % 1_000) for k in (1, 2)} for i in range(1_000)}
    dense["hub"] = set(dense)
    assert len(nearest(("hub",), dense, 500)) == len(nearest(("1",), dense, 500)) == 500


@given(GRAPHS, NAMES, st.integers(1, 8))
def test_a_limit_takes_no_more_and_no_others_and_all_that_is_nearer(
    ends: dict[str, set[str]], name: str, limit: int
) -> None:
    whole, some = list(nearest((name,), ends, None)), list(nearest((name,), ends, limit))
    far = {found: _far(ends, name, found) for found in whole}
    assert len(some) == min(limit, len(whole))
    assert [far[found] for found in some] == [far[found] for found in whole[:limit]]
    assert some == list(nearest((name,), ends, limit))


def _far(ends: dict[str, set[str]], name: str, wanted: str) -> int:
    layer, steps = {name}, 0
    while wanted not in layer:
        layer, steps = set[str]().union(*(ends.get(each, set()) for each in layer)), steps + 1
    return steps


def test_an_answer_is_kept_until_the_graph_changes() -> None:
    ends = {"a": {"b"}}
    walks = Walks(ends)
    first = walks.nearest(("a",), 9)
    ends["b"] = {"c"}
    assert walks.nearest(("a",), 9) is first
    walks.clear()
    assert list(walks.nearest(("a",), 9)) == ["b", "c"]


def test_a_part_of_the_map_ends_at_its_zones() -> None:
    edges = [Edge("web", "db"), Edge("mail", "mta"), Edge("db", "z", "in_zone")]
    known = Topology.load(edges=[*edges, Edge("mta", "z", "in_zone")])
    assert known.part("db") == {"web", "db"}
    assert known.part("nowhere") == {"nowhere"}


def test_what_is_needed_goes_through_zones_only_if_asked_to() -> None:
    edges = [Edge("web", "z", "in_zone"), Edge("z", "power")]
    known = Topology.load(edges=edges)
    assert list(known.needed_of(("web",), 9)) == ["z", "power"]
    assert not known.needed_of(("web",), 9, through_zones=False)
