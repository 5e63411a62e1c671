from collections.abc import Iterator
from threading import Thread

import pytest

from connectors.callback_store import LATE_MS, CallbackStore, Held, Made
from connectors.incident_store import IncidentStore
from schema import Act, Feedback

ACT = Act("req-1", "inc-1", "ack", 60_000, "ann (via slack)")
WORD = Feedback("inc-1", "false_positive", (), 60_000, "ann (via slack)", "", "req-2")


@pytest.fixture
def store(store_url: str) -> Iterator[CallbackStore]:
    IncidentStore(store_url, create=True).close()
    made = CallbackStore(store_url)
    yield made
    made.close()


def test_who_comes_first_has_it_and_a_copy_finds_what_he_made_of_it(
    store: CallbackStore, store_url: str
) -> None:
    assert store.find("slack:1") is None
    assert store.claim("slack:1", 9_000, (ACT, WORD), 1_000) is None
    other = CallbackStore(store_url)  # another process, or the same after a restart
    try:
        assert other.claim("slack:1", 9_000, (), 1_000) == Held(Made((ACT, WORD), 1_000), "")
        store.finish("slack:1", "it is requested \x00")
        assert other.find("slack:1") == Held(Made((ACT, WORD), 1_000), "it is requested \ufffd")
    finally:
        other.close()


def test_of_many_at_once_one_comes_first(store: CallbackStore) -> None:
    found: list[Held | None] = []

    def claim() -> None:
        found.append(store.claim("slack:1", 9_000, (ACT,), 1_000))

    threads = [Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(None) == 1
    assert found.count(Held(Made((ACT,), 1_000), "")) == 7


def test_what_is_stale_is_forgotten_and_nothing_before(store: CallbackStore) -> None:
    store.claim("slack:1", 9_000, (ACT,), 1_000)
    store.claim("slack:2", 9_000, (), 9_000 + LATE_MS)
    assert store.find("slack:1") is not None
    store.claim("slack:3", 9_000_000, (), 9_001 + LATE_MS)
    assert store.find("slack:1") is None
