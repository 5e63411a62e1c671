"""The same input gives the same incidents, whatever the schedule, batch size and crashes."""

import threading
from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, run_main
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from config.app import App
from connectors.files import FileSource
from connectors.incident_wire import outcome_digest
from connectors.partition import IntakeSettings
from connectors.scored_windows import Spool, Window
from connectors.source import Intake
from flows.detect import Outputs, build
from flows.replay import replay
from operators.drift import DriftSettings
from operators.ingest import Ingested
from schema import Transition
from tests.flows.estate_origin import EstateOrigin, estate_stage
from tests.operators.small_estate import (
    DETECT,
    INGEST,
    PARTITIONS,
    TRIAGE,
    Machine,
    Schedule,
    estate,
    group_settings,
    unbroken,
)

SCHEDULES = st.builds(
    Schedule,
    order=st.lists(st.integers(0, PARTITIONS - 1), max_size=12),
    sizes=st.lists(st.sampled_from([1, 2, 7, 40, 300, 5000]), min_size=1, max_size=6).filter(
        lambda sizes: max(sizes) >= 40
    ),
    batches=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    lag=st.integers(1, 6),
    reverse=st.booleans(),
)
EASY = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def wanted(seed: int = 1) -> str:
    return outcome_digest(unbroken(estate(seed)).said)


def test_the_outcome_is_worth_comparing() -> None:
    machine = unbroken(estate())
    points = sum(map(len, estate()))
    assert len({said.incident.id for said in machine.said}) >= 5
    assert machine.counted.late > 10
    assert machine.counted.rejected > 10
    counted = machine.counted
    assert counted.samples + counted.late + counted.rejected == points


def test_another_seed_gives_another_outcome() -> None:
    assert wanted(1) != wanted(2)


@EASY
@given(SCHEDULES)
def test_chunks_and_interleaving_do_not_matter(schedule: Schedule) -> None:
    assert outcome_digest(unbroken(estate(), schedule).said) == wanted()


def test_nor_does_it_matter_when_attributes_change() -> None:
    parts = estate(1, new_teams_at=264)
    at_once = unbroken(parts, Schedule(sizes=(5000,)))
    assert outcome_digest(at_once.said) == outcome_digest(unbroken(parts).said)


@EASY
@given(SCHEDULES, SCHEDULES, st.integers(1, 60), st.integers(0, 30))
def test_a_crash_and_a_resume_do_not_matter(
    before: Schedule, after: Schedule, saved_at: int, lost: int
) -> None:
    first = Machine(estate())
    for _ in range(saved_at):
        before.advance(first)
    saved = first.save()
    for _ in range(lost):  # comes out twice: sinks put up with it
        before.advance(first)
    second = Machine(estate(), saved)
    while not second.done:
        after.advance(second)
    second.save()
    assert outcome_digest([*first.said, *second.said]) == wanted()


# ------------------------------------------------------------------ the real flow


def run(
    origin: EstateOrigin, out: list[Transition], recovery: RecoveryConfig | None = None
) -> None:
    source: Intake[Ingested] = Intake(
        [origin],
        estate_stage,
        groups=INGEST.groups,
        stop=threading.Event(),
        settings=IntakeSettings(),
    )
    flow = build(source, group_settings(PARTITIONS), TRIAGE, Outputs([TestingSink(out)]))
    run_main(
        flow,
        epoch_interval=timedelta(0),
        recovery_config=recovery,
    )


@pytest.mark.parametrize("size", [1, 100, 5000])
def test_the_flow_gives_what_the_operators_give_by_hand(size: int) -> None:
    out: list[Transition] = []
    run(EstateOrigin(size), out)
    assert outcome_digest(out) == wanted()


@pytest.mark.parametrize("crash_at", [150, 1111, 2600])
def test_a_flow_that_crashes_goes_on_to_the_same_outcome(tmp_path: Path, crash_at: int) -> None:
    init_db_dir(tmp_path, 1)
    recovery = RecoveryConfig(tmp_path, backup_interval=timedelta(0))
    out: list[Transition] = []
    with pytest.raises(RuntimeError, match="error"):
        run(EstateOrigin(50, crash_at), out, recovery)
    resumed = EstateOrigin(70)
    run(resumed, out, recovery)
    assert min(position or 0 for position in resumed.opened_at) > 0
    assert outcome_digest(out) == wanted()


def test_files_give_the_same_on_one_process_and_on_two(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for i, part in enumerate(estate()):
        (data / f"{i}.jsonl").write_bytes(b"\n".join(part) + b"\n")
    files = FileSource((str(data),), format="foreshock-json", chunk_payloads=70)
    app = App(sources=(files,), sinks=(), ingest=INGEST, detect=DETECT, triage=TRIAGE)
    judged = []
    for workers in (1, 2):
        outcome = replay(app, workers=workers, spool=tmp_path / f"spool-{workers}")
        assert outcome_digest(outcome.transitions) == wanted()
        assert outcome.counts.samples > 7_000
        judged.append(Spool(tmp_path / f"spool-{workers}"))
    assert_equal_spools(judged[0], judged[1], outcome.counts.samples)


def in_bytes(found: Iterable[tuple[object, ...]]) -> list[bytes]:
    return [np.asarray(column).tobytes() for columns in found for column in columns]


def assert_equal_spools(one: Spool, two: Spool, samples: int) -> None:
    """Whoever judged a sample, it is read back the same."""
    assert one.series == two.series
    whole = [
        Window(s.series.resource.key, 0, 1 << 60, s.series.metric, s.series.labels)
        for s in one.series
    ]
    curves, verdicts = one.curves(whole), one.verdicts(whole)
    assert in_bytes(curves.values()) == in_bytes(two.curves(whole).values())
    assert in_bytes(verdicts.values()) == in_bytes(two.verdicts(whole).values())
    assert list(curves) == list(verdicts) == whole
    ticks = sum(len(curve.ts_ms) for curve in curves.values())
    assert samples / 2 < ticks <= samples  # of several samples in a tick, one is judged
    assert max(each.score.max() for each in verdicts.values()) > 4.1


@pytest.mark.parametrize("lead_s", [60.0, 900.0, 7_200.0])
def test_how_far_the_control_log_leads_does_not_matter(tmp_path: Path, lead_s: float) -> None:
    """Its watermark may be past the newest sample before the sources are known to be over."""
    for i, part in enumerate(estate()):
        (tmp_path / f"{i}.jsonl").write_bytes(b"\n".join(part[: len(part) * 9 // 10]) + b"\n")
    files = FileSource((str(tmp_path),), format="foreshock-json", chunk_payloads=7)
    app = App(sources=(files,), sinks=(), ingest=INGEST, detect=DETECT, triage=TRIAGE)
    led = replay(replace(app, drift=DriftSettings(accept_after_s=lead_s)))
    free = replay(replace(app, drift=DriftSettings(enabled=False)))
    assert outcome_digest(led.transitions) == outcome_digest(free.transitions)
