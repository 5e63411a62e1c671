import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.lookup import Lookup

IDS = st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=300)


def ids(*values: int) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    return np.array(values, np.uint64)


@pytest.mark.parametrize(
    ("held", "wanted", "rows"),
    [
        ((), (1,), [-1]),
        ((), (0,), [-1]),  # 0 is an id like any other, and so is the last
        ((0,), (0, 1), [0, -1]),
        ((2**64 - 1, 0), (0, 2**64 - 1), [1, 0]),
        ((5, 7), (), []),
        ((5, 7), (7, 7, 5, 6), [1, 1, 0, -1]),
    ],
)
def test_finds_rows_and_says_what_is_missing(
    held: tuple[int, ...], wanted: tuple[int, ...], rows: list[int]
) -> None:
    assert Lookup(ids(*held)).find(ids(*wanted)).tolist() == rows


def test_ids_that_fall_on_one_place_are_told_apart() -> None:
    same = [i << 40 for i in range(1, 30)]  # all in the same slot of a small table
    lookup = Lookup(ids(*same[:20]))
    for row, one in enumerate(same[20:], 20):
        lookup.add(one, row)
    assert lookup.find(ids(*same)).tolist() == list(range(29))


@given(IDS, st.integers(0, 300), IDS)
def test_does_what_a_dict_does(held: list[int], later: int, wanted: list[int]) -> None:
    first = held[: len(held) - later]
    lookup = Lookup(ids(*first))
    for row, one in enumerate(held[len(first) :], len(first)):
        lookup.add(one, row)
    known = {one: row for row, one in enumerate(held)}
    asked = [*wanted, *held]
    assert lookup.find(ids(*asked)).tolist() == [known.get(one, -1) for one in asked]
