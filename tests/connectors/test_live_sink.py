"""Words of key groups are stored at a low rate, and none is lost at an epoch's end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.live_sink import BURST, LiveSink, LiveSinkPart
from connectors.live_store import LiveStore
from connectors.outage import Patience
from tests.connectors.made_evidence import word
from tests.connectors.made_transitions import OPENED_MS


class Now:
    """A clock that is set by hand."""

    at_s = 0.0

    def __call__(self) -> float:
        return self.at_s


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LiveStore]:
    opened = LiveStore(f"sqlite:///{tmp_path / 'a.db'}", create=True)
    yield opened
    opened.close()


def watermark_ms(store: LiveStore) -> int | None:
    return store.live().watermark_ms


def test_the_sink_makes_the_store(store_url: str) -> None:
    sink = LiveSink(store_url)
    assert sink.list_parts() == ["live"]
    part = sink.build_part("live", "live", None)
    part.write_batch([word(0)])
    part.close()
    store = LiveStore(store_url)
    assert store.live().watermark_ms == OPENED_MS
    store.close()


def test_after_a_burst_words_wait_for_the_next_second(store: LiveStore) -> None:
    now = Now()
    part = LiveSinkPart(store, Patience("store", 0.0), now)
    times = [OPENED_MS + 1_000 * at for at in range(round(BURST) + 1)]
    for until_ms in times[:-1]:
        part.write_batch([word(0, until_ms)])
        assert watermark_ms(store) == until_ms
    part.write_batch([word(0, times[-1])])
    assert watermark_ms(store) == times[-2]
    now.at_s = 1.0
    part.write_batch([])
    assert watermark_ms(store) == times[-1]


def test_nothing_waits_at_the_end_of_an_epoch(store: LiveStore) -> None:
    part = LiveSinkPart(store, Patience("store", 0.0), Now())
    for _ in range(round(BURST)):
        part.write_batch([word(0)])
    part.write_batch([word(0, OPENED_MS + 60_000)])
    assert watermark_ms(store) == OPENED_MS
    part.snapshot()
    assert watermark_ms(store) == OPENED_MS + 60_000
