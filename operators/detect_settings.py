"""The settings of detection, and how the compiled pass takes them."""

import math

import msgspec
import numpy as np

from models.baseline import BaselineSettings
from models.calibration import CalibrationSettings
from models.discord import DiscordSettings
from models.forecast import ForecastSettings
from models.fusion import DETECTORS, FusionSettings
from models.half_space_trees import HalfSpaceTreesSettings
from models.hold_down import HoldDownSettings
from models.isolation_forest import IsolationForestSettings
from models.statistical import StatisticalSettings
from models.temporal import TemporalSettings
from operators.alerts import AlertSettings
from operators.effects import EffectSettings
from operators.layout import Knobs
from operators.metric_settings import MetricSettings
from operators.rules import Rule, RuleTable


class DetectSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `detect`. A detector is switched off by leaving it out of `detectors`."""

    detectors: tuple[str, ...] = DETECTORS
    baseline: BaselineSettings = BaselineSettings()
    statistical: StatisticalSettings = StatisticalSettings()
    temporal: TemporalSettings = TemporalSettings()
    discord: DiscordSettings = DiscordSettings()
    forecast: ForecastSettings = ForecastSettings()
    isolation_forest: IsolationForestSettings = IsolationForestSettings()
    half_space_trees: HalfSpaceTreesSettings = HalfSpaceTreesSettings()
    calibration: CalibrationSettings = CalibrationSettings()
    fusion: FusionSettings = FusionSettings()
    hold_down: HoldDownSettings = HoldDownSettings()
    alerts: AlertSettings = AlertSettings()
    effects: EffectSettings = EffectSettings()
    rules: tuple[Rule, ...] = ()
    metrics: tuple[
        MetricSettings, ...
    ] = ()  # what differs for single ones, a later over an earlier
    max_label_sets: int = 32  # of a metric of a resource that are told apart; the rest are one

    def __post_init__(self) -> None:
        if not 1 <= self.max_label_sets <= 100_000:
            raise ValueError(f"max_label_sets must be in [1, 100000], got {self.max_label_sets!r}")
        unknown = sorted(set(self.detectors) - set(DETECTORS))
        if unknown:
            raise ValueError(f"detectors must be among {list(DETECTORS)!r}, got {unknown[0]!r}")
        if not any(self._votes()):
            raise ValueError(
                f"detectors must name one with a vote above 0, got {list(self.detectors)!r}"
            )
        RuleTable(self.rules)

    def _votes(self) -> list[float]:
        return [
            vote if name in self.detectors else 0.0
            for name, vote in zip(DETECTORS, self.fusion.votes, strict=True)
        ]

    @property
    def uses_forests(self) -> bool:
        """Whether feature rows are kept and forests fitted at all."""
        return bool({"isolation_forest", "half_space_trees"} & set(self.detectors))

    def knobs(self, rules: RuleTable, tick_s: float) -> Knobs:
        """Return the settings as numbers."""
        alerts = self.alerts
        needed, window = alerts.open_of
        return Knobs(
            baseline=self.baseline.constants(tick_s),
            votes=np.array(self._votes()),
            minutes_a_tick=tick_s / 60.0,
            statistical=self.statistical.constants,
            coarse=(self.fusion.fine_min, self.fusion.coarse_min),
            temporal=(self.temporal.sample, self.temporal.short, self.temporal.middle),
            discord=self.discord.constants,
            forecast=self.forecast.constants(tick_s),
            load_spreads=self.forecast.load_spreads,
            rate_share=self.fusion.rate_share,
            smoothing=2.0 / (self.fusion.smooth_samples + 1.0),
            prior_rows=self.calibration.prior_rows,
            memory_rows=self.calibration.memory_rows,
            start_quantile=self.calibration.start_quantile,
            start_excess=self.calibration.start_excess,
            open_score=self.fusion.threshold,
            even_at=self.fusion.even_at,
            steepness=self.fusion.steepness,
            close_score=self.fusion.threshold * alerts.close_ratio,
            least_effect=alerts.least_effect,
            needed=needed,
            window=window,
            calm=alerts.calm_samples,
            hold=alerts.hold_ticks,
            update=alerts.update_ticks,
            silent_steps=alerts.silent_steps,
            forget=alerts.forget_s / tick_s,
            rule_above=rules.above,
            rule_below=rules.below,
            rule_for=rules.ticks,
            ticks_a_day=86_400.0 / tick_s,
            warm_up=60.0,
            tail_rows=200.0,
            fit_rows=float(self.isolation_forest.min_rows) if self.uses_forests else math.inf,
            first_fit=3.0 * 3600.0 / tick_s,
            pulse_ticks=math.inf,  # see `operators.drift.DriftSettings`
            pulse_high=math.inf,
            effect_bar=self.effects.bar,
            raised_bar=math.inf,  # see `operators.gauge.LiveSettings`
            followed=0,  # see `operators.evidence.EvidenceSettings`
        )
