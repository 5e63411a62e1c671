from collections import Counter

import bytewax.operators as op
import numpy as np
import pytest
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import TestingSource, cluster_main
from hypothesis import given
from hypothesis import strategies as st

from operators.groups import MAX_GROUPS, group_names, group_of, worker_hash

Placed = dict[str, int]


class _Worker(StatelessSinkPartition[tuple[str, int]]):
    def __init__(self, placed: Placed, index: int) -> None:
        self._placed, self._index = placed, index

    def write_batch(self, items: list[tuple[str, int]]) -> None:
        for key, _ in items:
            self._placed[key] = self._index


class _Workers(DynamicSink[tuple[str, int]]):
    def __init__(self, placed: Placed) -> None:
        self._placed = placed

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Worker:
        return _Worker(self._placed, worker_index)


def test_the_hash_is_the_one_by_which_bytewax_places_keys() -> None:
    keys = [*group_names(16), "", "triage", "naïve", *("x" * n for n in range(1, 18))]
    placed: Placed = {}
    flow = Dataflow("place")
    numbers = op.input("in", flow, TestingSource([(key, 1) for key in keys]))
    sums = op.stateful_map("sum", numbers, lambda total, n: ((total or 0) + n, n))
    op.output("out", sums, _Workers(placed))
    cluster_main(flow, [], 0, worker_count_per_proc=3)
    assert placed == {key: worker_hash(key) % 3 for key in keys}


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 6, 8, 12, 24])
def test_groups_spread_evenly_over_every_divisor_of_24(workers: int) -> None:
    shares = Counter(worker_hash(name) % workers for name in group_names(48))
    assert set(shares.values()) == {48 // workers}


@pytest.mark.parametrize("groups", [1, 2, 16, MAX_GROUPS])
def test_names_are_as_many_as_groups_and_differ(groups: int) -> None:
    assert len(set(group_names(groups))) == groups


def test_the_names_of_few_groups_are_the_first_of_many() -> None:
    assert group_names(64)[:16] == group_names(16)


@pytest.mark.parametrize("groups", [0, -1, MAX_GROUPS + 1])
def test_an_impossible_number_of_groups_is_refused(groups: int) -> None:
    with pytest.raises(ValueError, match=f"got {groups}"):
        group_names(groups)


@given(st.lists(st.integers(0, 2**64 - 1)), st.integers(1, MAX_GROUPS))
def test_a_resource_has_one_group_and_it_exists(ids: list[int], groups: int) -> None:
    found = group_of(np.array(ids, np.uint64), groups)
    assert found.dtype == np.int64
    assert found.tolist() == [i % groups for i in ids]
