"""A cohort's two forests: the registry's models by their times, else fitted from its reservoir."""

from functools import cache

import msgspec
import numpy as np
import numpy.typing as npt

from models.calibration import COUNT
from models.flat_forest import FlatForest
from models.half_space_trees import HalfSpaceTrees, HalfSpaceTreesSettings, dump, grow, load
from models.isolation_forest import IsolationForestSettings, fit_forest
from operators.cohort import CohortTable
from operators.layout import FEATURES, FIT_TICK, NEWEST, Knobs
from operators.reservoir import feature_columns, reservoir_rows
from operators.score import ForestPair, fit_due
from operators.shelf import Queue, ServiceModel, Serving, Shelf
from schema import stable_id

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


class ForestState(msgspec.Struct, frozen=True, array_like=True):
    """Snapshot: the forest is fitted again from the rows that it came from, or loaded again."""

    fitted: bytes  # float32 rows, b"" where there is no forest of our own
    trees: bytes  # b"" where there are none yet
    version: str = ""  # of the registry's model in use
    passed_ms: int | None = None  # effective time of the last one taken up or refused


class Forests:
    """Isolation forest and half-space trees of a cohort, over the same feature columns.

    Memory: 0.5 MB a forest of 50 trees, 0.1 MB of masses, and the rows of the last fit. A model of
    the registry is the loader's, and shared.
    """

    def __init__(
        self,
        service: str,
        forest: IsolationForestSettings,
        trees: HalfSpaceTreesSettings,
        shelf: Shelf,
        tick_ms: int,
    ) -> None:
        self._service = service
        self._forest_settings = forest
        self._trees_settings = trees
        self._load = shelf.load
        self._queue = Queue(shelf.servings.get(service, ()), tick_ms)
        self._seed = (forest.seed + stable_id(service)) % _HELD
        self._fitted: F32 | None = None
        self.version = ""  # of the registry's model in use; "": none is
        self.forest: FlatForest | None = None
        self.trees: HalfSpaceTrees | None = None

    @property
    def seed(self) -> np.uint64:
        """Seed of the cohort's reservoir."""
        return np.uint64(self._seed)

    @property
    def from_registry(self) -> bool:
        """Whether a trained model is in use."""
        return bool(self.version)

    def pair(self) -> ForestPair:
        """Return both as the scoring pass takes them."""
        return ForestPair(
            self.forest or _NO_FOREST,
            self.forest is not None,
            self.trees or _no_trees(),
            self.trees is not None,
        )

    # ------------------------------------------------------------------ the registry's models

    def shelve(self, serving: Serving) -> None:
        """Have a model taken up at its time, or at the next tick if that is over."""
        self._queue.add(serving)

    @property
    def next_model_tick(self) -> int | None:
        """The tick before which a model of the registry is to be taken up."""
        return self._queue.next_tick

    def take_up(self, table: CohortTable, tick: int) -> None:
        """Take up the last model due before `tick` that is not refused, else keep what there is."""
        for serving in self._queue.take(tick):
            model = self._load(self._service, serving.version)
            if model is not None:
                self._use(model, table)
                return

    def _use(self, model: ServiceModel, table: CohortTable) -> None:
        self._set_columns(table, model.columns)
        self.forest, self.version, self._fitted = model.forest, model.version, None
        learned = model.tails[:, COUNT] > 0.0  # the others' are those of the live scores
        table.arrays.cohort_tails[learned] = model.tails[learned]
        table.arrays.tails[:, learned] = 0.0  # they were of another forest's scores
        table.arrays.counters[FIT_TICK] = np.inf

    def _set_columns(self, table: CohortTable, columns: dict[str, int]) -> None:
        if columns != table.columns or self.trees is None:
            self.trees = grow(self._trees_settings, len(columns) * FEATURES)
            table.set_columns(columns)

    # ------------------------------------------------------------------ forests of our own

    def is_due(self, table: CohortTable, tick: int, knobs: Knobs) -> bool:
        """Whether the pass stopped before `tick` because a forest must be fitted."""
        return bool(fit_due(table.arrays, float(tick), knobs))

    def renew(self, table: CohortTable, tick: int, tick_s: float) -> None:
        """Fit to the reservoir as it is before `tick`."""
        columns = feature_columns(table)
        self._set_columns(table, columns)
        self._fit(reservoir_rows(table, columns))
        table.arrays.counters[FIT_TICK] = tick + self._forest_settings.refit_s / tick_s

    def _fit(self, rows: F32) -> None:
        settings = self._forest_settings
        self._fitted = rows
        self.forest = fit_forest(
            rows.astype(np.float64), settings.trees, settings.max_samples, seed=self._seed
        )

    # ------------------------------------------------------------------ snapshot

    def snapshot(self) -> ForestState:
        """Return what `restore` needs."""
        return ForestState(
            b"" if self._fitted is None else self._fitted.tobytes(),
            b"" if self.trees is None else dump(self.trees),
            self.version,
            self._queue.passed_ms,
        )

    def restore(self, state: ForestState, table: CohortTable) -> None:
        """Take up where the snapshot was made.

        Raises: ValueError if the model that was in use then is refused now.
        """
        columns = len(table.columns)
        self._queue.resume(state.passed_ms)
        if state.version:
            self.version = state.version
            self.forest = self._again(state.version).forest
        elif np.isinf(table.arrays.counters[FIT_TICK]):  # of a release that did not say which
            for serving in self._queue.take(int(table.arrays.counters[NEWEST]))[:1]:
                self.version = serving.version
                self.forest = self._again(serving.version).forest
        elif state.fitted:
            rows = np.frombuffer(state.fitted, np.float32)
            self._fit(rows.reshape(-1, columns * FEATURES))
        if state.trees:
            self.trees = load(state.trees, self._trees_settings, columns * FEATURES)

    def _again(self, version: str) -> ServiceModel:
        model = self._load(self._service, version)
        if model is None:
            raise ValueError(f"models must hold {version}, which was in use, unharmed")
        return model


@cache
def _no_trees() -> HalfSpaceTrees:
    """Stands where there are none yet, since a compiled kernel takes no None."""
    return grow(HalfSpaceTreesSettings(trees=1, height=1, window=1), 1)
