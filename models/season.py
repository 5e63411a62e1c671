"""The rhythm of a series: what the time of day adds, and what the weekend adds to that.

Bins of a quarter of an hour for the day, of an hour for the weekend, interpolated between their
middles; each learns from what is left of a sample, and knows by how many samples.
"""

from models.jit import jit
from schema import F64

QUARTERS = 96  # of an hour, a day
HOURS = 24
# day by quarter of an hour, weekend's addition by hour, and the samples behind each
DAY, WEEKEND, DAY_SEEN, WEEKEND_SEEN = 0, QUARTERS, QUARTERS + HOURS, 2 * QUARTERS + HOURS
SEASON = 2 * (QUARTERS + HOURS)  # width of a series' row, float32


@jit
def _doubt(seen: float, in_bin: float) -> float:
    """Return how little is known of a season's bin, 1 to 0, after `seen` samples."""
    return 1.0 / (1.0 + seen / max(0.25 * in_bin, 0.25))


@jit
def _teach(
    season: F64,
    bins: int,
    seen: int,
    at: int,
    share: float,
    error: float,
    in_bin: float,
    days: float,
) -> None:
    """Move a season's bin, into which a sample falls with `share`."""
    count = season[seen + at]
    doubt = min(15.0, 0.25 * in_bin)  # samples that an unseen bin is taken to have had
    season[bins + at] += share * error / min(count + 1.0 + doubt, max(in_bin, 1.0) * days)
    season[seen + at] = min(count + share, 1e6)


@jit
def _between(place: float, bins: int) -> tuple[int, int, float]:
    """Return the two bins whose middles `place` lies between, and the share of the second."""
    at = place - 0.5 + bins * (place < 0.5)
    first = int(at)
    return first, (first + 1) % bins, at - first


@jit
def rhythm_at(season: F64, hour: float, weekend: bool, in_hour: float) -> tuple[float, float]:
    """Return what the time of day and week adds, and how little that is known, 1 to 0."""
    first, second, part = _between(hour * 4.0, QUARTERS)
    value = (1.0 - part) * season[DAY + first] + part * season[DAY + second]
    seen = (1.0 - part) * season[DAY_SEEN + first] + part * season[DAY_SEEN + second]
    doubt = _doubt(seen, 0.25 * in_hour)
    if weekend:
        first, second, part = _between(hour, HOURS)
        value += (1.0 - part) * season[WEEKEND + first] + part * season[WEEKEND + second]
        seen = (1.0 - part) * season[WEEKEND_SEEN + first] + part * season[WEEKEND_SEEN + second]
        doubt = max(doubt, _doubt(seen, in_hour))
    return value, doubt


@jit
def teach_rhythm(
    season: F64, hour: float, weekend: bool, error: float, in_hour: float, days: float
) -> None:
    """Learn what is left of a sample into the bins that it lies between."""
    if weekend:
        first, second, part = _between(hour, HOURS)
        _teach(season, WEEKEND, WEEKEND_SEEN, first, 1.0 - part, error, in_hour, days)
        _teach(season, WEEKEND, WEEKEND_SEEN, second, part, error, in_hour, days)
    else:
        first, second, part = _between(hour * 4.0, QUARTERS)
        _teach(season, DAY, DAY_SEEN, first, 1.0 - part, error, 0.25 * in_hour, days)
        _teach(season, DAY, DAY_SEEN, second, part, error, 0.25 * in_hour, days)
