"""How the estate stands is a row a key group; heat only rises, and is forgotten in time."""

import random
from collections.abc import Iterator

import msgspec
import pytest

from connectors.live_store import LiveStore
from schema import HeatCell, LiveState, LiveWord
from tests.connectors.made_evidence import BUCKET_MS, OFF, word
from tests.connectors.made_transitions import OPENED_MS

replace = msgspec.structs.replace
HOUR_MS = 3_600_000
NOW_MS = OPENED_MS + 4_000


@pytest.fixture
def store(store_url: str) -> Iterator[LiveStore]:
    opened = LiveStore(store_url, create=True, heat_hours=24.0, clock_ms=lambda: NOW_MS)
    yield opened
    opened.close()


def heated(until_ms: int, *cells: HeatCell) -> LiveWord:
    return replace(word(0, until_ms), heat=cells)


def test_where_nothing_was_said_nothing_is_known(store: LiveStore) -> None:
    assert store.live() == LiveState()
    assert store.heat().cells == ()


def test_all_groups_together_are_the_estate(store: LiveStore) -> None:
    store.keep([word(0), word(1, OPENED_MS - 1_000)])
    live = store.live()
    assert (live.watermark_ms, live.said_ms, live.lag_ms) == (OPENED_MS - 1_000, NOW_MS, 5_000)
    assert live.samples_per_s == 140.0
    assert live.anomaly_rate == 6 / 800
    assert [(each.cloud, each.service, each.health) for each in live.clouds] == [
        ("aws", "", "off"),
        ("gcp", "", "silent"),
    ]
    rds, gce = live.services
    assert (rds.service, rds.resources, rds.off, rds.anomaly_rate) == ("aws.rds", 20, 2, 0.01)
    assert (gce.service, gce.resources, gce.silent, gce.samples_per_s) == ("gcp.gce", 10, 1, 40.0)
    assert live.resources == (OFF,)
    assert live.more == 6
    assert store.live(most=0).more == 7


def test_a_row_a_group_is_kept_whatever_comes_again(store: LiveStore) -> None:
    words = [word(group, OPENED_MS + 30_000 * at) for at in range(5) for group in (0, 1)]
    store.keep(words)
    live, hot = store.live(), store.heat()
    random.Random(7).shuffle(words)
    for each in (*words, *words):
        store.keep([each])
    store.keep([])
    assert (store.live(), store.heat()) == (live, hot)
    assert live.watermark_ms == OPENED_MS + 120_000


def test_groups_that_are_no_more_are_forgotten(store: LiveStore) -> None:
    store.keep([word(0), word(1)])
    store.keep([word(0, OPENED_MS + 60_000, groups=1)])
    assert store.live().watermark_ms == OPENED_MS + 60_000


def test_heat_is_the_most_of_each_bucket_oddest_resource_first(store: LiveStore) -> None:
    start_ms = OPENED_MS - OPENED_MS % BUCKET_MS
    store.keep([heated(OPENED_MS, HeatCell("a", start_ms, 1.5), HeatCell("b", start_ms, 0.7))])
    store.keep([heated(OPENED_MS, HeatCell("a", start_ms, 1.2))])
    store.keep([heated(OPENED_MS + BUCKET_MS + 60_000, HeatCell("b", start_ms + BUCKET_MS, 3.0))])
    seen = store.heat(start_ms, start_ms + 2 * BUCKET_MS)
    assert seen.cells == (
        HeatCell("b", start_ms, 0.7),
        HeatCell("b", start_ms + BUCKET_MS, 3.0),
        HeatCell("a", start_ms, 1.5),
    )
    assert (seen.from_ms, seen.to_ms) == (start_ms, start_ms + 2 * BUCKET_MS)
    assert (seen.bucket_ms, seen.more) == (BUCKET_MS, 0)
    assert store.heat(start_ms, start_ms + 2 * BUCKET_MS, most=1).more == 1
    assert store.heat(start_ms, start_ms + BUCKET_MS).cells[0] == HeatCell("a", start_ms, 1.5)
    assert len(store.heat().cells) == 3


def test_a_long_time_is_shown_in_longer_buckets(store: LiveStore) -> None:
    start_ms = OPENED_MS - OPENED_MS % (24 * HOUR_MS)
    cells = [HeatCell("a", start_ms + BUCKET_MS * at, 1.0 + at) for at in range(8)]
    store.keep([heated(OPENED_MS, *cells)])
    seen = store.heat(start_ms, start_ms + 96 * HOUR_MS)
    assert seen.bucket_ms == HOUR_MS
    assert seen.cells == (HeatCell("a", start_ms, 4.0), HeatCell("a", start_ms + HOUR_MS, 8.0))


def test_a_time_that_ends_before_it_begins_is_refused(store: LiveStore) -> None:
    with pytest.raises(ValueError, match="from_ms must be at most to_ms, got 2 and 1"):
        store.heat(2, 1)


def test_old_heat_is_forgotten(store: LiveStore) -> None:
    start_ms = OPENED_MS - OPENED_MS % BUCKET_MS
    store.keep([heated(OPENED_MS, HeatCell("a", start_ms, 1.5))])
    later_ms = OPENED_MS + 25 * HOUR_MS
    store.keep([heated(later_ms, HeatCell("b", later_ms - later_ms % BUCKET_MS, 0.7))])
    assert [cell.resource for cell in store.heat(0, later_ms + HOUR_MS).cells] == ["b"]
