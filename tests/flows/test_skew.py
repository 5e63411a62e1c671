"""However uneven the partitions, two workers do not stall, hold little, and tell the same."""

import threading
from pathlib import Path

import pytest
from bytewax.testing import TestingSink, cluster_main, run_main

from connectors.control_log import FileControlLog
from connectors.incident_wire import outcome_digest
from connectors.pace import Pace
from connectors.partition import IntakeSettings
from connectors.source import Intake
from flows.detect import Outputs, build
from operators.ingest import Ingested
from schema import Transition
from tests.flows.estate_origin import estate_stage
from tests.flows.uneven_origin import TICKS, UnevenOrigin, parts
from tests.operators.small_estate import INGEST, TRIAGE, group_settings

SETTINGS = IntakeSettings(max_skew_s=600.0, idle_s=0.2)
WITHIN_S = 60.0


class Watched(Pace):
    """Opens the doors of the origin when it is their time, and keeps how far one got ahead."""

    def __init__(self, origin: UnevenOrigin, count: int) -> None:
        super().__init__(Pace.local(count)._table)
        self.origin, self.furthest_ms = origin, 0

    def lowest_ms(self) -> int | None:
        lowest = super().lowest_ms()
        known = self._table[self._table[:, 1] > -(1 << 61), 1]
        if len(known) and lowest is not None and lowest <= -(1 << 61):
            self.furthest_ms = max(self.furthest_ms, int(known.max() - known.min()))
        if lowest is not None and len(known) and known.max() - lowest > SETTINGS.max_skew_s * 1000:
            self.origin.answers.set()  # somebody has to wait for it
        last = len(self) - 1
        if self.ended_besides(last):
            self.origin.over.set()
        return lowest


def outcome(count: int, folder: Path, *, uneven: bool) -> tuple[list[Transition], Watched]:
    origin = UnevenOrigin(count, uneven)
    pace = Watched(origin, count)
    source: Intake[Ingested] = Intake(
        [origin],
        estate_stage,
        groups=INGEST.groups,
        stop=threading.Event(),
        settings=SETTINGS,
        pace=pace,
        control_log=FileControlLog(folder / "control.jsonl") if uneven else None,
    )
    out: list[Transition] = []
    flow = build(source, group_settings(count), TRIAGE, Outputs([TestingSink(out)]))
    if uneven:
        cluster_main(flow, [], 0, worker_count_per_proc=2)
    else:
        run_main(flow)
    return out, pace


@pytest.mark.parametrize("count", [1, 3, 7, 64])
def test_uneven_partitions_over_two_workers_change_nothing(tmp_path: Path, count: int) -> None:
    wanted, _ = outcome(count, tmp_path, uneven=False)
    assert len({t.incident.id for t in wanted}) >= 1
    found, pace = outcome(count, tmp_path, uneven=True)
    assert outcome_digest(found) == outcome_digest(wanted)
    assert sum(map(len, parts(count))) == (100 + max(0, count - 2)) * TICKS
    chunk_ms = 60_000 * 50  # a partition of one resource reads so far at once
    assert pace.furthest_ms <= SETTINGS.max_skew_s * 1000 + chunk_ms
