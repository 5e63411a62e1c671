"""Feature rows as key groups hand them out, made by hand, and a trainer's settings for them."""

from pathlib import Path

import numpy as np

from config.app import App
from connectors.simulator.settings import SimulatorSource
from models.isolation_forest import IsolationForestSettings
from operators.detect_settings import DetectSettings
from operators.ingest import IngestSettings
from operators.reservoir import VIEW_NAMES
from schema import FeatureBatch

MINUTE_MS = 60_000
GROUPS = 2
METRICS = ("cpu.utilization", "memory.utilization")
FOREST = IsolationForestSettings(trees=10, max_samples=64, min_rows=120, reservoir_rows=512)


def app_for(models: Path, control_log: Path | None = None) -> App:
    return App(
        sources=(SimulatorSource(days=0.1, resources=3),),
        sinks=(),
        models=str(models),
        control_log=None if control_log is None else str(control_log),
        ingest=IngestSettings(groups=GROUPS),
        detect=DetectSettings(isolation_forest=FOREST),
    )


def batch(
    seed: int,
    *,
    count: int = 300,
    spread: float = 1.0,
    since: int = 0,
    metrics: tuple[str, ...] = METRICS,
    service: str = "aws.ec2",
) -> FeatureBatch:
    """Return rows of `count` minutes from minute `since` on."""
    names = tuple(f"{metric}:{view}" for metric in metrics for view in VIEW_NAMES)
    rows = np.random.default_rng(seed).normal(0.0, spread, (count, len(names)))
    rows[:, len(VIEW_NAMES) - 1 :: len(VIEW_NAMES)] = 0.0
    ticks = (np.arange(count, dtype=np.int64) + since) * MINUTE_MS
    until_ms = (since + count) * MINUTE_MS
    return FeatureBatch(
        service, names, rows.astype(np.float32), ticks, since * MINUTE_MS, until_ms, count
    )
