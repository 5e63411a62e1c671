"""The benchmarks of the store run, in a short form; their figures are those of this machine."""

from pathlib import Path

import pytest

from benchmarks import latency, store
from benchmarks.stored import incidents


def test_pages_are_found_and_every_query_is_timed(store_url: str) -> None:
    store.fill(store_url, 2_000)
    results = {each.name: each for each in store.measure(store_url, 2)}
    assert results["first page"].found == store.PAGE
    assert results["one incident"].found == 1
    assert results["a word that is nowhere"].found == 0
    assert all(each.worst_ms >= each.median_ms > 0 for each in results.values())


def test_the_same_seed_gives_the_same_incidents() -> None:
    assert list(incidents(50)) == list(incidents(50))
    assert len({each.incident.id for each in incidents(500)}) == 500


@pytest.mark.parametrize("a_minute", [10, 100])
def test_every_event_of_the_flow_is_timed_until_it_is_stored(tmp_path: Path, a_minute: int) -> None:
    result = latency.measure(f"sqlite:///{tmp_path}/a.db", a_minute, ticks=5)
    assert result.events > 0
    assert 0 < result.p50_ms <= result.p99_ms <= result.worst_ms
