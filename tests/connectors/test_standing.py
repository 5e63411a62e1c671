"""How detection stands reaches Prometheus and the incident store, and repeats change nothing."""

import sqlite3
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from connectors.incident_store import IncidentStore
from connectors.standing_meters import StandingMeters
from connectors.standing_store import DAY_MS, KEPT_DAYS, StandingRow, StandingSink, StandingStore
from schema import Closed, Standing

NOW = Standing(
    "aws.ec2", "v1", 8, 2, 90_000, 100, 3, (("1", 90), ("more", 10)), (("temporal", 50, 60.0),)
)
LATER = msgspec.structs.replace(
    NOW, version="v2", warming=0, warm_ms=0, scored=150, anomalous=4,
    scores=(("1", 140), ("more", 10)), detectors=(("temporal", 90, 100.0),),
)  # fmt: skip


def word(*standings: Standing, group: int = 0, until_ms: int = DAY_MS) -> Closed:
    return Closed(group, until_ms, False, standings=standings)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def shown(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"foreshock_{name}", {"service": "aws.ec2", **labels})


def test_counters_count_on_from_word_to_word_and_over_groups(registry: CollectorRegistry) -> None:
    meters = StandingMeters(registry)
    for words in ([word(NOW)], [word(NOW), word(LATER)], [word(NOW, group=1)]):
        meters.take(words)
    assert shown(registry, "rows_scored_total") == 250
    assert shown(registry, "rows_anomalous_total") == 7
    assert shown(registry, "scores_total", up_to="1") == 230
    assert shown(registry, "detector_rows_total", detector="temporal") == 140
    assert shown(registry, "detector_surprise_total", detector="temporal") == 160
    assert (shown(registry, "resources"), shown(registry, "resources_warming")) == (16, 2)
    assert shown(registry, "warm_timestamp_seconds") == 90


def test_the_model_in_use_is_that_of_the_newest_word(registry: CollectorRegistry) -> None:
    meters = StandingMeters(registry)
    meters.take([word(NOW), word(NOW, group=1), word(LATER)])
    assert shown(registry, "model_info", version="v1") == 1  # the other group's
    meters.take([word(LATER, group=1)])
    assert shown(registry, "model_info", version="v1") is None
    assert shown(registry, "model_info", version="v2") == 1


def test_a_group_that_begins_anew_is_counted_from_there(registry: CollectorRegistry) -> None:
    meters = StandingMeters(registry)
    meters.take([word(LATER), word(NOW)])
    assert shown(registry, "rows_scored_total") == 250


@pytest.fixture
def store(tmp_path: Path) -> StandingStore:
    return StandingStore(f"sqlite:///{tmp_path / 'a.db'}", create=True)


def test_the_newest_word_of_each_service_and_group_is_kept(store: StandingStore) -> None:
    rds = msgspec.structs.replace(NOW, service="aws.rds")
    store.keep([word(NOW, rds), word(LATER, until_ms=DAY_MS + 5)])
    store.keep([word(NOW, group=1)])
    store.keep([word(NOW, group=1)])
    assert store.newest() == [
        StandingRow(0, DAY_MS + 5, LATER), StandingRow(1, DAY_MS, NOW), StandingRow(0, DAY_MS, rds),
    ]  # fmt: skip
    assert store.newest("aws.rds") == [StandingRow(0, DAY_MS, rds)]
    assert store.newest("aws.elb") == []
    store.close()


def test_a_row_a_day_is_kept_and_days_long_over_are_not(
    store: StandingStore, tmp_path: Path
) -> None:
    for day in range(KEPT_DAYS + 5):
        store.keep([word(NOW, until_ms=day * DAY_MS), word(LATER, until_ms=day * DAY_MS + 9)])
    with sqlite3.connect(tmp_path / "a.db") as connection:
        days = [day for (day,) in connection.execute("SELECT day FROM model_statistics")]
    connection.close()
    assert sorted(days) == list(range(4, KEPT_DAYS + 5))
    assert store.newest() == [StandingRow(0, (KEPT_DAYS + 4) * DAY_MS + 9, LATER)]
    store.close()


def test_a_sink_keeps_what_is_said_beside_the_incidents(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    part = StandingSink(url).build("progress", 0, 1)
    part.write_batch([word(), word(NOW)])
    part.close()
    IncidentStore(url).close()
    store = StandingStore(url)
    assert [row.standing for row in store.newest()] == [NOW]
    store.close()
