"""Detectors of odd rows in a table of incidents, by name: fit, predict, get_anomaly_scores.

They judge whole rows at once, by rows that were handed to `fit`: a few hundred rows that are days
apart, where the detectors of `models.detector` follow series of minutes. Names and ways are the
same. Scores are in the detector's own measure; how rare one is says the review's calibration.

>>> detector = create_incident_detector("statistical")
>>> _ = detector.fit({"rate": [4.0, 5.0, 6.0, 5.0, 4.0, 6.0]})
>>> detector.predict({"rate": [5.0, 12.0]}).tolist()
[False, True]
>>> create_incident_detector("oracle")
Traceback (most recent call last):
ValueError: an algorithm must be among ['isolation_forest', 'statistical', 'temporal'], got 'oracle'
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Self, TypeAlias, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from models.flat_forest import MAX_SAMPLES, MAX_TREES, attribute_row, score_rows
from models.incident_table import Column, numbers_of, times_of
from models.isolation_forest import FlatForest, fit_forest
from schema import F64, AnomalyType

S = TypeVar("S", bound=msgspec.Struct)
Bools = npt.NDArray[np.bool_]
_QUARTILES = 1.349  # deviations between the quartiles of a normal law
_FAR = 1e6  # no cell counts as farther from the others than so many spreads


class NotFittedError(ValueError):
    """A detector was asked before it had learned anything."""


class StatisticalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Distance from the mean in deviations, and fences by the range between the quartiles."""

    z_threshold: float = 3.0
    iqr_multiplier: float = 1.5
    least_spread: float = 0.0  # no column's deviation counts as smaller
    robust: bool = False  # median and quartiles in place of mean and deviation

    def __post_init__(self) -> None:
        for name in ("z_threshold", "iqr_multiplier"):
            _check(name, getattr(self, name), 0.0, 1e3)
        _check_spread(self.least_spread)


class ForestSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the forest is grown, and which share of its own rows it takes for odd."""

    contamination: float = 0.1
    trees: int = 100
    seed: int = 42
    max_samples: int = 256  # rows a tree is grown from
    refit_rows: int = 7  # rows between two fits, where it goes along with a stream

    def __post_init__(self) -> None:
        _check("contamination", self.contamination, 0.0, 0.5)
        if not 1 <= self.trees <= MAX_TREES:
            raise ValueError(f"trees must be in [1, {MAX_TREES}], got {self.trees!r}")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be in [0, 2**32), got {self.seed!r}")
        if not 2 <= self.max_samples <= MAX_SAMPLES:
            raise ValueError(f"max_samples must be in [2, {MAX_SAMPLES}], got {self.max_samples!r}")
        if not 1 <= self.refit_rows <= 10_000:
            raise ValueError(f"refit_rows must be in [1, 10000], got {self.refit_rows!r}")


class TemporalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Distance from the mean of the rows before, in their deviations."""

    window_rows: int = 24
    multiplier: float = 2.0
    with_itself: bool = False  # whether a row is among those that it is judged by
    least_spread: float = 0.0  # no column's deviation counts as smaller

    def __post_init__(self) -> None:
        if not 2 <= self.window_rows <= 10_000:
            raise ValueError(f"window_rows must be in [2, 10000], got {self.window_rows!r}")
        _check("multiplier", self.multiplier, 0.0, 1e3)
        _check_spread(self.least_spread)


class IncidentDetector(ABC, Generic[S]):
    """One detector of tables. Settings decide all: there is no other source of chance."""

    name: ClassVar[str]
    kind: ClassVar[AnomalyType]
    settings_type: ClassVar[type[msgspec.Struct]]
    by_the_last_rows: ClassVar[bool] = False  # it is about a row's distance from those before it

    def __init__(self, settings: S) -> None:
        self.settings = settings
        self.columns: tuple[str, ...] = ()  # judged by; none: not fitted

    @property
    def refit_rows(self) -> int:
        """Rows between two fits, where it goes along with a stream."""
        return 1

    @property
    @abstractmethod
    def threshold(self) -> float:
        """Score above which `predict` calls a row odd."""

    def fit(self, table: Mapping[str, Column]) -> Self:
        """Learn from a table alone: what was learned before is forgotten.

        Raises: ValueError where it has no column of numbers, or fewer than two rows.
        """
        names, rows = numbers_of(table)
        if len(rows) < 2:
            raise ValueError(f"a table to learn from must have 2 rows or more, got {len(rows)}")
        self._learn(rows, table)
        self.columns = names
        return self

    def get_anomaly_scores(self, table: Mapping[str, Column]) -> F64:
        """Return each row's score, `(n,)`, higher is odder; NaN where it has none.

        Raises: NotFittedError; ValueError where a column is missing that it was fitted on.
        """
        return self._score(self._fitted_rows(table), table)

    def predict(self, table: Mapping[str, Column]) -> Bools:
        """Return whether each row is odd by the detector's own threshold, `(n,)`."""
        return self._is_odd(self._fitted_rows(table), table)

    def shares(self, table: Mapping[str, Column]) -> F64:
        """Return each column's part in each row's score, `(n, columns)`, >= 0."""
        return self._shares(self._fitted_rows(table), table)

    def _fitted_rows(self, table: Mapping[str, Column]) -> F64:
        if not self.columns:
            raise NotFittedError(f"{self.name} must be fitted before it can judge")
        return numbers_of(table, self.columns).rows

    @abstractmethod
    def _learn(self, rows: F64, table: Mapping[str, Column]) -> None: ...

    @abstractmethod
    def _shares(self, rows: F64, table: Mapping[str, Column]) -> F64: ...

    def _score(self, rows: F64, table: Mapping[str, Column]) -> F64:
        return np.asarray(self._shares(rows, table).max(axis=1), np.float64)

    @abstractmethod
    def _is_odd(self, rows: F64, table: Mapping[str, Column]) -> Bools: ...


class Statistical(IncidentDetector[StatisticalSettings]):
    """Score: the farthest column's distance from its mean, in deviations. Odd: that, or fences.

    Knows columns one by one: what is odd only together it does not see.
    """

    name: ClassVar[str] = "statistical"
    kind: ClassVar[AnomalyType] = "STATISTICAL"
    settings_type = StatisticalSettings

    @property
    def threshold(self) -> float:
        """Deviations; the fences are beside it."""
        return self.settings.z_threshold

    def _learn(self, rows: F64, table: Mapping[str, Column]) -> None:
        middle = _middle(rows)
        low, high = np.quantile(np.where(np.isnan(rows), middle, rows), (0.25, 0.75), axis=0)
        self._mean, self._spread = _centre(rows), _spread(rows)
        if self.settings.robust:
            self._mean, self._spread = middle, (high - low) / _QUARTILES
        reach = self.settings.iqr_multiplier * (high - low)
        self._fences = low - reach, high + reach

    def _shares(self, rows: F64, table: Mapping[str, Column]) -> F64:
        return _distance(rows, self._mean, np.maximum(self._spread, self.settings.least_spread))

    def _is_odd(self, rows: F64, table: Mapping[str, Column]) -> Bools:
        far = self._shares(rows, table) > self.settings.z_threshold
        low, high = self._fences
        return np.asarray((far | (rows < low) | (rows > high)).any(axis=1))


class Forest(IncidentDetector[ForestSettings]):
    """Score: how much sooner a row is set apart than the oddest `contamination` of those learned.

    Above 0 it is odd; it stays within a half of 0. Columns are standardised, empty cells are the
    median. Sees what is odd only together; not how far beyond all others a row lies.
    """

    name: ClassVar[str] = "isolation_forest"
    kind: ClassVar[AnomalyType] = "PATTERN"
    settings_type = ForestSettings

    @property
    def refit_rows(self) -> int:
        """As the settings say: growing trees takes a while."""
        return self.settings.refit_rows

    @property
    def threshold(self) -> float:
        """Scores are taken from what sets odd rows apart."""
        return 0.0

    def _learn(self, rows: F64, table: Mapping[str, Column]) -> None:
        self._mean, self._spread, self._fill = _centre(rows), _spread(rows), _middle(rows)
        known = self._standard(rows)
        how = self.settings
        self._forest: FlatForest = fit_forest(known, how.trees, how.max_samples, seed=how.seed)
        self._offset = float(np.quantile(score_rows(self._forest, known), 1.0 - how.contamination))

    def _standard(self, rows: F64) -> F64:
        filled = np.where(np.isnan(rows), self._fill, rows)
        spread = np.where(self._spread > 0.0, self._spread, 1.0)
        return np.clip((filled - self._mean) / spread, -_FAR, _FAR)

    def _score(self, rows: F64, table: Mapping[str, Column]) -> F64:
        return score_rows(self._forest, self._standard(rows)) - self._offset

    def _shares(self, rows: F64, table: Mapping[str, Column]) -> F64:
        return np.array([attribute_row(self._forest, row) for row in self._standard(rows)])

    def _is_odd(self, rows: F64, table: Mapping[str, Column]) -> Bools:
        return self._score(rows, table) > 0.0


class Temporal(IncidentDetector[TemporalSettings]):
    """Score: the farthest column's distance from the rows before it in time, in their deviations.

    Those rows are of the table that was fitted. A row with fewer than two before it has no score.
    Sees what changes suddenly; what has changed already is its normal.
    """

    name: ClassVar[str] = "temporal"
    kind: ClassVar[AnomalyType] = "TEMPORAL"
    by_the_last_rows: ClassVar[bool] = True

    @property
    def threshold(self) -> float:
        """Deviations of the rows before."""
        return self.settings.multiplier

    settings_type = TemporalSettings

    def _learn(self, rows: F64, table: Mapping[str, Column]) -> None:
        times = times_of(table)
        order = np.argsort(times, kind="stable")
        self._times, self._rows = times[order], rows[order]

    def _shares(self, rows: F64, table: Mapping[str, Column]) -> F64:
        own = self.settings.with_itself
        ends = np.searchsorted(self._times, times_of(table), "right" if own else "left")
        out = np.full(rows.shape, np.nan)
        for i, end in enumerate(ends):
            before = self._rows[max(0, end - self.settings.window_rows) : end]
            if len(before) >= 2:
                spread = np.maximum(_spread(before), self.settings.least_spread)
                out[i] = _distance(rows[i], _centre(before), spread)
        return out

    def _is_odd(self, rows: F64, table: Mapping[str, Column]) -> Bools:
        return self._score(rows, table) > self.settings.multiplier


AnyIncidentDetector: TypeAlias = IncidentDetector[Any]
INCIDENT_DETECTORS: dict[str, type[AnyIncidentDetector]] = {
    kind.name: kind for kind in (Statistical, Forest, Temporal)
}


def create_incident_detector(
    algorithm: str, parameters: Mapping[str, object] | None = None
) -> AnyIncidentDetector:
    """Return a detector that has learned nothing.

    Raises: ValueError: no such algorithm, or parameters that are not its own or out of range.
    """
    if algorithm not in INCIDENT_DETECTORS:
        raise ValueError(
            f"an algorithm must be among {sorted(INCIDENT_DETECTORS)}, got {algorithm!r}"
        )
    kind = INCIDENT_DETECTORS[algorithm]
    try:
        return kind(msgspec.convert(dict(parameters or {}), kind.settings_type))
    except msgspec.ValidationError as ex:
        raise ValueError(f"parameters of {algorithm!r}: {ex}") from ex


# ------------------------------------------------------------------ columns, empty cells left out


def _centre(rows: F64) -> F64:
    known = ~np.isnan(rows)
    total = np.where(known, rows, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(known.sum(axis=0), 1), np.float64)


def _spread(rows: F64) -> F64:
    known = ~np.isnan(rows)
    off = np.where(known, rows - _centre(rows), 0.0)
    squares = (off * off).sum(axis=0)
    return np.asarray(np.sqrt(squares / np.maximum(known.sum(axis=0), 1)), np.float64)


def _middle(rows: F64) -> F64:
    known = ~np.isnan(rows)
    return np.array(
        [np.median(rows[known[:, i], i]) if known[:, i].any() else 0.0 for i in range(len(rows.T))]
    )


def _distance(rows: F64, mean: F64, spread: F64) -> F64:
    """Return how many deviations cells are off; 0 where one is empty or its column never moves."""
    moves = spread > 0.0
    off = np.abs(rows - mean) / np.where(moves, spread, 1.0)
    return np.minimum(np.where(moves & ~np.isnan(off), off, 0.0), _FAR)


def _check(name: str, value: float, above: float, most: float) -> None:
    if not above < value <= most:
        raise ValueError(f"{name} must be in ({above:g}, {most:g}], got {value!r}")


def _check_spread(value: float) -> None:
    if not 0 <= value <= 1e9:
        raise ValueError(f"least_spread must be in [0, 1e9], got {value!r}")
