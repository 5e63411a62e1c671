"""The forests, as objects: see `models.contract`. A row is `(features,)` numbers.

In the flow a row is what one resource's metrics look like at one tick, in spreads from their usual:
0 is as normal, and some dozens is the end of the world. Other rows should be brought to that scale
first (each column less its median, divided by its deviation).
"""

from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from models import half_space_trees
from models.contract import Detector, Progress, little, table_of, take
from models.flat_forest import F32, FlatForest, score_row
from models.half_space_trees import (
    HalfSpaceTreesSettings,
    grow,
    score_and_learn_row,
    squash,
)
from models.isolation_forest import IsolationForestSettings, fit_forest
from models.reservoir import place
from schema import F64

_MOST = 1e30  # larger values count as this: forests are grown in 32 bits


class IsolationForest(Detector[IsolationForestSettings]):
    """`models.isolation_forest`: scikit-learn's, grown anew now and then from a bounded sample.

    The first forest comes after `min_rows` rows, the next ones `refit_s` apart. Score: in (0, 1], a
    half is usual. Memory: 0.5 MB for 50 trees, and the reservoir twice, as it is and as it was at
    the last fit, from which a loaded detector grows the same forest.

    >>> detector = IsolationForest(IsolationForestSettings(min_rows=256))
    >>> angle = np.arange(400.0)
    >>> rows = np.column_stack([np.sin(angle), np.cos(1.7 * angle)])
    >>> detector.score([0.1, 0.2]), detector.fit(rows).progress
    (None, Progress(seen=400, needed=256))
    >>> [round(detector.score(row), 2) for row in ([0.1, 0.2], [4.0, -4.0])]
    [0.52, 0.59]
    """

    name: ClassVar[str] = "isolation_forest"
    settings_type = IsolationForestSettings

    def __init__(self, settings: IsolationForestSettings, tick_s: float = 60.0) -> None:
        super().__init__(settings, tick_s)
        self._seen = 0
        self._forest: FlatForest | None = None
        self._fitted: F32 | None = None
        self._fit_tick = 0

    @property
    def progress(self) -> Progress:
        """Rows learned, and those that the first forest is grown from."""
        return Progress(self._seen, self.settings.min_rows)

    def fit(self, rows: npt.ArrayLike) -> Self:
        """Learn rows `(n, features)`, a tick apart, and grow one forest from all, not some."""
        table = table_of(rows)
        first = self._tick + 1
        for tick, row in enumerate(table, first):
            values, _ = self._checked(row, tick)
            if not self.features:
                self._start(values.size)
            self._keep(values)
            self._tick = tick
        if len(table) and self._seen >= self.settings.min_rows:
            self._fit_tick = self._tick
            self._grow()
            for score in self.get_anomaly_scores(table):
                self._note(float(score))
        return self

    def _start(self, features: int) -> None:
        self.features = features
        self._reservoir = np.zeros((self.settings.reservoir_rows, features), np.float32)

    def _judge(self, row: F64, tick: int) -> float:
        score = self._look(row, tick)
        self._keep(row)
        due = self._fit_tick + self.settings.refit_s / self.tick_s
        if self._seen >= self.settings.min_rows and (self._forest is None or tick >= due):
            self._fit_tick = tick
            self._grow()
        return score

    def _look(self, row: F64, tick: int) -> float:
        if self._forest is None:
            return np.nan
        return score_row(self._forest, np.clip(row, -_MOST, _MOST))

    def _keep(self, row: F64) -> None:
        at = place(self._seen, len(self._reservoir), np.uint64(self.settings.seed))
        self._seen += 1
        if at >= 0:
            self._reservoir[at] = np.clip(row, -_MOST, _MOST)

    def _grow(self) -> None:
        self._take_up(self._held().copy())

    def _take_up(self, rows: F32) -> None:
        self._fitted = rows
        shape = self.settings.trees, self.settings.max_samples
        self._forest = fit_forest(rows.astype(np.float64), *shape, seed=self.settings.seed)

    def _held(self) -> F32:
        return self._reservoir[: min(self._seen, len(self._reservoir))]

    def _parts(self) -> tuple[bytes, ...]:
        counts = np.array([self._seen, self._fit_tick], np.int64)
        fitted = b"" if self._fitted is None else little(self._fitted)
        return little(counts), little(self._held()), fitted

    def _restore(self, parts: tuple[bytes, ...]) -> None:
        counts = np.zeros(2, np.int64)
        raw_counts, held, fitted = parts
        take(counts, raw_counts)
        self._seen, self._fit_tick = counts.tolist()
        take(self._held(), held)
        if fitted:
            rows = np.zeros((len(fitted) // (4 * self.features), self.features), np.float32)
            take(rows, fitted)
            self._take_up(rows)


class HalfSpaces(Detector[HalfSpaceTreesSettings]):
    """`models.half_space_trees`: River's, which forget what is older than two windows.

    Score: in [0, 1], by the window before; what is usual depends on the width of the rows.

    >>> detector = HalfSpaces(HalfSpaceTreesSettings(window=200))
    >>> angle = np.arange(400.0)
    >>> rows = np.column_stack([np.sin(angle), np.cos(1.7 * angle)])
    >>> detector.score([0.1, 0.2]), detector.fit(rows).progress
    (None, Progress(seen=400, needed=200))
    >>> [round(detector.score(row), 2) for row in ([0.1, 0.2], [6.0, -6.0])]
    [0.81, 1.0]
    """

    name: ClassVar[str] = "half_space_trees"
    settings_type = HalfSpaceTreesSettings

    @property
    def progress(self) -> Progress:
        """Rows learned, and those of the first window."""
        rows, windows = self._forest.counter.tolist() if self.features else (0, 0)
        return Progress(windows * self.settings.window + rows, self.settings.window)

    def _start(self, features: int) -> None:
        self._forest = grow(self.settings, features)
        self._squashed = np.zeros(features)
        self.features = features

    def _judge(self, row: F64, tick: int) -> float:
        squash(row, self._squashed)
        return score_and_learn_row(self._forest, self._squashed)

    def _look(self, row: F64, tick: int) -> float:
        squash(row, self._squashed)
        return half_space_trees.score_row(self._forest, self._squashed)

    def _parts(self) -> tuple[bytes, ...]:
        return (half_space_trees.dump(self._forest),)

    def _restore(self, parts: tuple[bytes, ...]) -> None:
        (taught,) = parts
        self._forest = half_space_trees.load(taught, self.settings, self.features)
