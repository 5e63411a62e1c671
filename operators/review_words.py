"""What a strange window is called in words."""

import math
from collections.abc import Callable

from operators.quantity import span
from operators.review_features import Feature, Reading


def described(service: str, team: str, feature: Feature, reading: Reading) -> str:
    """Return what was measured of a service and team, and what is usual."""
    days = "1 day" if feature.days == 1 else f"{feature.days} days"
    what = _WORDS[feature.measure](reading, days) if math.isfinite(reading.value) else "nothing"
    return f"{service}, team {team}: {what}"


def _rate(reading: Reading, days: str) -> str:
    incidents = "incident" if reading.value == 1 else "incidents"
    return f"{reading.value:,.0f} {incidents} in {days}, {reading.usual:,.1f} are usual"


def _severity(reading: Reading, days: str) -> str:
    return (
        f"mean severity {reading.value:.2f} in {days}, {reading.usual:.2f} is usual "
        "(1 LOW to 5 EMERGENCY)"
    )


def _took(what: str, reading: Reading, days: str) -> str:
    took, usual = (span(round(1000 * seconds)) for seconds in (reading.value, reading.usual))
    return f"{took} to {what} in {days} (geometric mean), {usual} is usual for such severities"


def _hour(reading: Reading, days: str) -> str:
    return (
        f"incidents at {reading.value:02.0f}:00-{reading.value:02.0f}:59 UTC on more of {days} "
        f"than is usual ({reading.usual:.0%} of days)"
    )


def _share(what: str, reading: Reading, days: str) -> str:
    return f"{reading.value:.0%} {what} in {days}, {reading.usual:.0%} is usual"


def _mean(what: str, reading: Reading, days: str) -> str:
    return (
        f"{reading.value:,.3g} {what} an incident in {days} (geometric mean), "
        f"{reading.usual:,.3g} is usual"
    )


_WORDS: dict[str, Callable[[Reading, str], str]] = {
    "rate": _rate,
    "severity": _severity,
    "time_to_acknowledge": lambda reading, days: _took("acknowledge", reading, days),
    "time_to_resolve": lambda reading, days: _took("resolve", reading, days),
    "hour_of_day": _hour,
    "reopened": lambda reading, days: _share("of the resolved came back", reading, days),
    "false_positives": lambda reading, days: _share("were false positives", reading, days),
    "category": lambda reading, days: (
        f"rare categories in {days}: {reading.value:.1f} bits an incident, "
        f"{reading.usual:.1f} is usual"
    ),
    "affected_users": lambda reading, days: _mean("affected users", reading, days),
    "downtime": lambda reading, days: _mean("hours of downtime", reading, days),
    "resources": lambda reading, days: _mean("resources", reading, days),
}
