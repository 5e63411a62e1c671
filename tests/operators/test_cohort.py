from itertools import permutations

import numpy as np
import pytest

from models import calibration
from models.fusion import DETECTORS
from operators.cohort import SERIES_ARRAYS, CohortTable, empty_arrays
from operators.layout import FEATURES, FORGOTTEN
from operators.packing import Named
from operators.rules import Rule, RuleTable
from schema import MetricSpec
from tests.operators.group_input import named, series

RULES = RuleTable((Rule("high", "cpu.*", above=90.0),))
SPEC = MetricSpec("cpu.utilization", bad="up", weight=2.0, min_change=3.0)
Attributes = tuple[tuple[str, str], ...]


def table(*names: Named) -> CohortTable:
    arrays = empty_arrays(np.full((len(DETECTORS), calibration.WIDTH), 7.0), 4)
    found = CohortTable("aws.ec2", RULES, arrays)
    found.add([(one, SPEC) for one in names])
    return found


A, B, C = (named(series(name)) for name in "abc")
A2 = named(series("a", "latency"))


def test_series_get_rows_and_so_do_their_resources() -> None:
    found = table(A, B, A2)
    assert found.arrays.owner.tolist() == [0, 1, 0]
    assert [r.name for r in found.resources] == ["a", "b"]
    assert found.slots == {"cpu.utilization": 0, "latency": 1}


def test_every_array_has_a_row_a_series_or_a_row_a_resource() -> None:
    found = table(A, B, A2)
    assert {len(getattr(found.arrays, name)) for name in SERIES_ARRAYS} == {3}
    assert (len(found.arrays.resource), len(found.arrays.tails)) == (2, 2)
    assert found.arrays.reservoir.shape == (4, 2 * FEATURES)


def test_growing_keeps_what_was_there() -> None:
    found = table(A)
    found.arrays.state[0] = 5.0
    found.arrays.reservoir[:] = 3.0
    found.add([(A2, SPEC), (B, SPEC)])
    assert found.arrays.state[:, 0].tolist() == [5.0, 0.0, 0.0]
    assert found.arrays.reservoir[0].tolist() == [3.0] * FEATURES + [0.0] * (FEATURES - 1) + [1.0]


def test_catalogue_and_rules_are_in_the_arrays() -> None:
    found = table(A, A2)
    assert found.arrays.weight.tolist() == [2.0, 2.0]
    assert found.arrays.least.tolist() == [3.0, 3.0]
    assert found.arrays.rules[:, 0].tolist() == [0, -1]  # the rule is about cpu alone


# ------------------------------------------------------------------ attributes


@pytest.mark.parametrize("order", [*permutations([(0, "x"), (1, "y"), (2, "z")])])
def test_of_what_partitions_say_the_last_in_their_list_counts(
    order: tuple[tuple[int, str], ...],
) -> None:
    found = table(A)
    for partition, team in order:
        found.set_attributes(A.resource_id, partition, (("team", team), (f"p{partition}", "1")))
    assert dict(found.resources[0].attributes) == {"team": "z", "p0": "1", "p1": "1", "p2": "1"}


def test_what_a_partition_says_replaces_what_it_said() -> None:
    found = table(A)
    found.set_attributes(A.resource_id, 0, (("team", "x"), ("tier", "1")))
    found.set_attributes(A.resource_id, 0, (("team", "y"),))
    assert found.resources[0].attributes == (("team", "y"),)


# ------------------------------------------------------------------ forgetting


def test_the_forgotten_go_and_the_others_move_up() -> None:
    found = table(A, B, A2, C)
    found.arrays.state[:, 0] = [1.0, 2.0, 3.0, 4.0]
    found.arrays.resource[0, FORGOTTEN] = 1.0
    lost = found.forget(set())
    assert [m.uid for m in lost] == [A.uid, A2.uid]
    assert [m.uid for m in found.members] == [B.uid, C.uid]
    assert found.arrays.state[:, 0].tolist() == [2.0, 4.0]
    assert found.arrays.owner.tolist() == [0, 1]
    assert [r.name for r in found.resources] == ["b", "c"]
    found.set_attributes(C.resource_id, 0, (("team", "x"),))
    assert found.resources[1].attributes == (("team", "x"),)
    found.add([(A, SPEC)])  # as if it had never been
    assert found.arrays.owner.tolist() == [0, 1, 2]
    assert found.arrays.state[2].tolist() == [0.0] * found.arrays.state.shape[1]


def test_who_is_awaited_is_not_forgotten() -> None:
    found = table(A, B)
    found.arrays.resource[:, FORGOTTEN] = 1.0
    assert [m.uid for m in found.forget({A.resource_id})] == [B.uid]
    assert found.forget({A.resource_id}) == []


# ------------------------------------------------------------------ snapshots


def test_a_restored_table_is_the_same_table() -> None:
    found = table(A, B, A2)
    found.set_attributes(A.resource_id, 1, (("team", "x"),))
    found.set_columns({"latency": 0})
    again = CohortTable.restore(found.names(), RULES, found.arrays, lambda _: SPEC)
    assert again.names() == found.names()
    assert (again.members, again.resources) == (found.members, found.resources)
    assert again.ranks().tolist() == found.ranks().tolist()
    for name in SERIES_ARRAYS:
        np.testing.assert_array_equal(getattr(again.arrays, name), getattr(found.arrays, name))


def test_a_restored_table_obeys_the_catalogue_of_today() -> None:
    found = table(A)
    heavier = MetricSpec("cpu.utilization", bad="down", weight=9.0)
    again = CohortTable.restore(found.names(), RuleTable(()), found.arrays, lambda _: heavier)
    assert again.arrays.weight.tolist() == [9.0]
    assert again.arrays.direction.tolist() != found.arrays.direction.tolist()
    assert again.arrays.rules.tolist() == [[-1] * again.arrays.rules.shape[1]]
