import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import calibration
from models.fusion import DETECTORS
from operators.admission import Admission, LimitSettings
from operators.cohort import CohortTable, empty_arrays
from operators.packing import Named
from operators.roster import PLAIN, RATE, STALE_WINDOWS, Roster
from operators.rules import RuleTable
from schema import Counter, Labels, MetricSpec, Series
from tests.operators.group_input import named, series

EVERY_MS = 21_600_000


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


def unlimited() -> Admission:
    return Admission(LimitSettings(), EVERY_MS)


def met(*names: Named) -> Roster:
    roster = Roster(max_label_sets=2, every_ms=EVERY_MS)
    for name in names:
        placed(roster, name)
    return roster


def placed(roster: Roster, *names: Named) -> None:
    """Meet names and close a tick that holds a sample of each."""
    roster.meet(names)
    number = roster.find(uids(*names))
    ticks = np.array([n.ts_ms // 60_000 for n in names], np.int64)
    roster.place(number, ticks, spec, table, unlimited())


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
    placed(roster, B, A)
    assert roster.find(uids(A, B)).tolist() == before
    assert len(roster.tables[0].members) == 2


def test_an_unknown_series_is_an_error_and_two_of_one_id_are() -> None:
    roster = met(A)
    with pytest.raises(RuntimeError, match="before its series' name"):
        roster.find(uids(B))
    with pytest.raises(RuntimeError, match="share the id"):
        roster.meet((Named(A.uid, B.resource_id, 0, B.series),))


def test_the_order_within_a_resource_begins_with_its_load() -> None:
    roster = met(A, B, A_LOAD)
    rank = roster.order().rank
    at = dict(zip("abl", roster.find(uids(A, B, A_LOAD)).tolist(), strict=True))
    assert rank[at["l"]] + 1 == rank[at["a"]]


def test_a_sum_merges_as_a_sum() -> None:
    roster = met(A, A_LOAD)
    merge = roster.order().rule
    mean, total = merge[roster.find(uids(A, A_LOAD))].tolist()
    assert mean != total


@given(
    st.permutations([A, B, A_LOAD, DB, named(series("c")), named(series("d"))]), st.integers(0, 6)
)
def test_the_order_of_meeting_does_not_show_in_the_order_of_series(
    names: list[Named], cut: int
) -> None:
    """Rows are numbered as they come; what leaves by rank does not depend on it."""
    roster = Roster(max_label_sets=2, every_ms=EVERY_MS)
    placed(roster, *names[:cut])
    placed(roster, *names[cut:])
    cohort, rank, _, _ = roster.order()
    numbers = sorted(range(len(names)), key=lambda n: (roster.tables[cohort[n]].service, rank[n]))
    straight = met(A, B, A_LOAD, DB, named(series("c")), named(series("d")))
    cohort_2, rank_2, _, _ = straight.order()
    wanted = sorted(
        range(len(names)), key=lambda n: (straight.tables[cohort_2[n]].service, rank_2[n])
    )
    assert roster.uid[numbers].tolist() == straight.uid[wanted].tolist()


def test_renumbering_keeps_every_series() -> None:
    roster = met(A, DB, B, A_LOAD)
    roster.renumber(roster.streams())
    found = roster.find(uids(A, B, A_LOAD, DB))
    members = [roster.tables[roster.cohort[i]].members[roster.row[i]] for i in found]
    assert [m.uid for m in members] == uids(A, B, A_LOAD, DB).tolist()


# ------------------------------------------------------------------ streams and series


def stream(label: str, minute: float = 0.0, *, part: str = "", counter: bool = False) -> Named:
    one = msgspec.structs.replace(
        series("a", "request.rate"),
        labels=(("route", label),) if label else (),
        parts=(("status", part),) if part else (),
        counter=Counter("rate") if counter else None,
    )
    return named(one, minute)


def labels_of(roster: Roster, one: Named) -> Labels:
    number = roster.find(uids(one))[0]
    member = roster.tables[int(roster.cohort[number])].members[int(roster.row[number])]
    return member.series.labels


def test_streams_that_differ_in_their_parts_are_one_series() -> None:
    ok, failed = stream("/", part="500"), stream("/", part="503")
    roster = met(ok, failed, stream("/", counter=True))
    assert len(roster.tables[0].members) == 1
    assert len(set(roster.row[roster.find(uids(ok, failed))])) == 1
    assert roster.tables[0].members[0].series == stream("/").series


def test_label_sets_beyond_the_bound_are_one_series() -> None:
    ways = [stream(f"/{i}", minute=i) for i in range(5)]
    roster = met(*ways, stream(""))
    assert [labels_of(roster, way) for way in ways] == [
        (("route", "/0"),), (("route", "/1"),), *[(("label_sets", "other"),)] * 3,
    ]  # fmt: skip
    assert labels_of(roster, stream("")) == ()


@given(st.permutations([stream(f"/{i}", minute=i // 2) for i in range(6)]), st.integers(0, 6))
def test_which_label_sets_are_told_apart_depends_on_time_and_name_alone(
    ways: list[Named], cut: int
) -> None:
    roster = Roster(max_label_sets=3, every_ms=EVERY_MS)
    roster.meet(ways[:cut])
    roster.meet(ways[cut:])
    ticks = np.array([w.ts_ms // 60_000 for w in ways])
    roster.place(roster.find(uids(*ways)), ticks, spec, table, unlimited())
    apart = {w.series.labels for w in ways if labels_of(roster, w) == w.series.labels}
    assert apart == {(("route", f"/{i}"),) for i in range(3)}


def test_a_snapshot_keeps_streams_and_names_without_a_place() -> None:
    ways = [stream(f"/{i}", part="x", counter=True) for i in range(4)]
    roster = met(*ways)
    late = stream("/9")
    roster.meet([late])
    kept = [labels_of(roster, way) for way in ways]
    roster.renumber(roster.streams())
    assert [labels_of(roster, way) for way in ways] == kept
    number = roster.find(uids(late, *ways))
    assert roster.row[number[0]] == -1
    assert roster.kind[number].tolist() == [PLAIN, RATE, RATE, RATE, RATE]
    assert roster.streams().unplaced == (late,)


def test_a_stream_beside_its_series_is_given_back_after_a_day_of_silence() -> None:
    ways = [stream(f"/{i}") for i in range(4)]  # the last two are of one series
    roster = met(*ways)
    roster.heard[roster.find(uids(*ways))] = 3
    assert not roster.has_stale(3 + STALE_WINDOWS)
    assert roster.has_stale(4 + STALE_WINDOWS)
    roster.heard[roster.find(uids(ways[3]))] = 4
    roster.give_back(4 + STALE_WINDOWS, lambda _: False)
    assert (roster.find(uids(*ways), all_known=False) >= 0).tolist() == [True, True, False, True]


def test_what_is_full_gives_streams_back_after_a_window() -> None:
    ways = [stream(f"/{i}") for i in range(4)]
    roster = met(*ways)
    roster.heard[:] = 3
    roster.heard[roster.find(uids(ways[3]))] = 4
    roster.give_back(5, lambda account: account == "1")
    assert (roster.find(uids(*ways), all_known=False) >= 0).tolist() == [True, True, False, True]
    assert roster.accounts() == (["1"], ["1"] * 4)  # "other" itself is one, and three streams
