"""How many alerts it takes before anybody is told of an incident, by its severity, and how long."""

import sys

import msgspec

from operators.case import Case
from schema import Severity

MAX_COUNT = 100


class OccurrenceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `triage.occurrences`: alerts within `within_s`, the same one again counts.

    Until there are so many, or it is worse than that, the incident waits, and nobody is told. So
    does one of LOW severity that is a single alert of metrics, not of a rule or silence, until that
    has lasted for `low_for_s`: of those that are over at once most are nothing. An alert is open
    for `detect.alerts.hold_ticks` at least, so only a longer wait leaves any out.
    """

    low: int = 1
    medium: int = 1
    high: int = 1
    critical: int = 1
    within_s: float = 3_600.0
    low_for_s: float = 0.0  # none waits

    def __post_init__(self) -> None:
        for name in ("low", "medium", "high", "critical"):
            if not 1 <= getattr(self, name) <= MAX_COUNT:
                raise ValueError(f"{name} must be in [1, {MAX_COUNT}], got {getattr(self, name)!r}")
        if not 0 < self.within_s <= 604_800:
            raise ValueError(f"within_s must be in (0, 604800] s, got {self.within_s!r}")
        if not 0 <= self.low_for_s <= 86_400:
            raise ValueError(f"low_for_s must be in [0, 86400] s, got {self.low_for_s!r}")

    def of(self, severity: Severity) -> int:
        """Return how many it takes."""
        return (self.low, self.medium, self.high, self.critical)[severity - Severity.LOW]


def is_waiting(case: Case, now_ms: int, settings: OccurrenceSettings) -> bool:
    """Tell whether it is too early to tell of a new incident."""
    if case.revision > 0 or case.news != "opened":
        return False
    since_ms = now_ms - round(settings.within_s * 1000)
    counted = sum(at_ms > since_ms for at_ms in case.occurred)
    if counted < min(settings.of(case.standing.severity), MAX_COUNT):
        return True
    return now_ms < patient_until_ms(case, settings)


def patient_until_ms(case: Case, settings: OccurrenceSettings) -> int:
    """Return before when it is too early to tell of one small alert; of one that is over, ever."""
    alert = next(iter(case.members.values()))
    is_alone = len(case.occurred) == len(case.members) == 1 and alert.kind == "metrics"
    if not is_alone or case.standing.severity > Severity.LOW:
        return case.opened_ms
    enough_ms = alert.opened_ms + round(settings.low_for_s * 1000)
    is_over = alert.closed_ms is not None and alert.closed_ms < enough_ms
    return sys.maxsize if is_over else enough_ms


def given_up_ms(case: Case, settings: OccurrenceSettings) -> int:
    """Return when an incident that waits, and whose alerts have closed, is forgotten."""
    return max(case.last_close_ms, case.occurred[-1]) + round(settings.within_s * 1000)
