"""From the key groups' feature rows to one trained and calibrated forest a service. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models import calibration
from models.flat_forest import FlatForest, score_rows
from models.fusion import DETECTORS
from models.isolation_forest import IsolationForestSettings, fit_forest
from operators.reservoir import MAX_METRICS, VIEW_NAMES
from schema import F64, FeatureBatch, stable_id

HELD_BACK = 0.2  # share of the rows that the forest never sees; they calibrate it
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
    held_rows: int  # that it was calibrated on
    held_mean: float  # of their scores, in (0, 1]
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
) -> tuple[tuple[str, ...], F32]:
    """Return column names and rows of one service, of each batch as many as it stands for.

    Rows are `(n, 5 * metrics)` float32; a metric that a batch does not have is missing in its rows;
    the metrics of most weight are kept. Each batch is a sample of `drawn_from` rows, whatever its
    own size, so taking them whole would make the resources of a small group count for more.
    """
    metrics = {name.rpartition(":")[0] for batch in batches for name in batch.names}
    heaviest = sorted(metrics, key=lambda metric: (-weight(metric), metric))[:MAX_METRICS]
    names = tuple(f"{metric}:{view}" for metric in sorted(heaviest) for view in VIEW_NAMES)
    of_all = sum(batch.drawn_from for batch in batches)
    most = min(len(batch.rows) * of_all / batch.drawn_from for batch in batches)
    draw = np.random.default_rng(seed)
    parts = []
    for batch in batches:
        count = max(1, round(most * batch.drawn_from / of_all))
        picked = np.sort(draw.permutation(len(batch.rows))[:count])
        part = np.zeros((len(picked), len(names)), np.float32)
        for i, name in enumerate(names):
            if name in batch.names:
                part[:, i] = batch.rows[picked, batch.names.index(name)]
            elif name.endswith(MISSING_VIEW):
                part[:, i] = 1.0
        parts.append(part)
    return names, np.concatenate(parts)


def train(
    service: str,
    batches: Sequence[FeatureBatch],
    weight: Callable[[str], float],
    settings: IsolationForestSettings,
) -> Trained | int:
    """Return the forest of a service; how many rows there are if `min_rows` are not among them.

    The rows of a reservoir have no time, so the rows held back are drawn, by the seed.
    """
    seed = (settings.seed + stable_id(service)) % (1 << 32)
    names, rows = merge(batches, weight, seed)
    held = round(len(rows) * HELD_BACK)
    if len(rows) - held < settings.min_rows:
        return len(rows)
    order = np.random.default_rng(seed).permutation(len(rows))
    fitted, held_rows = rows[order[held:]], rows[order[:held]]
    forest = fit_forest(fitted.astype(np.float64), settings.trees, settings.max_samples, seed=seed)
    scores = score_rows(forest, held_rows.astype(np.float64))
    tails = np.zeros((len(DETECTORS), calibration.WIDTH))
    tails[DETECTORS.index("isolation_forest")] = tail_of(scores * RAW_SCALE)
    return Trained(
        service,
        names,
        forest,
        tails,
        rows=len(fitted),
        held_rows=held,
        held_mean=float(scores.mean()),
        seed=seed,
        from_ms=min(batch.from_ms for batch in batches),
        until_ms=max(batch.until_ms for batch in batches),
    )


def tail_of(raw: F64) -> F64:
    """Return count, quantile and mean excess of scores at once, where the flow learns them singly.

    >>> tail_of(np.arange(101.0)).tolist()
    [101.0, 98.0, 1.5]
    """
    quantile = float(np.quantile(raw, 1.0 - calibration.TAIL))
    over = raw[raw > quantile] - quantile
    excess = float(over.mean()) if over.size else 0.0
    return np.array([float(raw.size), quantile, excess])
