"""From the key groups' feature rows to one trained and calibrated forest a service. Pure.

The older part of the rows is fitted to, the next calibrates the scores, and by the newest the
forest is judged, which has seen neither.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models import calibration
from models.flat_forest import FlatForest, score_rows
from models.fusion import DETECTORS
from models.isolation_forest import IsolationForestSettings, fit_forest
from operators.reservoir import MAX_METRICS, VIEW_NAMES
from schema import F64, I64, FeatureBatch, stable_id

FITTED, CALIBRATED = 0.6, 0.2  # shares of the rows, from the oldest on; the rest judges
MAX_JUDGED = 1_024  # rows that judge, and are kept with the model
RAW_SCALE = 10.0  # what the flow multiplies a forest's score by before it learns its tail

F32 = npt.NDArray[np.float32]

MISSING_VIEW = f":{VIEW_NAMES[-1]}"


@dataclass(frozen=True, slots=True)
class Trained:
    """A forest and what is known of it."""

    service: str
    names: tuple[str, ...]  # of the columns, five a metric
    forest: FlatForest
    tails: F64  # (detectors, 3); count 0 for those that a forest says nothing of
    rows: int  # that it was fitted to
    calibrated_rows: int
    judged: F32  # (n, columns) newer rows that it has not seen
    seed: int
    from_ms: int  # event times that the rows were taken from, half-open
    until_ms: int


def by_service(batches: Iterable[FeatureBatch]) -> dict[str, list[FeatureBatch]]:
    """Return the batches that have rows, by service, in an order that depends on them alone."""
    found: dict[str, list[FeatureBatch]] = {}
    filled = [batch for batch in batches if batch.rows.size]
    for batch in sorted(filled, key=lambda b: (b.service, b.names, b.rows.tobytes())):
        found.setdefault(batch.service, []).append(batch)
    return found


def merge(
    batches: Sequence[FeatureBatch], weight: Callable[[str], float], seed: int
) -> tuple[tuple[str, ...], F32, I64]:
    """Return column names, rows and ticks of one service, of each batch as many as it stands for.

    Rows are `(n, 5 * metrics)` float32, the oldest first; a metric that a batch does not have is
    missing in its rows; the metrics of most weight are kept. Each batch is a sample of `drawn_from`
    rows, whatever its own size, so taking them whole would make the resources of a small group
    count for more.
    """
    metrics = {name.rpartition(":")[0] for batch in batches for name in batch.names}
    heaviest = sorted(metrics, key=lambda metric: (-weight(metric), metric))[:MAX_METRICS]
    names = tuple(f"{metric}:{view}" for metric in sorted(heaviest) for view in VIEW_NAMES)
    of_all = sum(batch.drawn_from for batch in batches)
    most = min(len(batch.rows) * of_all / batch.drawn_from for batch in batches)
    draw = np.random.default_rng(seed)
    parts = []
    ticks = []
    for batch in batches:
        count = max(1, round(most * batch.drawn_from / of_all))
        picked = draw.permutation(len(batch.rows))[:count]
        parts.append(as_columns(batch.rows[picked], batch.names, names))
        ticks.append(batch.tick_ms[picked])
    rows, tick_ms = np.concatenate(parts), np.concatenate(ticks)
    order = np.argsort(tick_ms, kind="stable")
    return names, rows[order], tick_ms[order]


def as_columns(rows: F32, names: Sequence[str], wanted: Sequence[str]) -> F32:
    """Return `(n, len(wanted))` of rows with other columns; what they do not have is missing."""
    at = {name: i for i, name in enumerate(names)}
    out = np.zeros((len(rows), len(wanted)), np.float32)
    for i, name in enumerate(wanted):
        if name in at:
            out[:, i] = rows[:, at[name]]
        elif name.endswith(MISSING_VIEW):
            out[:, i] = 1.0
    return out


def train(
    service: str,
    batches: Sequence[FeatureBatch],
    weight: Callable[[str], float],
    settings: IsolationForestSettings,
) -> Trained | int:
    """Return the forest of a service; how many rows there are if too few of them are to fit to."""
    seed = (settings.seed + stable_id(service)) % (1 << 32)
    names, rows, _ = merge(batches, weight, seed)
    if len(rows) < rows_needed(settings):
        return len(rows)
    first, second = round(len(rows) * FITTED), round(len(rows) * (FITTED + CALIBRATED))
    fitted, calibrating, newest = rows[:first], rows[first:second], rows[second:]
    forest = fit_forest(fitted.astype(np.float64), settings.trees, settings.max_samples, seed=seed)
    tails = np.zeros((len(DETECTORS), calibration.WIDTH))
    scores = score_rows(forest, calibrating.astype(np.float64))
    tails[DETECTORS.index("isolation_forest")] = tail_of(scores * RAW_SCALE)
    spread = np.linspace(0, len(newest) - 1, min(len(newest), MAX_JUDGED)).astype(np.int64)
    return Trained(
        service,
        names,
        forest,
        tails,
        rows=len(fitted),
        calibrated_rows=len(calibrating),
        judged=newest[spread],
        seed=seed,
        from_ms=min(batch.from_ms for batch in batches),
        until_ms=max(batch.until_ms for batch in batches),
    )


def rows_needed(settings: IsolationForestSettings) -> int:
    """Return how many rows a service must have for a forest.

    >>> rows_needed(IsolationForestSettings(min_rows=512))
    854
    """
    return int(np.ceil(settings.min_rows / FITTED))


def tail_of(raw: F64) -> F64:
    """Return count, quantile and excess of scores at once, where the flow learns them singly.

    The excess is that of an exponential law with their median, as there.

    >>> tail_of(np.arange(101.0)).round(2).tolist()
    [101.0, 98.0, 2.16]
    """
    quantile = float(np.quantile(raw, 1.0 - calibration.TAIL))
    over = raw[raw > quantile] - quantile
    excess = float(np.median(over)) / np.log(2.0) if over.size else 0.0
    return np.array([float(raw.size), quantile, excess])
