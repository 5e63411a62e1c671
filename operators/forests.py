"""A cohort's two forests: fitted from its reservoir where the registry has no model."""

from dataclasses import dataclass
from functools import cache

import msgspec
import numpy as np
import numpy.typing as npt

from models.baseline import LAST_TICK, SEEN
from models.calibration import COUNT
from models.flat_forest import FlatForest
from models.half_space_trees import HalfSpaceTrees, HalfSpaceTreesSettings, dump, grow, load
from models.isolation_forest import IsolationForestSettings, fit_forest
from operators.cohort import CohortTable
from operators.layout import BORN, FEATURES, FIT_TICK, FORGOTTEN, ROWS, Knobs
from operators.score import ForestPair, fit_due
from schema import F64, FeatureBatch, stable_id

VIEW_NAMES = ("z", "z_short", "z_middle", "z_change", "missing")
MAX_METRICS = 16  # that a service's forests look at
_HELD = 1 << 32  # seeds are below

F32 = npt.NDArray[np.float32]

_NO_FOREST = FlatForest(
    feature=np.zeros(1, np.uint16),
    threshold=np.full(1, np.inf, np.float32),
    child=np.zeros(1, np.uint32),
    path=np.zeros(1),
    roots=np.zeros(1, np.uint32),
    depth=0,
    features=1,
    max_samples=2,
    denominator=1.0,
)


@dataclass(frozen=True, slots=True)
class ServiceModel:
    """A trained model of one service: what the registry's arrays become."""

    version: str
    effective_ms: int  # event time from which it is used
    names: tuple[str, ...]  # of the feature columns, five a metric
    forest: FlatForest
    tails: F64  # (detectors, 3), learned on held-back rows; count 0: not learned there

    @property
    def columns(self) -> dict[str, int]:
        """Metric to the block of columns that is its."""
        return {name.rpartition(":")[0]: i for i, name in enumerate(self.names[::FEATURES])}


class ForestState(msgspec.Struct, frozen=True, array_like=True):
    """Snapshot: the forest is fitted again from the rows that it came from."""

    fitted: bytes  # float32 rows, b"" where there is no forest of our own
    trees: bytes  # b"" where there are none yet


class Forests:
    """Isolation forest and half-space trees of a cohort, over the same feature columns.

    Memory: 0.5 MB a forest of 50 trees, 0.1 MB of masses, and the rows of the last fit.
    """

    def __init__(
        self,
        service: str,
        forest: IsolationForestSettings,
        trees: HalfSpaceTreesSettings,
        model: ServiceModel | None,
    ) -> None:
        self._forest_settings = forest
        self._trees_settings = trees
        self._model = model
        self._seed = (forest.seed + stable_id(service)) % _HELD
        self._fitted: F32 | None = None
        self.forest: FlatForest | None = None
        self.trees: HalfSpaceTrees | None = None

    @property
    def seed(self) -> np.uint64:
        """Seed of the cohort's reservoir."""
        return np.uint64(self._seed)

    @property
    def from_registry(self) -> bool:
        """Whether a trained model is used, or will be from its time on."""
        return self._model is not None

    def pair(self) -> ForestPair:
        """Return both as the scoring pass takes them."""
        return ForestPair(
            self.forest or _NO_FOREST,
            self.forest is not None,
            self.trees or _no_trees(),
            self.trees is not None,
        )

    def is_due(self, table: CohortTable, tick: int, knobs: Knobs) -> bool:
        """Whether the pass stopped before `tick` because a forest must be fitted."""
        return bool(fit_due(table.arrays, float(tick), knobs))

    def renew(self, table: CohortTable, tick: int, tick_s: float) -> None:
        """Take up the registry's model, else fit to the reservoir as it is before `tick`."""
        columns = feature_columns(table) if self._model is None else self._model.columns
        if columns != table.columns or self.trees is None:
            self.trees = grow(self._trees_settings, len(columns) * FEATURES)
            table.set_columns(columns)
        if self._model is None:
            self._fit(reservoir_rows(table, columns))
            table.arrays.counters[FIT_TICK] = tick + self._forest_settings.refit_s / tick_s
        else:
            self.forest = self._model.forest
            learned = self._model.tails[:, COUNT] > 0.0  # the others' are those of the live scores
            table.arrays.cohort_tails[learned] = self._model.tails[learned]
            table.arrays.counters[FIT_TICK] = np.inf

    def _fit(self, rows: F32) -> None:
        settings = self._forest_settings
        self._fitted = rows
        self.forest = fit_forest(
            rows.astype(np.float64), settings.trees, settings.max_samples, seed=self._seed
        )

    def snapshot(self) -> ForestState:
        """Return what `restore` needs."""
        return ForestState(
            b"" if self._fitted is None else self._fitted.tobytes(),
            b"" if self.trees is None else dump(self.trees),
        )

    def restore(self, state: ForestState, table: CohortTable) -> None:
        """Take up where the snapshot was made."""
        columns = len(table.columns)
        if self._model is not None and np.isinf(table.arrays.counters[FIT_TICK]):
            self.forest = self._model.forest
        elif state.fitted:
            rows = np.frombuffer(state.fitted, np.float32)
            self._fit(rows.reshape(-1, columns * FEATURES))
        if state.trees:
            self.trees = load(state.trees, self._trees_settings, columns * FEATURES)


@cache
def _no_trees() -> HalfSpaceTrees:
    """Stands where there are none yet, since a compiled kernel takes no None."""
    return grow(HalfSpaceTreesSettings(trees=1, height=1, window=1), 1)


def feature_columns(table: CohortTable) -> dict[str, int]:
    """Return the metrics that the forests look at, heaviest kept, and their column blocks.

    Of what has been scored, by name: it does not depend on what has merely arrived, or when.
    """
    weight: dict[str, float] = {}
    arrays = table.arrays
    owner = arrays.resource[arrays.owner]
    alive = (arrays.state[:, SEEN] > 0) & (owner[:, FORGOTTEN] == 0)
    alive &= arrays.state[:, LAST_TICK] >= owner[:, BORN]
    for member, is_alive in zip(table.members, alive, strict=True):
        if not is_alive:
            continue
        metric = member.series.metric
        weight[metric] = max(weight.get(metric, 0.0), member.spec.weight)
    heaviest = sorted(weight, key=lambda metric: (-weight[metric], metric))[:MAX_METRICS]
    return {metric: i for i, metric in enumerate(sorted(heaviest))}


def reservoir_rows(table: CohortTable, columns: dict[str, int]) -> F32:
    """Return the reservoir's rows, `(n, 5 * metrics)`, columns in the order of `columns`."""
    n = min(int(table.arrays.counters[ROWS]), table.arrays.reservoir.shape[0])
    picked = [table.slots[metric] * FEATURES + k for metric in columns for k in range(FEATURES)]
    return table.arrays.reservoir[:n, picked]


def feature_batch(
    table: CohortTable, tick_ms: int, from_tick: float, until_ms: int
) -> FeatureBatch:
    """Return the cohort's reservoir as a batch to train from."""
    columns = feature_columns(table)
    names = tuple(f"{metric}:{view}" for metric in columns for view in VIEW_NAMES)
    return FeatureBatch(
        table.service,
        names,
        reservoir_rows(table, columns),
        int(from_tick) * tick_ms,
        until_ms,
        int(table.arrays.counters[ROWS]),
    )
