"""A flow that commands itself comes to one outcome, be the trainer slow and the source fast."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from connectors.control_log import FileControlLog
from connectors.incident_wire import decode_transition, outcome_digest
from connectors.pace import Pace
from flows.launch import run as launch
from schema import Drift, Promotion
from tests.flows.commanded_flow import EVENTS, LEAD_MS, LOG, ROWS, Handed, commanded_flow
from tests.operators.made_commands import MINUTE_MS, drift
from tests.operators.small_estate import INGEST, MINUTES, PARTITIONS, START_MS

HOUR_0 = START_MS / MINUTE_MS
FIRST = drift(HOUR_0 + 90, HOUR_0 + 95, HOUR_0 + 215)  # rows are handed out at 185
SECOND = drift(HOUR_0 + 200, HOUR_0 + 205, HOUR_0 + 285, service="aws.rds")
DRIFTS = (FIRST, SECOND)
DEADLINE_S = 120.0


@dataclass(frozen=True)
class Outcome:
    digest: str
    handed: tuple[Handed, ...]


def outcome(folder: Path) -> Outcome:
    events = [decode_transition(line) for line in (folder / EVENTS).read_bytes().splitlines()]
    return Outcome(outcome_digest(events), tuple(sorted(set(handed(folder)))))


def handed(folder: Path) -> list[Handed]:
    lines = (folder / ROWS).read_bytes() if (folder / ROWS).exists() else b""
    return msgspec.json.Decoder(Handed).decode_lines(lines[: lines.rfind(b"\n") + 1])


class Trainer(threading.Thread):
    """Answers each request once all groups have handed out their rows and `ready` says so."""

    def __init__(
        self, folder: Path, drifts: tuple[Drift, ...], ready: Callable[[Drift], bool]
    ) -> None:
        super().__init__()
        self._folder, self._drifts, self._ready = folder, drifts, ready
        self.gave_up = False

    def run(self) -> None:
        log = FileControlLog(self._folder / LOG)
        deadline = time.monotonic() + DEADLINE_S
        for asked in self._drifts:
            while not (self._has_rows(asked) and self._ready(asked)):
                if time.monotonic() > deadline:
                    self.gave_up = True
                    return
                threading.Event().wait(0.005)
            log.append(Promotion(asked.service, "v2", asked.retrain_by_ms, asked.id))

    def _has_rows(self, asked: Drift) -> bool:
        groups = {rows.group for rows in handed(self._folder) if rows.request == asked.id}
        return len(groups) == INGEST.groups


def stands_at(folder: Path) -> Callable[[Drift], bool]:
    """Say whether the flow has come to a standstill at a request: the sources pause, all judged."""
    frontier = Pace.shared(folder / "frontier", 1)
    pace = Pace.shared(folder / "pace", PARTITIONS + 1)

    def stands(asked: Drift) -> bool:
        tick_ms = asked.retrain_by_ms // MINUTE_MS * MINUTE_MS
        assert (frontier.lowest_ms() or 0) <= tick_ms  # nobody has gone past it
        others_ms = pace.lowest_other_ms(0)  # the control log is the first of the partitions
        ahead = others_ms is None or others_ms > asked.retrain_by_ms
        return frontier.lowest_ms() == tick_ms and ahead

    return stands


def run(
    folder: Path,
    size: int = 100,
    workers: int = 1,
    ready: Callable[[Drift], bool] = lambda _: True,
) -> Outcome:
    trainer = Trainer(folder, DRIFTS, ready)
    trainer.start()
    try:
        launch(partial(commanded_flow, folder, DRIFTS, size, None, DEADLINE_S), processes=workers)
    finally:
        trainer.join()
    assert not trainer.gave_up
    return outcome(folder)


@cache
def wanted() -> Outcome:
    with TemporaryDirectory() as folder:
        return run(Path(folder))


def test_the_outcome_is_worth_comparing() -> None:
    found = wanted().handed
    assert [(rows.request, rows.group) for rows in found] == sorted(
        (asked.id, group) for asked in DRIFTS for group in range(INGEST.groups)
    )
    for rows in found:
        asked = FIRST if rows.request == FIRST.id else SECOND
        assert rows.from_ms >= asked.effective_ms
        assert rows.until_ms < asked.retrain_by_ms
        assert rows.rows
    assert max(asked.retrain_by_ms for asked in DRIFTS) < START_MS + MINUTES * MINUTE_MS - LEAD_MS


@pytest.mark.parametrize(("size", "workers"), [(7, 1), (5000, 1), (100, 2)])
def test_a_slow_trainer_stops_a_fast_source_and_nothing_else_changes(
    tmp_path: Path, size: int, workers: int
) -> None:
    assert run(tmp_path, size, workers, stands_at(tmp_path)) == wanted()


def test_without_an_answer_the_flow_goes_on_in_the_end(tmp_path: Path) -> None:
    launch(partial(commanded_flow, tmp_path, DRIFTS, 100, None, 0.2))
    answers = [r for r in FileControlLog(tmp_path / LOG).read() if isinstance(r, Promotion)]
    assert answers == [
        Promotion(asked.service, "", asked.retrain_by_ms, asked.id, "timed out") for asked in DRIFTS
    ]
    assert outcome(tmp_path).handed == wanted().handed


@pytest.mark.parametrize("crash_at", [900, 1600])
def test_a_flow_that_crashes_goes_on_to_the_same_outcome(tmp_path: Path, crash_at: int) -> None:
    store = tmp_path / "store"
    store.mkdir()
    init_db_dir(store, 1)
    recovery = RecoveryConfig(store, backup_interval=timedelta(0))
    trainer = Trainer(tmp_path, DRIFTS, lambda _: True)
    trainer.start()
    try:
        for at in (crash_at, None):
            for name in ("pace", "frontier"):  # each run has its own
                (tmp_path / name).unlink(missing_ok=True)
            flow = commanded_flow(tmp_path, DRIFTS, 50, at, DEADLINE_S, threading.Event())
            try:
                run_main(flow, epoch_interval=timedelta(0), recovery_config=recovery)
            except RuntimeError:
                assert at is not None
            else:
                assert at is None
    finally:
        trainer.join()
    assert outcome(tmp_path) == wanted()
