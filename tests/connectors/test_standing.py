"""How detection stands reaches Prometheus and the incident store, and repeats change nothing."""

import sqlite3
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from connectors.drift_meters import STATES, DriftMeters
from connectors.incident_store import IncidentStore
from connectors.standing_meters import StandingMeters
from connectors.standing_store import (
    DAY_MS,
    KEPT_DAYS,
    DriftStandingSink,
    StandingRow,
    StandingSink,
    StandingStore,
)
from schema import Closed, DetectorStanding, Drift, DriftStanding, Standing

NOW = Standing(
    "aws.ec2",
    "v1",
    8,
    2,
    90_000,
    100,
    3,
    (("1", 90), ("more", 10)),
    (DetectorStanding("temporal", 50, 60.0, 2, (("4", 48), ("more", 2))),),
)
LATER = msgspec.structs.replace(
    NOW, version="v2", warming=0, warm_ms=0, scored=150, anomalous=4,
    scores=(("1", 140), ("more", 10)),
    detectors=(DetectorStanding("temporal", 90, 100.0, 5, (("4", 85), ("more", 5))),),
)  # fmt: skip


DRIFT = Drift("drift-1", "aws.ec2", 60_000, 120_000, 180_000, 900_000, 9, 0.9)
STEADY = DriftStanding("aws.ec2", 100_000, "steady", None, 40, 0.02, None, 0, None)
DRIFTING = DriftStanding("aws.ec2", 120_000, "drifting", 60_000, 6, 0.9, 90_000, 1, DRIFT)
ACCEPTED = msgspec.structs.replace(
    DRIFTING, until_ms=240_000, state="accepted", since_ms=180_000, window=30, share=0.2
)


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
    assert shown(registry, "detector_anomalous_total", detector="temporal") == 7
    assert shown(registry, "detector_scores_total", detector="temporal", up_to="4") == 133
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


def test_the_state_of_drift_is_one_of_those_that_there_are(registry: CollectorRegistry) -> None:
    meters = DriftMeters(registry)
    for each in (STEADY, DRIFTING, ACCEPTED):
        meters.take([each])
        states = {state: shown(registry, "drift_state", state=state) for state in STATES}
        assert states == {state: float(state == each.state) for state in STATES}
    assert shown(registry, "drift_since_timestamp_seconds") == 180
    assert shown(registry, "drift_last_timestamp_seconds") == 120
    assert shown(registry, "drift_odd_ratio") == 0.2
    assert shown(registry, "drift_window") == 30


def test_a_drift_is_counted_once_however_often_it_is_said(registry: CollectorRegistry) -> None:
    meters = DriftMeters(registry)
    meters.take([STEADY])
    assert shown(registry, "drifts_total") == 0
    meters.take([DRIFTING, DRIFTING, ACCEPTED])
    assert shown(registry, "drifts_total") == 1
    assert shown(registry, "drift_since_timestamp_seconds") == 180


def test_how_drift_stands_is_kept_as_it_is_now(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    part = DriftStandingSink(url).build("drift_standings", 0, 1)
    rds = msgspec.structs.replace(STEADY, service="aws.rds")
    for words in ([], [STEADY, rds, DRIFTING], [DRIFTING], [ACCEPTED]):
        part.write_batch(words)
    part.close()
    store = StandingStore(url)
    assert store.drifts() == [ACCEPTED, rds]
    assert store.drifts("aws.rds") == [rds]
    assert store.drifts("aws.elb") == []
    store.close()


def test_words_of_an_older_store_have_no_distribution(store: StandingStore, tmp_path: Path) -> None:
    store.keep([word(NOW)])
    with sqlite3.connect(tmp_path / "a.db") as connection:
        ((body,),) = connection.execute("SELECT body FROM model_statistics")
        older = msgspec.json.decode(body)
        older[-1] = [each[:3] for each in older[-1]]
        connection.execute("UPDATE model_statistics SET body = ?", (msgspec.json.encode(older),))
    connection.close()
    (row,) = store.newest()
    assert row.standing.detectors == (DetectorStanding("temporal", 50, 60.0),)
    store.close()
