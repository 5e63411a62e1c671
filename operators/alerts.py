"""When a resource's score becomes an alert, and when an alert is over."""

import msgspec


class AlertSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hysteresis, hold-down and silence. Scores are fused surprises, see `models.fusion`."""

    # Spreads that a metric must be off where it hurts, whatever the odds: by the mean of its last
    # samples, or two thirds by that and twice as much by the sample, as what flaps is. A band is 3
    # wide, so a page names something that left it. Two thirds will do of hourly samples.
    least_effect: float = 3.0
    open_of: tuple[int, int] = (2, 3)  # n of the last m samples above the opening score
    close_ratio: float = 0.5  # of the opening score: below it a sample is calm
    calm_samples: int = 5  # calm in a row that close an alert
    hold_ticks: int = 10  # an alert stays open so long at least
    update_ticks: int = 15  # between two words about an alert that got worse
    silent_steps: float = 10.0  # of a resource's step without a sample, while others send
    forget_s: float = 86_400.0  # a resource unheard for so long, or 50 steps, is forgotten

    def __post_init__(self) -> None:
        needed, window = self.open_of
        if not 1 <= needed <= window <= 50:
            raise ValueError(f"open_of must be [n, m], 1 <= n <= m <= 50, got {self.open_of!r}")
        if not 0 <= self.least_effect <= 100:
            raise ValueError(f"least_effect must be in [0, 100], got {self.least_effect!r}")
        if not 0 < self.close_ratio <= 1:
            raise ValueError(f"close_ratio must be in (0, 1], got {self.close_ratio!r}")
        for name in ("calm_samples", "hold_ticks", "update_ticks"):
            value = getattr(self, name)
            if not 1 <= value <= 100_000:
                raise ValueError(f"{name} must be in [1, 100000], got {value!r}")
        if not 2 <= self.silent_steps <= 10_000:
            raise ValueError(f"silent_steps must be in [2, 10000], got {self.silent_steps!r}")
        if not 43_200 <= self.forget_s <= 31_536_000:  # names are sent again after 12 hours
            raise ValueError(f"forget_s must be in [43200, 31536000] s, got {self.forget_s!r}")
