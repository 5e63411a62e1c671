from hypothesis import given
from hypothesis import strategies as st

from connectors.formats.generations import Generations


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 20)), max_size=200))
def test_never_holds_more_than_two_generations_and_never_lies(puts: list[tuple[int, int]]) -> None:
    cache: Generations[int, int] = Generations(max_entries=5, max_bytes=60)
    for key, size in puts:
        found = cache.get(key)
        if found is None:
            found = cache.recall(key, size)
        if found is None:
            cache.put(key, key * 7, size)
        else:
            assert found == key * 7
        assert len(cache) <= 10


def test_what_is_in_use_survives_a_flood() -> None:
    cache: Generations[str, int] = Generations(max_entries=10, max_bytes=10**6)
    cache.put("hot", 1, 1)
    for i in range(1000):
        assert cache.get("hot") == 1 or cache.recall("hot", 1) == 1
        cache.put(f"cold{i}", i, 1)


def test_bytes_are_bounded_too_and_a_giant_is_not_kept() -> None:
    cache: Generations[str, int] = Generations(max_entries=1000, max_bytes=100)
    for i in range(50):
        cache.put(f"k{i}", i, 30)
    assert len(cache) <= 6
    cache.put("giant", 1, 101)
    assert cache.get("giant") is None
