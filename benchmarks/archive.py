"""An archive of minutes as Parquet, a file a day, as `foreshock backtest` reads it.

Every number is drawn from (seed, day): an archive of a week is the beginning of one of a month.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schema import F64

START_MS = 1_772_323_200_000  # 2026-03-01, a Sunday
MINUTES = 1440  # a day
METRICS = 5  # a resource
FAULTS_A_DAY, FAULT_MINUTES = 3, 20

# service, metrics, their usual values; a fault hits the first two
_SERVICES = (
    (
        "aws.ec2",
        (
            "cpu.utilization",
            "disk.latency",
            "network.in.bytes",
            "memory.utilization",
            "request.rate",
        ),
        (25.0, 4.0, 2e7, 40.0, 900.0),
    ),
    (
        "aws.rds",
        ("query.latency", "cpu.utilization", "request.rate", "connections", "disk.utilization"),
        (12.0, 20.0, 700.0, 80.0, 55.0),
    ),
    (
        "azure.vm",
        ("cpu.utilization", "latency", "request.rate", "memory.available", "network.out.bytes"),
        (30.0, 60.0, 1500.0, 8e9, 3e7),
    ),
    (
        "gcp.cloudrun",
        ("latency", "error.count", "request.rate", "memory.utilization", "cpu.utilization"),
        (90.0, 5.0, 2500.0, 35.0, 22.0),
    ),
)


def archive(folder: Path, resources: int, days: int, seed: int = 7) -> list[Path]:
    """Return the files of the first `days`, written once into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{resources}-{seed}-{day:03d}.parquet" for day in range(days)]
    for day, file in enumerate(files):
        if not file.exists():
            part = file.with_suffix(".part")
            pq.write_table(_day(resources, day, seed), part, row_group_size=131_072)
            part.rename(file)
    return files


def about(resources: int) -> dict[str, list[str]]:
    """Return what each series is called, by column: a resource's metrics one after the other."""
    of = [_SERVICES[i % len(_SERVICES)] for i in range(resources)]
    each = {
        "resource": [f"r-{i:017x}" for i in range(resources)],
        "service": [service for service, _, _ in of],
        "cloud": [service.split(".")[0] for service, _, _ in of],
        "account": [f"{111122220000 + i // 20 % 4}" for i in range(resources)],
        "region": [f"region-{i // 100 % 5}" for i in range(resources)],
    }
    texts = {name: [cell for cell in cells for _ in range(METRICS)] for name, cells in each.items()}
    return {**texts, "metric": [metric for _, metrics, _ in of for metric in metrics]}


def _day(resources: int, day: int, seed: int) -> pa.Table:
    """Return a day's samples, minute by minute."""
    value = _values(resources, day, seed).reshape(-1)
    series = resources * METRICS
    ts_ms = START_MS + (day * MINUTES + np.arange(MINUTES)) * 60_000
    row = pa.array(np.tile(np.arange(series, dtype=np.int32), MINUTES))
    return pa.table(
        {
            "timestamp": pa.array(np.repeat(ts_ms, series), pa.timestamp("ms", "UTC")),
            **{
                name: pa.array(cells).dictionary_encode().take(row)
                for name, cells in about(resources).items()
            },
            "value": value,
        }
    )


def _values(resources: int, day: int, seed: int) -> F64:
    """Return (minutes, resources, metrics): a rhythm of the day, noise, and some faults."""
    usual = np.array([service[2] for service in _SERVICES])[np.arange(resources) % len(_SERVICES)]
    usual = usual * np.random.default_rng(seed).uniform(0.5, 1.5, usual.shape)
    minute = np.arange(MINUTES)
    rhythm = 1.0 + 0.2 * np.sin(2.0 * np.pi * minute / MINUTES)
    draws = np.random.default_rng((seed, day))
    noise = draws.normal(0.0, 0.05, (MINUTES, *usual.shape))
    value: F64 = usual * (rhythm[:, None, None] + noise)
    for resource, start in zip(
        draws.integers(resources, size=FAULTS_A_DAY),
        draws.integers(MINUTES - FAULT_MINUTES, size=FAULTS_A_DAY),
        strict=True,
    ):
        value[start : start + FAULT_MINUTES, resource, :2] *= 3.0
    return value
