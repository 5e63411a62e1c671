import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.root_cause import RootCauseSettings, Trouble, rank

MINUTE_MS = 60_000
Graph = dict[str, tuple[str, ...]]


def order(
    troubles: dict[str, Trouble], calls: Graph, delay_share: float = 0.5, since_ms: int = 0
) -> list[str]:
    def callees(name: str) -> tuple[str, ...]:
        return calls.get(name, ())

    return [name for name, _ in rank(troubles, callees, callees, since_ms, delay_share)]


CHAIN: Graph = {"front": ("cart",), "cart": ("db",)}


def test_a_caller_inherits_its_callees_trouble() -> None:
    troubles = {
        "front": Trouble(0, delay=((0, 5_000.0),)),
        "cart": Trouble(0, delay=((0, 4_900.0),)),
        "db": Trouble(0, delay=((0, 4_700.0),)),
    }
    assert order(troubles, CHAIN)[0] == "db"


def test_what_is_slow_by_itself_is_suspected_before_what_it_calls() -> None:
    troubles = {
        "front": Trouble(0, delay=((0, 5_000.0),)),
        "cart": Trouble(0, delay=((0, 4_900.0),)),
        "db": Trouble(0, delay=((0, 100.0),), symptom=80.0),
    }
    assert order(troubles, CHAIN)[0] == "cart"


def test_the_worst_tick_counts_even_where_it_has_recovered_since() -> None:
    troubles = {
        "a": Trouble(0, delay=((0, 9_000.0), (1, 10.0), (2, 10.0))),
        "b": Trouble(0, delay=((0, 800.0), (1, 900.0), (2, 900.0))),
    }
    assert order(troubles, {})[0] == "a"


def test_what_stood_before_is_taken_off() -> None:
    old = Trouble(0, delay=((0, 900.0), (5 * MINUTE_MS, 950.0)))
    new = Trouble(5 * MINUTE_MS, delay=((5 * MINUTE_MS, 400.0),))
    assert order({"old": old, "new": new}, {}, since_ms=MINUTE_MS)[0] == "new"


def test_alerts_of_failures_ask_for_failures() -> None:
    troubles = {
        "slow": Trouble(0, delay=((0, 9_000.0),), failed=((0, 1.0),)),
        "broken": Trouble(0, delay=((0, 10.0),), failed=((0, 80.0),)),
    }
    assert order(troubles, {}, delay_share=1.0)[0] == "slow"
    assert order(troubles, {}, delay_share=0.0)[0] == "broken"


def test_a_means_that_runs_out_is_a_cause_where_all_are_slow() -> None:
    troubles = {
        "front": Trouble(0, delay=((0, 500.0),)),
        "cart": Trouble(0, delay=((0, 450.0),), means=40.0),
        "db": Trouble(0, delay=((0, 400.0),)),
    }
    assert order(troubles, CHAIN)[0] in {"cart", "db"}
    assert order(troubles, {})[0] == "cart"


def test_without_counts_the_deepest_early_symptom_is_suspected() -> None:
    troubles = {name: Trouble(i * MINUTE_MS, symptom=5.0) for i, name in enumerate("cba")}
    assert order(troubles, {"a": ("b",), "b": ("c",)}) == ["c", "b", "a"]
    late = {"a": Trouble(0, symptom=9.0), "b": Trouble(60 * MINUTE_MS, symptom=9.0)}
    assert order(late, {"a": ("b",)})[0] == "a"  # what came an hour later explains nothing


def test_the_order_of_onset_decides_where_there_is_no_map() -> None:
    troubles = {name: Trouble(i * MINUTE_MS, symptom=5.0) for i, name in enumerate("zyx")}
    assert order(troubles, {}) == ["z", "y", "x"]


def test_what_is_seen_only_from_outside_comes_after_its_equals() -> None:
    same = ((0, 100.0),)
    troubles = {"a": Trouble(0, delay=same, outside=True), "b": Trouble(0, delay=same)}
    assert order(troubles, {}) == ["b", "a"]


def test_a_cycle_of_calls_ends() -> None:
    troubles = {"a": Trouble(0, symptom=5.0), "b": Trouble(0, symptom=6.0)}
    assert set(order(troubles, {"a": ("b", "a"), "b": ("a",)})) == {"a", "b"}


def test_nobody_is_suspected_of_nothing() -> None:
    assert rank({}, lambda _: (), lambda _: (), 0) == []
    alone = rank({"b": Trouble(9), "a": Trouble(0)}, lambda _: (), lambda _: (), 0)
    assert alone == [("a", 0.5), ("b", 0.5)]


amounts = st.floats(0, 1e12)
harms = st.lists(amounts, max_size=4).map(lambda a: tuple(enumerate(a)))
troubles_of = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(Trouble, st.integers(0, 9), harms, harms, amounts, amounts, st.booleans()),
    min_size=1,
)
graphs = st.dictionaries(
    st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=4).map(tuple)
)


@given(troubles_of, graphs, st.integers(0, 5), st.floats(0, 1))
def test_shares_are_of_one_and_the_order_of_input_does_not_matter(
    troubles: dict[str, Trouble], calls: Graph, since_ms: int, delay_share: float
) -> None:
    def callees(name: str) -> tuple[str, ...]:
        return calls.get(name, ())

    ranked = rank(troubles, callees, callees, since_ms, delay_share)
    turned = dict(reversed(troubles.items()))
    assert ranked == rank(turned, callees, callees, since_ms, delay_share)
    assert math.isclose(sum(share for _, share in ranked), 1.0, rel_tol=1e-9)
    assert all(0 < share <= 1 for _, share in ranked)
    assert {name for name, _ in ranked} <= set(troubles)


@pytest.mark.parametrize("given", [{"harm": -0.1}, {"outside": 1.1}, {"late_s": 0.0}])
def test_refuses_settings_that_make_no_sense(given: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be in"):
        RootCauseSettings(**given)


def test_a_symptom_long_before_all_others_is_another_story_but_a_means_takes_its_time() -> None:
    troubles = {
        "db": Trouble(20 * MINUTE_MS, symptom=8.0),
        "front": Trouble(22 * MINUTE_MS, symptom=8.0),
    }
    early = troubles | {"other": Trouble(5 * MINUTE_MS, symptom=9.0)}
    assert order(early, {"front": ("db",)}) == ["db", "front", "other"]
    leak = troubles | {"other": Trouble(5 * MINUTE_MS, means=9.0)}
    assert order(leak, {"front": ("db",)})[0] == "other"
