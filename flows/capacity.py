"""How large a cluster must be, from what a resource and a sample were measured to cost.

`make bench-memory` and `make bench` take the figures anew; they depend on the machine.
"""

import math

import msgspec

from connectors.recovery_store import RecoverySettings

# Measured on two cores shared with other work, x86-64, Python 3.11, five metrics a resource, all
# detectors as by default. What an estate takes more of depends on its names, formats and faults.
PROCESS_BYTES = 420e6  # resident, of one that has loaded libraries and kernels and follows little
SERIES_BYTES = 8_600.0  # 5,700 in arrays (4,000 of it the last thousand values, 960 the week),
# 2,260 names and places in the key group, 640 in the source that announces it: 100,000 resources
COHORT_BYTES = 400e3  # a service in a key group: reservoir and forests, by the size of their arrays
SERIES_SNAPSHOT_BYTES = 4_260.0  # at worst: a full past that is all noise; 400 where it is new
COHORT_SNAPSHOT_BYTES = 100e3
SNAPSHOT_S_A_BYTE = 8e-9  # of processor, to compress and to write it
SAMPLE_S = 12.2e-6  # of processor, from bytes to alerts: benchmarks/README.md, 20,000 resources
BUSY = 0.5  # share of a core that is planned with: the rest is for catching up and for storms
SECONDS_IN_FLIGHT = 300.0  # samples between watermark and newest, in event time
SAMPLE_IN_FLIGHT_BYTES = 24.0
TICK_S = 60.0


class Estate(msgspec.Struct, frozen=True):
    """What is to be watched."""

    resources: int
    metrics: int = 5  # of a resource
    interval_s: float = 60.0  # between samples of a series
    services: int = 10
    groups: int = 16

    def __post_init__(self) -> None:
        for name in ("resources", "metrics", "services", "groups"):
            if not 1 <= getattr(self, name) <= 1_000_000_000:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        if not 1.0 <= self.interval_s <= 86_400.0:
            raise ValueError(f"interval must be in [1, 86400] s, got {self.interval_s!r}")


class Capacity(msgspec.Struct, frozen=True):
    """What it takes."""

    samples_per_s: float
    workers: int  # processes, a core each
    memory_bytes: float  # of all of them
    memory_a_worker_bytes: float
    snapshot_bytes: float  # of everything: what an epoch writes if all groups were touched
    snapshot_s_a_worker: float
    notes: tuple[str, ...] = ()


def capacity_of(estate: Estate) -> Capacity:
    """Return what an estate takes."""
    series = estate.resources * estate.metrics
    samples_per_s = series / estate.interval_s
    busy = samples_per_s * SAMPLE_S
    workers = max(1, math.ceil(busy / BUSY))
    cohorts = estate.services * estate.groups
    snapshot = series * SERIES_SNAPSHOT_BYTES + cohorts * COHORT_SNAPSHOT_BYTES
    held = series * SERIES_BYTES + cohorts * COHORT_BYTES
    held += samples_per_s * SECONDS_IN_FLIGHT * SAMPLE_IN_FLIGHT_BYTES
    memory = workers * PROCESS_BYTES + held
    return Capacity(
        samples_per_s,
        workers,
        memory,
        memory / workers,
        snapshot,
        snapshot * SNAPSHOT_S_A_BYTE / workers,
        tuple(_notes(estate, workers, snapshot * SNAPSHOT_S_A_BYTE / workers)),
    )


def _notes(estate: Estate, workers: int, snapshot_s: float) -> list[str]:
    out = [f"sources need {workers} partitions or more: a partition is read by one worker"]
    if snapshot_s > 0.1 * RecoverySettings().snapshot_interval_s:
        out.append(
            f"recovery.snapshot_interval_s should be {math.ceil(10 * snapshot_s)} or more, so that "
            "snapshots take a tenth of the time; or more workers"
        )
    if workers > 1 and estate.groups < 4 * workers:
        better = -(-4 * workers // 24) * 24
        out.append(
            f"ingest.groups {estate.groups} is few for {workers} workers: {better} spread evenly; "
            "it is fixed for the life of a recovery store"
        )
    if workers > 16:
        out.append("triage is one key on one worker: split by account or application before that")
    if estate.interval_s > TICK_S:
        out.append("fewer samples a series: a detector takes as many samples to warm, so longer")
    return out
