"""How many alerts it takes before anybody is told of an incident, by its severity."""

import msgspec

from operators.case import Case
from schema import Severity

MAX_COUNT = 100


class OccurrenceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `triage.occurrences`: alerts within `within_s`, the same one again counts.

    Until there are so many, or it is worse than that, the incident waits, and nobody is told.
    """

    low: int = 1
    medium: int = 1
    high: int = 1
    critical: int = 1
    within_s: float = 3_600.0

    def __post_init__(self) -> None:
        for name in ("low", "medium", "high", "critical"):
            if not 1 <= getattr(self, name) <= MAX_COUNT:
                raise ValueError(f"{name} must be in [1, {MAX_COUNT}], got {getattr(self, name)!r}")
        if not 0 < self.within_s <= 604_800:
            raise ValueError(f"within_s must be in (0, 604800] s, got {self.within_s!r}")

    def of(self, severity: Severity) -> int:
        """Return how many it takes."""
        return (self.low, self.medium, self.high, self.critical)[severity - Severity.LOW]


def is_waiting(case: Case, now_ms: int, settings: OccurrenceSettings) -> bool:
    """Tell whether it is too early to tell of a new incident."""
    if case.revision > 0 or case.news != "opened":
        return False
    since_ms = now_ms - round(settings.within_s * 1000)
    counted = sum(at_ms > since_ms for at_ms in case.occurred)
    return counted < min(settings.of(case.standing.severity), MAX_COUNT)


def given_up_ms(case: Case, settings: OccurrenceSettings) -> int:
    """Return when an incident that waits, and whose alerts have closed, is forgotten."""
    return max(case.last_close_ms, case.occurred[-1]) + round(settings.within_s * 1000)
