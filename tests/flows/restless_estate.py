"""An estate whose faults come and go, and where a single sample is odd now and then, as a file."""

from pathlib import Path

import numpy as np

from config.app import App
from connectors.files import FileSource
from flows.labels import Fault, Labels
from tests.operators.small_estate import (
    DETECT,
    INGEST,
    MINUTE_MS,
    START_MS,
    TRIAGE,
    point,
)

RESOURCES, FAULTY, MINUTES = 20, 9, 460
FIRST, EVERY, LASTS = 270, 15, 40  # minutes


def _begins(resource: int) -> int:
    return FIRST + EVERY * resource


def _is_high(resource: int, minute: int) -> bool:
    since = minute - _begins(resource)
    return resource < FAULTY and 0 <= since < LASTS and since % 10 < 4


def labels() -> Labels:
    """Return what is wrong."""
    return Labels(
        tuple(
            Fault(
                f"F{r}",
                START_MS + _begins(r) * MINUTE_MS,
                START_MS + (_begins(r) + LASTS) * MINUTE_MS,
                frozenset({f"i-{r}"}),
                service="aws.ec2",
            )
            for r in range(FAULTY)
        )
    )


def write(folder: Path) -> None:
    """Write the samples; each resource has an account of its own."""
    rng = np.random.default_rng(5)
    lines = []
    for minute in range(MINUTES):
        for r in range(RESOURCES):
            high = _is_high(r, minute)
            odd = r >= FAULTY and minute == FIRST + EVERY * (r - FAULTY) + EVERY // 2
            latency = (400.0 if high or odd else 80.0) + rng.normal(0, 4.0)
            cpu = (60.0 if high else 20.0) + rng.normal(0, 1.5)
            for metric, value in (("latency", latency), ("cpu.utilization", cpu)):
                lines.append(point(f"i-{r}", metric, minute, value, account=str(r)))
    (folder / "all.jsonl").write_bytes(b"\n".join(lines) + b"\n")


def settings(folder: Path) -> App:
    """Return the settings that run over the files."""
    files = FileSource((str(folder),), format="foreshock-json")
    return App(sources=(files,), sinks=(), ingest=INGEST, detect=DETECT, triage=TRIAGE)
