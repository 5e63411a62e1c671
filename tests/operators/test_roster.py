import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import calibration
from models.fusion import DETECTORS
from operators.cohort import CohortTable, empty_arrays
from operators.packing import Named
from operators.roster import Roster
from operators.rules import RuleTable
from schema import MetricSpec, Series
from tests.operators.group_input import named, series


def spec(one: Series) -> MetricSpec:
    return MetricSpec(
        one.metric,
        load=one.metric == "request.rate",
        statistic="sum" if one.metric == "request.rate" else "mean",
    )


def table(service: str) -> CohortTable:
    return CohortTable(
        service, RuleTable(()), empty_arrays(np.zeros((len(DETECTORS), calibration.WIDTH)), 4)
    )


def met(*names: Named) -> Roster:
    roster = Roster()
    roster.meet(names, spec, table)
    return roster


def uids(*names: Named) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    return np.array([n.uid for n in names], np.uint64)


A, B = named(series("a")), named(series("b"))
A_LOAD = named(series("a", "request.rate"))
DB = named(series("a", service="aws.rds"))


def test_a_service_is_a_cohort() -> None:
    roster = met(A, DB, B)
    assert [t.service for t in roster.tables] == ["aws.ec2", "aws.rds"]
    found = roster.find(uids(DB, A, B))
    assert roster.cohort[found].tolist() == [1, 0, 0]
    assert roster.row[found].tolist() == [0, 0, 1]


def test_a_name_said_again_changes_nothing() -> None:
    roster = met(A, B)
    before = roster.find(uids(A, B)).tolist()
    roster.meet((B, A), spec, table)
    assert roster.find(uids(A, B)).tolist() == before
    assert len(roster.tables[0].members) == 2


def test_an_unknown_series_is_an_error_and_two_of_one_id_are() -> None:
    roster = met(A)
    with pytest.raises(RuntimeError, match="before its series' name"):
        roster.find(uids(B))
    with pytest.raises(RuntimeError, match="share the id"):
        roster.meet((Named(A.uid, B.resource_id, 0, B.series),), spec, table)


def test_the_order_within_a_resource_begins_with_its_load() -> None:
    roster = met(A, B, A_LOAD)
    _, rank, _ = roster.order()
    at = dict(zip("abl", roster.find(uids(A, B, A_LOAD)).tolist(), strict=True))
    assert rank[at["l"]] + 1 == rank[at["a"]]


def test_a_sum_merges_as_a_sum() -> None:
    roster = met(A, A_LOAD)
    _, _, merge = roster.order()
    mean, total = merge[roster.find(uids(A, A_LOAD))].tolist()
    assert mean != total


@given(
    st.permutations([A, B, A_LOAD, DB, named(series("c")), named(series("d"))]), st.integers(0, 6)
)
def test_the_order_of_meeting_does_not_show_in_the_order_of_series(
    names: list[Named], cut: int
) -> None:
    """Rows are numbered as they come; what leaves by rank does not depend on it."""
    roster = Roster()
    roster.meet(names[:cut], spec, table)
    roster.meet(names[cut:], spec, table)
    cohort, rank, _ = roster.order()
    numbers = sorted(range(len(names)), key=lambda n: (roster.tables[cohort[n]].service, rank[n]))
    straight = met(A, B, A_LOAD, DB, named(series("c")), named(series("d")))
    cohort_2, rank_2, _ = straight.order()
    wanted = sorted(
        range(len(names)), key=lambda n: (straight.tables[cohort_2[n]].service, rank_2[n])
    )
    assert roster.uid[numbers].tolist() == straight.uid[wanted].tolist()


def test_renumbering_keeps_every_series() -> None:
    roster = met(A, DB, B, A_LOAD)
    roster.renumber()
    found = roster.find(uids(A, B, A_LOAD, DB))
    members = [roster.tables[roster.cohort[i]].members[roster.row[i]] for i in found]
    assert [m.uid for m in members] == uids(A, B, A_LOAD, DB).tolist()


def test_says_who_owns_series() -> None:
    roster = met(A, A_LOAD, B)
    assert roster.owners(roster.find(uids(A, A_LOAD))) == {A.resource_id}
    assert roster.owners(np.zeros(0, np.int32)) == set()
