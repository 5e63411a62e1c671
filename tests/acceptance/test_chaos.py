"""Killed workers, restarted brokers, another number of workers, a database away: nothing changes.

A few minutes of it, or all of it with CHAOS=1: `make chaos`.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.chaos import Chaos, Plan, Run, of_kafka, of_sql, settings, simulate
from tests.kafka.broker import Broker, BrokerError
from tests.postgres.server import Postgres, PostgresError

ALL = bool(os.environ.get("CHAOS"))
DAYS, RESOURCES = (1.0, 150) if ALL else (0.2, 48)
PLAN = (
    Plan(kills=30, processes=(1, 2, 4, 1), broker_restarts=3, away_s=300.0)
    if ALL
    else Plan(kills=2, processes=(1, 2), broker_restarts=1, away_s=1.0)
)
INCIDENTS = 50 if ALL else 10


@pytest.fixture
def broker() -> Iterator[Broker]:
    try:
        with Broker() as own:
            yield own
    except BrokerError as ex:
        pytest.skip(f"needs a real broker: {ex}")


@pytest.fixture
def own_postgres() -> Iterator[Postgres | None]:
    """A server that may be stopped; None: there is none, and nothing is taken away."""
    try:
        with Postgres() as own:
            yield own
    except PostgresError:
        yield None


def made(tmp_path: Path, name: str, postgres: Postgres | None) -> tuple[Path, str]:
    folder = tmp_path / name
    folder.mkdir()
    url = postgres.database() if postgres else f"sqlite:///{folder / 'incidents.db'}"
    return folder, url


@pytest.mark.integration
def test_chaos_changes_no_event(
    broker: Broker, own_postgres: Postgres | None, tmp_path: Path
) -> None:
    simulate(broker, DAYS, RESOURCES)
    whole, whole_url = made(tmp_path, "whole", own_postgres)
    assert Run(settings(whole, broker, whole_url), 1).wait() == 0
    wanted = of_sql(whole_url)
    assert len({incident for incident, _, _ in wanted}) >= INCIDENTS

    broken, url = made(tmp_path, "broken", own_postgres)
    told = Chaos(settings(broken, broker, url), PLAN, broker, own_postgres).run()
    assert told.kills == PLAN.kills
    assert told.with_open_work >= PLAN.kills * 2 // 3
    assert told.stops == len(PLAN.processes) - 1
    assert told.broker_restarts == PLAN.broker_restarts

    assert of_sql(url) == wanted
    assert (broken / "incidents.jsonl").read_bytes() == (whole / "incidents.jsonl").read_bytes()
    untouched, none = of_kafka(broker, "incidents.whole")
    events, dropped = of_kafka(broker, "incidents.broken")
    incidents = len({incident for incident, _, _ in events})
    sys.stdout.write(f"{len(events)} events of {incidents} incidents, {dropped} told twice\n")
    assert none == 0
    assert sorted(events) == sorted(untouched) == sorted(wanted)
