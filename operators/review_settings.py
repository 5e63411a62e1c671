"""How incidents are cut into windows, and from when on a window is odd."""

import msgspec

from schema import Severity

HOUR_MS = 3_600_000
DAY_H = 24
WINDOWS_H = (4, 6, 8, 12, 24, 48, 72, 168)  # that fit into a day, or days into them
_MOST_DAYS = 1_000


class Priors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How high a detector's scores are where nothing is known yet: 98th percentile, mean excess."""

    quantile: float
    excess: float

    def __post_init__(self) -> None:
        for name in ("quantile", "excess"):
            value = getattr(self, name)
            if not 0 < value <= 1e6:
                raise ValueError(f"{name} must be in (0, 1e6], got {value!r}")


class Levels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From which score on a record is how bad; below all of them it is LOW."""

    critical: float = 5.0
    high: float = 3.0
    medium: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.medium <= self.high <= self.critical <= 1e6:
            raise ValueError(
                "levels must rise from medium to critical, got "
                f"{(self.medium, self.high, self.critical)!r}"
            )

    def severity(self, score: float) -> Severity:
        """Return how bad a score is."""
        if score >= self.critical:
            return Severity.CRITICAL
        if score >= self.high:
            return Severity.HIGH
        return Severity.MEDIUM if score >= self.medium else Severity.LOW


class ReviewSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `review`."""

    window_hours: int = 24
    baseline_days: int = 120  # a window is compared with so many days before it
    warm_days: int = 56  # before a service and team are judged
    fit_rows: int = 180  # windows that a detector learns from
    odd: float = 3.1  # -log10 of the tail probability from which a window makes a record
    levels: Levels = Levels()
    even_at: float = 3.25  # score at which the confidence is a half
    steepness: float = 2.2
    quiet_days: float = 7.0  # what comes again within them makes no new record
    prior_rows: float = 500.0  # windows that the priors are worth against a detector's own scores
    statistical: Priors = Priors(3.16, 0.33)
    isolation_forest: Priors = Priors(0.104, 0.031)
    temporal: Priors = Priors(2.83, 0.3)
    other: Priors = Priors(3.0, 0.5)
    lateness_s: float = 3_600.0  # an event that comes later than that is counted, not reviewed
    max_keys: int = 2_000  # services and teams; those that come then are reviewed as one
    max_incidents: int = 100  # ids kept a window, and told with a record
    storms: bool = False  # a record that is bad enough opens an incident
    storms_from: str = "HIGH"

    def __post_init__(self) -> None:
        if self.window_hours not in WINDOWS_H:
            raise ValueError(f"window_hours must be one of {WINDOWS_H}, got {self.window_hours!r}")
        for name, least in (("baseline_days", 28), ("warm_days", 14)):
            if not least <= getattr(self, name) <= _MOST_DAYS:
                raise ValueError(
                    f"{name} must be in [{least}, {_MOST_DAYS}], got {getattr(self, name)!r}"
                )
        if not 20 <= self.fit_rows <= 10_000:
            raise ValueError(f"fit_rows must be in [20, 10000], got {self.fit_rows!r}")
        for name in ("odd", "even_at"):
            if not 0 < getattr(self, name) <= 16:
                raise ValueError(f"{name} must be in (0, 16], got {getattr(self, name)!r}")
        for name, most in (("steepness", 100.0), ("prior_rows", 1e9), ("quiet_days", 365.0)):
            if not 0 < getattr(self, name) <= most:
                raise ValueError(f"{name} must be in (0, {most:g}], got {getattr(self, name)!r}")
        if not 0 <= self.lateness_s <= 30 * 86_400:
            raise ValueError(f"lateness_s must be in [0, 2592000] s, got {self.lateness_s!r}")
        for name, most in (("max_keys", 1_000_000), ("max_incidents", 10_000)):
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be in [1, {most}], got {getattr(self, name)!r}")
        if self.storms_from not in Severity.__members__:
            raise ValueError(
                f"storms_from must be one of {', '.join(Severity.__members__)}, "
                f"got {self.storms_from!r}"
            )

    @property
    def window_ms(self) -> int:
        """Length of a window."""
        return self.window_hours * HOUR_MS

    @property
    def windows_a_week(self) -> int:
        """Windows that differ by their place in the week."""
        return 168 // self.window_hours if self.window_hours <= DAY_H else 1

    def windows(self, days: float) -> int:
        """Return how many windows make so many days, one at least."""
        return max(1, round(days * DAY_H / self.window_hours))

    def priors(self, algorithm: str) -> Priors:
        """Return a detector's priors."""
        found = getattr(self, algorithm, self.other)
        return found if isinstance(found, Priors) else self.other
