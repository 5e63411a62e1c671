"""A flow that commands itself: it finds drifts where a test says so, and waits for the answers.

Children import this module by name.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Dataflow, operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from connectors.control_log import ControlLog, FileControlLog
from connectors.control_sink import ControlSink, Judged
from connectors.control_source import ControlSettings, ControlSource, Guide
from connectors.incident_store import IncidentStoreSink, SqlSink
from connectors.incident_wire import encode_transition
from connectors.line_file import LineFileSink
from connectors.pace import Pace
from connectors.partition import IntakeSettings
from connectors.source import Intake
from operators.barrier import Barrier
from operators.control_stage import Broadcast
from operators.detect import detect_anomalies
from operators.ingest import Ingested
from operators.triage import transitions_of, triage_alerts
from schema import Closed, Drift, TrainingRows
from tests.flows.estate_origin import EstateOrigin, estate_stage
from tests.operators.small_estate import INGEST, PARTITIONS, TRIAGE, group_settings

MINUTE_MS = 60_000
LEAD_MS = 5 * MINUTE_MS
EVENTS, ROWS, LOG = "events", "rows", "control.jsonl"


class Handed(msgspec.Struct, frozen=True, order=True):
    """Training rows, as a line."""

    request: str
    group: int
    from_ms: int
    until_ms: int
    rows: bytes


class FinderState(msgspec.Struct):
    barrier: Barrier
    passed_ms: int = 0


class _Finder(StatefulBatchLogic[Closed, Judged, bytes]):
    """Finds a drift when the frontier passes its `found_ms`."""

    def __init__(self, drifts: Sequence[Drift], resume: bytes | None) -> None:
        self._drifts = drifts
        self._state = FinderState(Barrier.of(INGEST.groups))
        if resume is not None:
            self._state = msgspec.msgpack.decode(resume, type=FinderState)

    def on_batch(self, values: list[Closed]) -> tuple[list[Judged], bool]:
        out: list[Judged] = []
        for closed in values:
            ready = self._state.barrier.admit(msgspec.structs.replace(closed, anomalies=()))
            if ready is not None:
                passed_ms, self._state.passed_ms = self._state.passed_ms, ready.frontier_ms
                found = [d for d in self._drifts if passed_ms < d.found_ms <= ready.frontier_ms]
                out.append((ready.frontier_ms, tuple(found)))
        return out, self.RETAIN

    def snapshot(self) -> bytes:
        return msgspec.msgpack.encode(self._state)


@operator
def find(step_id: str, up: KeyedStream[Closed], drifts: Sequence[Drift]) -> KeyedStream[Judged]:
    """Find `drifts`."""
    words = op.map("one_key", up, lambda item: ("all", item[1]))
    return op.stateful_batch("finder", words, lambda resume: _Finder(drifts, resume))


def commanded_flow(
    folder: Path,
    drifts: tuple[Drift, ...],
    size: int,
    crash_at: int | None,
    wait_s: float,
    stop: threading.Event,
    *,
    store: str = "",
) -> Dataflow:
    """Build the flow over the small estate; what comes out goes into files of `folder`.

    Incidents go into a store, too, where its URL is given.
    """
    frontier = Pace.shared(folder / "frontier", 1)
    log = FileControlLog(folder / LOG)

    def open_log() -> ControlLog:
        return log

    def stage(index: int, resume: bytes | None) -> Broadcast:
        return Broadcast(INGEST, index, resume)

    guide = Guide(
        MINUTE_MS, lead_ms=LEAD_MS, waits=True, slack_ms=round(INGEST.out_of_order_s * 1000)
    )
    source: Intake[Ingested] = Intake(
        [EstateOrigin(size, crash_at)],
        estate_stage,
        groups=INGEST.groups,
        stop=stop,
        settings=IntakeSettings(),
        pace=Pace.shared(folder / "pace", PARTITIONS + 1),
        control=ControlSource(log, stage, guide, ControlSettings(0.01, wait_s), frontier),
    )
    flow = Dataflow("commanded")
    packed = op.flat_map("by_group", op.input("read", flow, source), lambda item: item.packed)
    said = detect_anomalies("detect", packed, group_settings(PARTITIONS + 1))
    words = op.filter_map_value("words", said, lambda x: x if isinstance(x, Closed) else None)
    rows = op.filter_map_value("rows", said, lambda x: x if isinstance(x, TrainingRows) else None)
    events = transitions_of("transitions", triage_alerts("triage", words, TRIAGE, INGEST.groups))
    op.output("events", events, LineFileSink(folder / EVENTS, encode_transition))
    if store:
        op.output("store", events, IncidentStoreSink(SqlSink(store)))
    op.output(
        "keep",
        op.map_value("line", _one_key(rows), _handed),
        LineFileSink(folder / ROWS, msgspec.json.encode),
    )
    op.output("judged", find("find", words, drifts), ControlSink(open_log, frontier))
    return flow


def _one_key(rows: KeyedStream[TrainingRows]) -> KeyedStream[TrainingRows]:
    return op.map("one_file", rows, lambda item: ("all", item[1]))


def _handed(rows: TrainingRows) -> Handed:
    batch = rows.batch
    return Handed(rows.request, rows.group, batch.from_ms, batch.until_ms, batch.rows.tobytes())
