"""The variants that are compared, each run in this process."""

import threading
from collections.abc import Sequence

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main

from benchmarks import per_event
from benchmarks.estate import METRICS, PARTITIONS, MemoryOrigin, Panel, Plan
from benchmarks.run import Run, Watch
from benchmarks.steps import Steps
from benchmarks.tap import Tap
from config.catalogue import load_catalogue
from connectors.formats.registry import create_decoder
from connectors.partition import IntakeSettings
from connectors.source import Intake
from flows.detect import Outputs, build
from models.fusion import DETECTORS
from operators.detect_settings import DetectSettings
from operators.ingest import NEVER_MS, Ingest, Ingested, IngestSettings
from operators.keygroup import GroupSettings
from operators.rules import Rule
from operators.triage import TriageSettings
from schema import Chunk, Closed, Decoded, Decoder, SeriesTable, Tally, Transition

FORMAT = "cloudwatch-json"
TICKS_BEFORE, TICKS_TIMED, RESOURCES_A_SLICE = 5, 8, 250  # of the per-event way: 10,000 samples
RULES = (
    Rule("cpu_saturated", "cpu.utilization", above=95.0, for_ticks=5),
    Rule("errors", "error.count", service="aws.*", above=1000.0, for_ticks=3, severity="CRITICAL"),
)


class Bare:
    """Decodes and keeps nothing; implements connectors.origin.Stage."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._table = SeriesTable()
        self.watermark_ms = NEVER_MS

    def feed(self, chunk: Chunk) -> Decoded:
        """Decode."""
        decoded = self._decoder(chunk.payloads, self._table)
        self.watermark_ms = max(self.watermark_ms, int(decoded.batch.ts_ms.max()))
        return decoded

    def advance(self, position: int, watermark_ms: int) -> Decoded:
        """Take no idle mark: no partition of the benchmark is idle."""
        raise NotImplementedError

    def end(self) -> Decoded:
        """Decode nothing."""
        return self._decoder([], self._table)

    def snapshot(self) -> tuple[int | None, bytes]:
        """Keep nothing."""
        return None, b""


def bare(resources: int, samples: int) -> Run:
    """Decode and discard, in a Bytewax flow from the same source."""
    watch = Watch()
    catalogue = load_catalogue()
    plan = Plan.of(resources, samples)
    plan = msgspec.structs.replace(plan, lead_in=plan.lead_in[-5:])
    source: Intake[Decoded] = Intake(
        [MemoryOrigin(plan, watch.outside, watch.start)],
        lambda *_: Bare(create_decoder(FORMAT, catalogue)),
        groups=IngestSettings().groups,
        stop=threading.Event(),
        settings=IntakeSettings(),
    )
    timed = 0

    def discard(item: Decoded) -> None:
        nonlocal timed
        timed += len(item.batch.value) if watch.running else 0

    flow = Dataflow("bare")
    op.output("out", op.input("in", flow, source), Tap(discard))
    run_main(flow)
    return watch.stop("bare", resources, timed)


def whole(
    resources: int, samples: int, *, profile: bool = False, without: Sequence[str] = ()
) -> Run:
    """Run the product's flow, with its default settings and two rules."""
    watch = Watch(Steps())
    if profile:
        watch.steps.watch_product()
    catalogue = load_catalogue()
    settings = IngestSettings()

    def stage(name: str, partition: str, index: int, resume: bytes | None) -> Ingest:
        decoder = create_decoder(FORMAT, catalogue)
        return Ingest(settings, decoder, name, partition, index, resume)

    source: Intake[Ingested] = Intake(
        [MemoryOrigin(Plan.of(resources, samples), watch.outside, watch.start)],
        stage,
        groups=settings.groups,
        stop=threading.Event(),
        settings=IntakeSettings(),
    )
    detectors = tuple(name for name in DETECTORS if name not in without)
    detect = DetectSettings(detectors=detectors, rules=RULES)
    opened: set[str] = set()
    timed = scored = 0

    def on_transition(item: Transition) -> None:
        if watch.running and item.event == "opened":
            opened.add(item.incident.id)

    def on_tally(item: Tally) -> None:
        nonlocal timed
        timed += item.samples if watch.running else 0

    def on_word(item: Closed) -> None:
        nonlocal scored
        scored += item.scored if watch.running else 0

    flow = build(
        source,
        GroupSettings(settings.groups, len(PARTITIONS), settings.tick_s, detect, catalogue),
        TriageSettings(),
        Outputs([Tap(on_transition)], tallies=[Tap(on_tally)], progress=[Tap(on_word)]),
    )
    run_main(flow)
    run = watch.stop("profile" if profile else "whole", resources, timed)
    return msgspec.structs.replace(run, incidents=len(opened), scored=scored)


def one_by_one(resources: int) -> Run:
    """Do it a sample an item, on a slice of the estate; forests are taught before."""
    plan = Plan.of(resources, 0)
    panels = [Panel(plan, part) for part in range(len(PARTITIONS))]
    size = RESOURCES_A_SLICE * METRICS
    lines = [
        line
        for minute in range(TICKS_BEFORE + TICKS_TIMED)
        for line in b"\n".join(p for panel in panels for p in panel.payloads(minute)).split(b"\n")[
            :size
        ]
    ]
    watch = Watch()
    rows = 0

    def on_row(_: object) -> None:
        nonlocal rows
        rows += watch.running

    flow = per_event.build(lines, TICKS_BEFORE * size, watch.start, Tap(on_row))
    run_main(flow)
    run = watch.stop("per-event", resources, TICKS_TIMED * size)
    return msgspec.structs.replace(run, scored=rows)
