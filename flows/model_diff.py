"""Two versions of the registry side by side."""

import msgspec
import numpy as np

from connectors.model_files import Setting, StoredModel
from flows.models import HELD_ROWS, service_model
from models.flat_forest import score_rows
from operators.comparison import agreement
from operators.training import as_columns


class Difference(msgspec.Struct, frozen=True):
    """What differs of B from A, and what both say of the same."""

    a: str
    b: str
    figures: dict[str, tuple[float | None, float | None]]
    settings: dict[str, tuple[Setting, Setting]]  # those that differ
    added: tuple[str, ...]  # metrics
    removed: tuple[str, ...]
    agreement: float | None  # rank correlation of the scores, [-1, 1]; None: no rows are kept
    rows: int  # that were scored


def difference(a: StoredModel, b: StoredModel) -> Difference:
    """Compare two versions, by the rows kept with A.

    Raises: ModelRefused where one does not fit this release; ValueError where they are of two
    services.
    """
    if a.service != b.service:
        raise ValueError(f"A and B must be of one service, got {a.service!r} and {b.service!r}")
    metrics_a, metrics_b = metrics_of(a), metrics_of(b)
    agreed, rows = _agreement(a, b)
    return Difference(
        a=a.version,
        b=b.version,
        figures={
            name: (a.figures.get(name), b.figures.get(name))
            for name in dict.fromkeys([*a.figures, *b.figures])
        },
        settings={
            name: (a.settings.get(name), b.settings.get(name))
            for name in dict.fromkeys([*a.settings, *b.settings])
            if a.settings.get(name) != b.settings.get(name)
        },
        added=tuple(metric for metric in metrics_b if metric not in metrics_a),
        removed=tuple(metric for metric in metrics_a if metric not in metrics_b),
        agreement=agreed,
        rows=rows,
    )


def metrics_of(model: StoredModel) -> tuple[str, ...]:
    """Return the metrics that the features of a model are of, in their order."""
    return tuple(dict.fromkeys(name.rpartition(":")[0] for name in model.features))


def _agreement(a: StoredModel, b: StoredModel) -> tuple[float | None, int]:
    held = a.arrays.get(HELD_ROWS)
    if held is None or held.ndim != 2 or held.shape[1] != len(a.features) or not len(held):
        return None, 0
    rows = held.astype(np.float32)
    scores = []
    for stored in (a, b):
        tick_s = stored.settings.get("tick_s")
        model = service_model(stored, stored.service, tick_s if isinstance(tick_s, int) else 0)
        seen = as_columns(rows, a.features, model.names)
        scores.append(score_rows(model.forest, seen.astype(np.float64)))
    return agreement(scores[0], scores[1]), len(rows)
