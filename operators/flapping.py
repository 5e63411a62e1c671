"""An incident that comes and goes is held open, until it has been quiet for long."""

import msgspec

from operators.case import Case
from operators.quantity import span

MAX_RETURNS = 16
MAX_S = 604_800.0  # 7 days


class FlapSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `triage.flap`."""

    returns: int = 3  # of alerts to an incident without any, within `window_s`: it flaps
    window_s: float = 7_200.0
    hold_s: float = 2_400.0  # while it flaps: quiet for so long before it is resolved

    def __post_init__(self) -> None:
        if not 2 <= self.returns <= MAX_RETURNS:
            raise ValueError(f"returns must be in [2, {MAX_RETURNS}], got {self.returns!r}")
        for name in ("window_s", "hold_s"):
            if not 0 < getattr(self, name) <= MAX_S:
                raise ValueError(f"{name} must be in (0, {MAX_S}] s, got {getattr(self, name)!r}")


def came_back(case: Case, now_ms: int) -> None:
    """Count an alert that is about to open, if there was none left at an earlier tick.

    So of many alerts that come and go at different times it is the incident that flaps, or not.
    """
    if case.members and case.open_count == 0 and now_ms > case.last_close_ms:
        case.returns = [*case.returns[1 - MAX_RETURNS :], now_ms]


def judge_flapping(case: Case, settings: FlapSettings) -> None:
    """Find out whether the case flaps; once it does, it does until it is resolved."""
    counted = case.returns[-settings.returns :]
    if len(counted) == settings.returns:
        case.flapping |= counted[-1] - counted[0] <= settings.window_s * 1000


def flapping_in_words(case: Case, settings: FlapSettings) -> str:
    """Return why it is held open."""
    first = case.returns[-settings.returns]
    took = span(case.returns[-1] - first)
    return (
        f"came back {settings.returns} times in {took}; "
        f"held open until quiet for {span(round(settings.hold_s * 1000))}"
    )
