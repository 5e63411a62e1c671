"""The detectors that look at one series alone, as objects: see `models.contract`.

A row is one number, the value at its tick. The state is that of one series in the flow, the kernels
are the flow's, which judge and learn in one go; so to score without learning they work on a copy of
the state: 2 kB for the baseline's, 4 bytes a sample of the past for `discord`. Both directions
hurt; there is no load metric, and the smallest change of interest is 0.
"""

import math
from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from models import baseline, discord, forecast, season, statistical
from models.baseline import BaselineSettings
from models.contract import Detector, Progress, S, little, take
from models.discord import DiscordSettings
from models.forecast import ForecastSettings
from models.rules import RulesSettings, run_on
from models.statistical import StatisticalSettings
from models.statistical import judge as judge_value
from models.temporal import TemporalSettings, temporal_score
from schema import F64

Arrays = tuple[npt.NDArray[Any], ...]

BOTH = 0  # directions hurt
DAY_S = 86_400.0


class SeriesDetector(Detector[S]):
    """A detector whose state is a few arrays of fixed shape, and whose kernel changes them."""

    def __init__(self, settings: S, tick_s: float = 60.0) -> None:
        super().__init__(settings, tick_s)
        self._start(1)

    @abstractmethod
    def _fresh(self) -> Arrays:
        """Return the state of a series that nothing is known of."""

    @abstractmethod
    def _take(self, arrays: Arrays, value: float, tick: int) -> float:
        """Return the score of a value, NaN without one, and learn it into `arrays`."""

    def _start(self, features: int) -> None:
        if features != 1:
            raise ValueError(f"a row of {self.name!r} must be one value, got {features!r}")
        self.features = 1
        self._arrays = self._fresh()

    def _judge(self, row: F64, tick: int) -> float:
        return self._take(self._arrays, float(row[0]), tick)

    def _look(self, row: F64, tick: int) -> float:
        copies = tuple(array.copy() for array in self._arrays)
        return self._take(copies, float(row[0]), tick)

    def _parts(self) -> tuple[bytes, ...]:
        return tuple(little(array) for array in self._arrays)

    def _restore(self, parts: tuple[bytes, ...]) -> None:
        for array, raw in zip(self._arrays, parts, strict=True):
            take(array, raw)


class _Learned(NamedTuple):
    """What the baseline says of a value."""

    views: F64
    is_warm: bool


class BaselineDetector(SeriesDetector[S]):
    """A detector that looks at a series by its baseline: level, rhythm and spread."""

    def __init__(self, settings: S, tick_s: float = 60.0) -> None:
        self._constants = BaselineSettings().constants(tick_s)
        super().__init__(settings, tick_s)

    def _fresh(self) -> Arrays:
        return np.zeros(baseline.WIDTH), np.zeros(season.SEASON, np.float32)

    @property
    def progress(self) -> Progress:
        """Samples learned, and those of the baseline's warm-up."""
        return Progress(int(self._arrays[0][baseline.SEEN]), baseline.WARM_UP)

    def _learned(self, arrays: Arrays, value: float, tick: int) -> _Learned:
        views = np.zeros(baseline.VIEWS)
        day, within_s = divmod(tick * self.tick_s, DAY_S)
        is_warm = baseline.learn(
            arrays[0],
            arrays[1],
            value,
            float(tick),
            within_s / 3600.0,
            (day + 3.0) % 7.0 >= 5.0,  # 1970-01-01 was a Thursday
            math.nan,
            0.0,
            0.0,
            False,
            self._constants,
            views,
        )
        return _Learned(views, is_warm)


class Statistical(BaselineDetector[StatisticalSettings]):
    """`models.statistical`: how rare value and change are, over three samples, in [0, 8].

    >>> detector = Statistical(StatisticalSettings())
    >>> detector.score(50.0), detector.fit([10.0 + i % 3 for i in range(100)]).progress.share
    (None, 1.0)
    >>> [round(detector.score(value), 1) for value in (11.0, 14.0, 20.0)]
    [0.3, 0.6, 0.8]
    """

    name: ClassVar[str] = "statistical"
    settings_type = StatisticalSettings

    def _fresh(self) -> Arrays:
        return (*super()._fresh(), np.zeros(statistical.WIDTH))

    def _take(self, arrays: Arrays, value: float, tick: int) -> float:
        views, is_warm = self._learned(arrays, value, tick)
        if not is_warm:
            return math.nan
        return judge_value(arrays[2], views, BOTH, self.settings.constants)


class Temporal(BaselineDetector[TemporalSettings]):
    """`models.temporal`: length of the three views of what level and rhythm leave, in spreads.

    >>> detector = Temporal(TemporalSettings(), tick_s=3600.0)
    >>> day = [10.0 + 8.0 * (8 <= hour < 18) for hour in range(24)]
    >>> detector.fit([day[i % 24] + i % 5 / 5 for i in range(24 * 21)]).progress
    Progress(seen=504, needed=30)
    >>> [round(detector.score(value), 1) for value in (10.5, 18.5)]  # midnight
    [0.2, 7.3]
    """

    name: ClassVar[str] = "temporal"
    settings_type = TemporalSettings

    def _take(self, arrays: Arrays, value: float, tick: int) -> float:
        views, is_warm = self._learned(arrays, value, tick)
        if not is_warm:
            return math.nan
        shares = self.settings
        return temporal_score(views, BOTH, shares.sample, shares.short, shares.middle)


class Forecast(BaselineDetector[ForecastSettings]):
    """`models.forecast`: how unusual the climb or fall is that a value is part of, in spreads.

    0 while the series is rough: it has none that could be told from its noise.

    >>> detector = Forecast(ForecastSettings(warm_up_h=4.0))
    >>> _ = detector.fit([50.0 + math.sin(i / 60) + i * 7919 % 101 / 500 for i in range(1000)])
    >>> leak = [detector.judge(50.0 + i / 10.0) for i in range(60)]
    >>> round(leak[5], 1), round(leak[-1], 1)
    (0.3, 7.9)
    """

    name: ClassVar[str] = "forecast"
    settings_type = ForecastSettings

    def _fresh(self) -> Arrays:
        return (*super()._fresh(), np.zeros(forecast.WIDTH), np.zeros(forecast.WIDTH))

    @property
    def progress(self) -> Progress:
        """Samples learned, and those of the warm-ups of baseline and climbs."""
        own = math.ceil(self.settings.constants(self.tick_s)[forecast.WARM_UP_TICKS])
        return Progress(super().progress.seen, baseline.WARM_UP + max(forecast.WARM_UP, own))

    def _take(self, arrays: Arrays, value: float, tick: int) -> float:
        views, is_warm = self._learned(arrays, value, tick)
        if not is_warm:
            return math.nan
        rest, step = value - float(views[baseline.EXPECTED]), float(arrays[0][baseline.STEP])
        constants = self.settings.constants(self.tick_s)
        up, down = (
            forecast.judge(state, value, rest, float(tick), step, direction, 0.0, constants)
            for state, direction in ((arrays[2], 1), (arrays[3], -1))
        )
        if arrays[0][baseline.SEEN] <= self.progress.needed:
            return math.nan
        return 0.0 if math.isnan(up) else max(up, down, 0.0)


class Discord(SeriesDetector[DiscordSettings]):
    """`models.discord`: how rare the distance of the last points to the series' past is.

    >>> detector = Discord(DiscordSettings(past=200))
    >>> _ = detector.fit([10.0 + i % 7 for i in range(200)])
    >>> [round(detector.score(value), 2) for value in (14.0, 30.0)]
    [0.0, 0.81]
    """

    name: ClassVar[str] = "discord"
    settings_type = DiscordSettings

    def _fresh(self) -> Arrays:
        return np.zeros(discord.WIDTH), np.zeros(self.settings.past, np.float32)

    @property
    def progress(self) -> Progress:
        """Samples learned, and those before anything is said."""
        return Progress(int(self._arrays[0][discord.SEEN]), discord.WARM_UP)

    def _take(self, arrays: Arrays, value: float, tick: int) -> float:
        return discord.judge(arrays[0], arrays[1], value, self.settings.constants)


class Rules(SeriesDetector[RulesSettings]):
    """`models.rules`: how much of the time that a threshold allows is over, 1 while a rule is open.

    The largest of all thresholds; 0 where there are none. There is no warm-up, and `predict` says
    whether one is open: what people have set needs no rarity.

    >>> from models.rules import Threshold
    >>> detector = Rules(RulesSettings((Threshold(above=90.0, for_ticks=4),)))
    >>> [detector.judge(value) for value in (50.0, 95.0, 96.0, 97.0, 98.0, 50.0)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """

    name: ClassVar[str] = "rules"
    settings_type = RulesSettings

    def _fresh(self) -> Arrays:
        return np.zeros(len(self.settings.thresholds), np.int32), np.zeros(1, np.int64)

    @property
    def progress(self) -> Progress:
        """Samples learned; none is needed."""
        return Progress(int(self._arrays[1][0]), 0)

    def predict(self, rows: npt.ArrayLike, odd: float = 1.0) -> npt.NDArray[np.bool_]:
        """Return whether a rule would be open, as `(n,)`; with `odd` below 1 about to be."""
        return self.get_anomaly_scores(rows) >= odd

    def _take(self, arrays: Arrays, value: float, tick: int) -> float:
        runs, seen = arrays
        seen[0] += 1
        score = 0.0
        for i, rule in enumerate(self.settings.thresholds):
            above = math.nan if rule.above is None else rule.above
            below = math.nan if rule.below is None else rule.below
            needed = rule.for_ticks
            runs[i] = run_on(int(runs[i]), value, above, below, needed, self.settings.calm_samples)
            score = max(score, 1.0 if runs[i] < 0 else int(runs[i]) / needed)
        return score
