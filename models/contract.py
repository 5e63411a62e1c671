"""What every detector does as an object: learn a row, score a row, be kept, and go on.

The flow does not use these objects: it calls the same compiled kernels on the arrays of many series
at once. They are for whoever has one stream of rows: the rows of `features` numbers at ticks that
rise. To learn a row is to judge it by what came before and then to learn it; scoring learns
nothing. Higher is more anomalous, and `None` is no score yet, which never counts as 0.

Shape follows River's anomaly detectors (`learn_one`, `score_one`) and scikit-learn's outlier
detectors (`fit`, `predict`); departs from both in that a young detector does not say "normal".
"""

import hashlib
from abc import ABC, abstractmethod
from typing import ClassVar, Generic, NamedTuple, Self, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from models.calibration import COUNT, EXCESS, QUANTILE, learn_tail, surprise
from models.calibration import WIDTH as TAIL_WIDTH
from schema import F64

S = TypeVar("S", bound=msgspec.Struct)
Row = npt.ArrayLike  # `(features,)` finite numbers; of a series one number will do

VERSION = b"detector.v1\n"  # leads a dump
_DIGEST_BYTES = 16
_FEW = 100.0  # scores before `predict` knows what is usual
_MEMORY_ROWS = 20_000.0  # scores after which the past fades
_START_RATIO = 0.1  # of the first score: the excess that its tail starts with
_LEAST_EXCESS = 1e-6
ODD = 3.0  # -log10 of the share of scores that `predict` calls anomalous


class Progress(NamedTuple):
    """How far the warm-up is."""

    seen: int  # rows learned
    needed: int  # rows learned before the first score

    @property
    def share(self) -> float:
        """How much of the warm-up is over, in [0, 1]."""
        return min(self.seen / self.needed, 1.0) if self.needed else 1.0


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dump behind its version and digest. `parts` is the detector's own."""

    name: str
    settings: msgspec.Raw
    tick_s: float
    tick: int  # of the row learned last, -1: none
    features: int
    tail: bytes
    parts: tuple[bytes, ...]


class Detector(ABC, Generic[S]):
    """One detector of one stream. Settings decide all: there is no other source of chance.

    Rows are copied, never kept by reference. NaN and infinity are refused; a row of another width
    than the first is refused; values beyond what a kernel can square count as the largest it can.
    """

    name: ClassVar[str]
    settings_type: ClassVar[type[msgspec.Struct]]

    def __init__(self, settings: S, tick_s: float = 60.0) -> None:
        if not 0 < tick_s <= 86_400:
            raise ValueError(f"tick_s must be in (0, 86400] s, got {tick_s!r}")
        self.settings = settings
        self.tick_s = tick_s
        self.features = 0  # width of a row; 0: not yet known
        self._tick = -1
        self._tail = np.zeros(TAIL_WIDTH)

    # ------------------------------------------------------------------ of each detector

    @property
    @abstractmethod
    def progress(self) -> Progress:
        """How many rows have been learned, and how many the first score needs."""

    @abstractmethod
    def _start(self, features: int) -> None:
        """Make the state for rows so wide."""

    @abstractmethod
    def _judge(self, row: F64, tick: int) -> float:
        """Return the row's score by what came before, NaN without one; then learn the row."""

    @abstractmethod
    def _look(self, row: F64, tick: int) -> float:
        """Return what `_judge` would, and learn nothing."""

    @abstractmethod
    def _parts(self) -> tuple[bytes, ...]:
        """Return the state, little-endian."""

    @abstractmethod
    def _restore(self, parts: tuple[bytes, ...]) -> None:
        """Take up `_parts`, after `_start`; ValueError where they do not fit."""

    # ------------------------------------------------------------------ a row

    def judge(self, row: Row, tick: int | None = None) -> float | None:
        """Score a row and learn it, at the cost of learning. `tick`: None is the next one.

        A tick is `tick_s` seconds since 1970 in UTC; which hours are alike depends on it. Ticks
        rise strictly; those without a row are gaps.
        """
        values, at = self._checked(row, tick)
        if not self.features:
            self._start(values.size)
        score = self._judge(values, at)
        self._tick = at
        if np.isnan(score):
            return None
        self._note(score)
        return score

    def learn(self, row: Row, tick: int | None = None) -> None:
        """Learn a row."""
        self.judge(row, tick)

    def score(self, row: Row, tick: int | None = None) -> float | None:
        """Return how anomalous the row would be as the next one; None in the warm-up."""
        values, at = self._checked(row, tick)
        if not self.features:
            return None
        score = self._look(values, at)
        return None if np.isnan(score) else score

    # ------------------------------------------------------------------ many rows

    def fit(self, rows: npt.ArrayLike) -> Self:
        """Learn rows `(n, features)`, a tick apart."""
        for row in table_of(rows):
            self.judge(row)
        return self

    def get_anomaly_scores(self, rows: npt.ArrayLike) -> F64:
        """Return `score` of each row of `(n, features)`, as `(n,)`, NaN for None.

        Each is scored as if it were the next after what has been learned, whatever stands beside
        it. For scores as a stream would have had them, `judge` one after the other.
        """
        scores = [self.score(row) for row in table_of(rows)]
        return np.array([np.nan if score is None else score for score in scores], np.float64)

    def predict(self, rows: npt.ArrayLike, odd: float = ODD) -> npt.NDArray[np.bool_]:
        """Return whether each row's score is rarer than 10**-odd of those learned, as `(n,)`.

        By the tail that `models.calibration` learns of the scores; False until 100 are learned.
        """
        scores = self.get_anomaly_scores(rows)
        if self._tail[COUNT] < _FEW:
            return np.zeros(scores.size, np.bool_)
        rare = [surprise(score, self._tail, self._tail, 1.0) for score in scores]
        return np.array(rare, np.float64) >= odd

    # ------------------------------------------------------------------ kept

    def dump(self) -> bytes:
        """Return all that has been learned, and the settings; led by a version and a digest."""
        body = msgspec.msgpack.encode(
            Kept(
                self.name,
                msgspec.Raw(msgspec.msgpack.encode(self.settings)),
                self.tick_s,
                self._tick,
                self.features,
                little(self._tail),
                self._parts() if self.features else (),
            )
        )
        return VERSION + _digest(body) + body

    @classmethod
    def load(cls, state: bytes) -> Self:
        """Return the detector as it was dumped; it goes on to give the same scores, to the bit.

        Raises:
            ValueError: not a dump of this version, of another detector, or damaged.
        """
        kept = opened(state)
        if kept.name != cls.name:
            raise ValueError(f"the dump must be of {cls.name!r}, got {kept.name!r}")
        try:
            settings = msgspec.msgpack.decode(kept.settings, type=cls.settings_type)
        except msgspec.DecodeError as ex:
            raise ValueError(f"the dump of {cls.name!r} has other settings: {ex}") from ex
        self = cls(settings, kept.tick_s)  # type: ignore[arg-type]  # settings_type is S
        self._tick = kept.tick
        take(self._tail, kept.tail)
        if kept.features:
            self._start(kept.features)
            self._restore(kept.parts)
        return self

    # ------------------------------------------------------------------ the rim

    def _note(self, score: float) -> None:
        """Learn how high scores are, for `predict`."""
        if self._tail[COUNT] == 0.0:
            self._tail[QUANTILE] = score
            self._tail[EXCESS] = max(_START_RATIO * abs(score), _LEAST_EXCESS)
        learn_tail(self._tail, score, _MEMORY_ROWS)

    def _checked(self, row: Row, tick: int | None) -> tuple[F64, int]:
        values = np.array(row, np.float64, ndmin=1)  # a copy
        if values.ndim != 1 or not values.size or values.size != (self.features or values.size):
            raise ValueError(f"a row must be ({self.features or 'features'},), got {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError(f"a row must be finite, got {values.tolist()!r}")
        at = self._tick + 1 if tick is None else tick
        if at <= self._tick:
            raise ValueError(f"tick must be above {self._tick}, the last one, got {at!r}")
        return values, at


def opened(state: bytes) -> Kept:
    """Return what a dump holds, without its version and digest; ValueError where it is none."""
    if not state.startswith(VERSION):
        raise ValueError(f"a dump must begin with {VERSION!r}, got {state[: len(VERSION)]!r}")
    start = len(VERSION) + _DIGEST_BYTES
    body = state[start:]
    if state[len(VERSION) : start] != _digest(body):
        raise ValueError("the dump is damaged: its digest is another")
    return msgspec.msgpack.decode(body, type=Kept)


def little(array: npt.NDArray[np.generic]) -> bytes:
    """Return an array's numbers, little-endian."""
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def take(array: npt.NDArray[np.generic], raw: bytes) -> None:
    """Fill an array with the numbers that `little` has made of one of its kind."""
    if len(raw) != array.nbytes:
        raise ValueError(f"the dump has {len(raw)} bytes where {array.nbytes} belong")
    array[...] = np.frombuffer(raw, array.dtype.newbyteorder("<")).reshape(array.shape)


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()


def table_of(rows: npt.ArrayLike) -> F64:
    """Return rows as `(n, features)`; a plain list of numbers is a series."""
    table = np.asarray(rows, np.float64)
    if table.ndim == 1:
        table = table.reshape(-1, 1)
    if table.ndim != 2:
        raise ValueError(f"rows must be (n, features), got {table.shape!r}")
    return table
