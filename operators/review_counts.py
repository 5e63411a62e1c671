"""What a window of one service and team comes to: a row of counts and sums."""

import numpy as np

from schema import F64, IncidentEvent, stable_id

SEVERITIES = 6  # 0 unknown .. 5 EMERGENCY
HOURS = 24
CATEGORIES = 16  # buckets
HOUR_MS = 3_600_000

# columns of a row
OPENED = 0
BY_SEVERITY = slice(1, 1 + SEVERITIES)
BY_HOUR = slice(7, 7 + HOURS)
BY_CATEGORY = slice(31, 31 + CATEGORIES)
RESOLVED, REOPENED, FALSE_POSITIVE = 47, 48, 49
# of a measure that is learned by its logarithm: count, sum and sum of squares ...
USERS, DOWNTIME, RESOURCES = slice(50, 53), slice(53, 56), slice(56, 59)
# ... by severity too: counts, sums, and the sum of squares
ACK_COUNT, ACK_SUM, ACK_SQUARES = slice(59, 65), slice(65, 71), 71
FIX_COUNT, FIX_SUM, FIX_SQUARES = slice(72, 78), slice(78, 84), 84
WIDTH = 85


def count(row: F64, event: IncidentEvent) -> None:
    """Add an event to `(WIDTH,)` counts."""
    severity = event.severity if 0 <= event.severity < SEVERITIES else 0
    took_s = (event.ts_ms - event.since_ms) / 1000.0
    match event.step:
        case "opened":
            row[OPENED] += 1.0
            row[BY_SEVERITY][severity] += 1.0
            row[BY_HOUR][event.ts_ms // HOUR_MS % HOURS] += 1.0
            name = f"{event.category}/{event.subcategory}"
            row[BY_CATEGORY][stable_id(name) % CATEGORIES] += 1.0
            _add(row[USERS], event.users)
            _add(row[DOWNTIME], event.downtime_h)
            _add(row[RESOURCES], float(len(event.resources)) if event.resources else None)
        case "acknowledged":
            _add_by(row, ACK_COUNT, ACK_SUM, ACK_SQUARES, severity, took_s)
        case "resolved":
            row[RESOLVED] += 1.0
            _add(row[DOWNTIME], event.downtime_h)  # told once: estimated as it opens, or measured
            _add_by(row, FIX_COUNT, FIX_SUM, FIX_SQUARES, severity, took_s)
        case "reopened":
            row[REOPENED] += 1.0
        case "false_positive":
            row[FALSE_POSITIVE] += 1.0


def _add(cells: F64, value: float | None) -> None:
    if value is not None and np.isfinite(value) and value >= 0:
        size = float(np.log1p(value))
        cells += (1.0, size, size * size)


def _add_by(
    row: F64, counts: slice, sums: slice, squares: int, severity: int, took_s: float
) -> None:
    size = float(np.log(max(took_s, 1.0)))
    row[counts][severity] += 1.0
    row[sums][severity] += size
    row[squares] += size * size
