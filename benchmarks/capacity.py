"""Measure what a resource costs: `python -m benchmarks.capacity [RESOURCES]`.

Memory is the growth of the resident set, not counting what the process has before; snapshots are
those of all key groups; time is the processor's, for minutes after the detectors are warm. The
figures go into `flows/capacity.py` by hand, with the date and the machine.
"""

import gc
import sys
import time

import numpy as np
import psutil

from benchmarks.estate import METRICS, MINUTE_MS, PARTITIONS, START_MS, Panel, Plan
from config.catalogue import load_catalogue
from connectors.formats.registry import create_decoder
from operators.detect_settings import DetectSettings
from operators.ingest import Ingest, IngestSettings
from operators.keygroup import GroupSettings, KeyGroup
from operators.keygroup_state import dump
from operators.packing import group_in
from schema import Chunk


def measure(resources: int) -> dict[str, float]:
    """Return bytes and microseconds of an estate of so many resources with five metrics each."""
    settings, catalogue = IngestSettings(), load_catalogue()
    shape = GroupSettings(settings.groups, len(PARTITIONS), 60, DetectSettings(), catalogue)
    groups = [KeyGroup(shape, i) for i in range(settings.groups)]
    stages = []
    for i, name in enumerate(PARTITIONS):
        decoder = create_decoder("cloudwatch-json", catalogue)
        stages.append(Ingest(settings, decoder, "bench", name, i))
    # some thirty samples in ten minutes each warm the detectors; three minutes more are timed
    plan = Plan(
        resources, tuple(range(0, 330, 10)), tuple(range(330, 333)), faults=1, fault_minutes=0
    )
    panels = [Panel(plan, i) for i in range(len(PARTITIONS))]
    before = _resident()
    decoding = scoring = 0.0
    for minute in plan.minutes:
        timed = minute >= plan.timed[0]
        for stage, panel in zip(stages, panels, strict=True):
            payloads = panel.payloads(minute)
            stamps = np.full(len(payloads), START_MS + minute * MINUTE_MS, np.int64)
            at = time.process_time()
            packed = stage.feed(Chunk(payloads, range(len(payloads)), 0, stamps)).packed
            decoded = time.process_time()
            for _, buffer in packed:
                groups[group_in(buffer)].feed(buffer)
            decoding += (decoded - at) * timed
            scoring += (time.process_time() - decoded) * timed
        at = time.process_time()
        for group in groups:
            group.close()
        scoring += (time.process_time() - at) * timed
    gc.collect()
    memory = _resident() - before
    at = time.perf_counter()
    snapshot = sum(len(dump(group)) for group in groups)
    took = time.perf_counter() - at
    samples = len(plan.timed) * resources * METRICS
    return {
        "resources": resources,
        "bytes_a_resource": memory / resources,
        "snapshot_bytes_a_resource": snapshot / resources,
        "snapshot_us_a_resource": took / resources * 1e6,
        "ingest_us_a_sample": decoding / samples * 1e6,
        "detect_us_a_sample": scoring / samples * 1e6,
    }


def _resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    for name, value in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000).items():
        print(f"{name:28} {value:12,.2f}")
