"""What is kept for screens is the same, row by row, for any number of workers and after a crash."""

import sqlite3
import threading
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import cluster_main, run_main

from connectors.incident_store import IncidentStore, IncidentStoreSink, SqlSink
from connectors.live_sink import LiveSink
from connectors.live_store import LiveStore
from connectors.partition import IntakeSettings
from connectors.plots_store import PlotsSink, PlotsStore
from connectors.source import Intake
from connectors.store_check import check_store
from flows.detect import Outputs, build
from operators.evidence import EvidenceSettings
from operators.gauge import LiveSettings
from operators.ingest import Ingested
from tests.flows.estate_origin import EstateOrigin, estate_stage
from tests.operators.small_estate import INGEST, PARTITIONS, TRIAGE, group_settings

Rows = list[tuple[object, ...]]
ASKED = replace(group_settings(PARTITIONS), evidence=EvidenceSettings(), live=LiveSettings())
OUTCOME = (
    "SELECT * FROM evidence ORDER BY incident_id, name",
    "SELECT * FROM heat ORDER BY start_ms, resource",
    "SELECT group_index, until_ms, body FROM live_state ORDER BY group_index",
)


def flow_into(url: str, origin: EstateOrigin) -> Dataflow:
    source: Intake[Ingested] = Intake(
        [origin],
        estate_stage,
        groups=INGEST.groups,
        stop=threading.Event(),
        settings=IntakeSettings(),
    )
    outputs = Outputs(
        [IncidentStoreSink(SqlSink(url))], evidence=[PlotsSink(url)], live=[LiveSink(url)]
    )
    return build(source, ASKED, TRIAGE, outputs)


def stored(path: Path) -> list[Rows]:
    connection = sqlite3.connect(path)
    rows = [connection.execute(query).fetchall() for query in OUTCOME]
    connection.close()
    return rows


@cache
def wanted() -> list[Rows]:
    """Return what one worker keeps that nobody disturbs."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        run_main(flow_into(f"sqlite:///{path}", EstateOrigin(100)))
        return stored(path)


def test_the_outcome_is_worth_comparing() -> None:
    evidence, heat, live = wanted()
    assert len({row[0] for row in evidence}) >= 5  # incidents
    assert len(evidence) > 10
    assert len(heat) > 10
    assert len(live) == INGEST.groups


def test_two_workers_keep_what_one_does(tmp_path: Path) -> None:
    flow = flow_into(f"sqlite:///{tmp_path / 'a.db'}", EstateOrigin(70))
    cluster_main(flow, [], 0, worker_count_per_proc=2)
    assert stored(tmp_path / "a.db") == wanted()


@pytest.mark.parametrize("crash_at", [150, 1111, 2600])
def test_a_crash_changes_nothing(tmp_path: Path, crash_at: int) -> None:
    init_db_dir(tmp_path, 1)
    recovery = RecoveryConfig(tmp_path, backup_interval=timedelta(0))
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with pytest.raises(RuntimeError, match="error"):
        run_main(
            flow_into(url, EstateOrigin(50, crash_at)),
            epoch_interval=timedelta(0),
            recovery_config=recovery,
        )
    run_main(
        flow_into(url, EstateOrigin(70)), epoch_interval=timedelta(0), recovery_config=recovery
    )
    assert stored(tmp_path / "a.db") == wanted()
    assert check_store(url).faults == ()


def test_every_incident_that_was_told_of_has_the_plots_of_its_main_members(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    run_main(flow_into(url, EstateOrigin(100)))
    incidents, plots = IncidentStore(url), PlotsStore(url)
    listed = incidents.list_incidents()
    assert listed
    for incident in listed:
        kept = plots.plots_of(incident)
        assert incident.members[0].resource.key in {plot.resource for plot in kept}
        most = 2 * 4 * 3 * (1 + len(incident.merged))
        assert len(kept) <= 2 * most  # alerts of metrics, and of rules or silence
        for plot in kept:
            assert plot.ts_ms[0] < plot.onset_ms <= plot.until_ms
    incidents.close()
    plots.close()
    live = LiveStore(url)
    assert live.live().watermark_ms is not None
    assert live.heat().cells
    live.close()
