"""Which metrics of an incident are plotted, how far around it, and by how many points."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from connectors.scored_windows import Curve, Spool, Verdicts, Window
from models.fusion import DETECTORS
from schema import F64, I64, Incident, Labels, Member

MAX_PLOTS = 4  # an incident
FEW_PLOTS = 2  # an incident, where there are more than `MANY`
MANY = 100  # incidents
MAX_POINTS, MIN_POINTS = 500, 60  # a plot
ALL_POINTS = 120_000  # of all plots together: about 4 MB
_HOUR_MS = 3_600_000
_MAIN_MEMBERS = 3
_DIGITS = 5


class Plot(msgspec.Struct, frozen=True):
    """A metric around an incident; points are thinned out so that highs and lows stay."""

    resource: str  # name as it came in
    service: str
    metric: str
    labels: Labels
    unit: str
    from_ms: int
    until_ms: int
    ts_s: tuple[float, ...]  # of each point, since `from_ms`
    value: tuple[float, ...]
    expected: tuple[float | None, ...]  # None: not known yet
    lower: tuple[float | None, ...]  # of the expected band
    upper: tuple[float | None, ...]
    odd: tuple[int, ...]  # positions of the points out of their band while the score was high
    alerts: tuple[tuple[float, float], ...]  # seconds since `from_ms` that the resource's were open


class Drawn(msgspec.Struct, frozen=True):
    """What is shown of an incident."""

    plots: tuple[Plot, ...] = ()
    detectors: tuple[tuple[str, float], ...] = ()  # their scores at the main member's highest, most


def draw(
    incidents: Sequence[Incident],
    spool: Spool,
    threshold: float,
    until_ms: int,
    all_points: int = ALL_POINTS,
) -> dict[str, Drawn]:
    """Return by id what is shown of each incident; `threshold` is that of the fused score.

    Memory: what the spool reads at once, and the samples around all incidents.
    """
    each = MAX_PLOTS if len(incidents) <= MANY else FEW_PLOTS
    wanted = {
        incident.id: _windows(incident, _around(incident, until_ms), spool, each)
        for incident in incidents
    }
    windows = {window for mine in wanted.values() for window, _ in mine}
    curves, verdicts = spool.curves(windows), spool.verdicts(windows)
    points = max(MIN_POINTS, min(MAX_POINTS, all_points // max(1, len(windows))))
    out = {}
    for incident in incidents:
        mine = [(w, member) for w, member in wanted[incident.id] if w in curves]
        plots = (
            _plot(w, curves[w], verdicts.get(w), member, incident, threshold, points)
            for w, member in mine
        )
        out[incident.id] = Drawn(
            tuple(plot for plot in plots if plot.ts_s),
            _detectors(incident, [verdicts[w] for w, _ in mine if w in verdicts]),
        )
    return out


def _around(incident: Incident, until_ms: int) -> tuple[int, int]:
    """Return the stretch of time that shows an incident and what was normal before."""
    end_ms = incident.resolved_ms or incident.closed_ms or max(until_ms, incident.updated_ms)
    lasted_ms = max(end_ms - incident.onset_ms, 0)
    before_ms = min(max(2 * lasted_ms, 3 * _HOUR_MS), 48 * _HOUR_MS)
    after_ms = min(max(lasted_ms // 2, _HOUR_MS), 12 * _HOUR_MS)
    return incident.onset_ms - before_ms, end_ms + after_ms


def _windows(
    incident: Incident, around: tuple[int, int], spool: Spool, most: int
) -> list[tuple[Window, Member]]:
    """Return the main members' metrics, each member's first before anybody's second."""
    members = incident.members[:_MAIN_MEMBERS]
    ranked = []
    for place, member in enumerate(members):
        key = member.resource.key
        named = [(e.metric, e.labels) for e in member.evidence] or spool.metrics(key)[:1]
        ranked += [
            (rank, place, Window(key, *around, metric, labels), member)
            for rank, (metric, labels) in enumerate(named[:most])
        ]
    ranked.sort(key=lambda each: each[:2])
    found: dict[Window, Member] = {}
    for _, _, window, member in ranked:
        found.setdefault(window, member)
    return list(found.items())[:most]


def _plot(
    window: Window,
    curve: Curve,
    verdicts: Verdicts | None,
    member: Member,
    incident: Incident,
    threshold: float,
    points: int,
) -> Plot:
    high = np.zeros(len(curve.ts_ms), np.bool_)
    if verdicts is not None and len(verdicts.ts_ms):
        at = np.minimum(np.searchsorted(verdicts.ts_ms, curve.ts_ms), len(verdicts.ts_ms) - 1)
        same = verdicts.ts_ms[at] == curve.ts_ms
        high = same & (verdicts.score[at] >= threshold)
    odd = high & ((curve.value < curve.lower) | (curve.value > curve.upper))
    keep = thinned(curve.ts_ms, curve.value, points)
    alerts = (
        (m.opened_ms, m.closed_ms or incident.resolved_ms or window.to_ms)
        for m in incident.members
        if m.resource.key == window.resource
    )
    return Plot(
        member.resource.name,
        member.resource.service,
        window.metric,
        window.labels,
        curve.unit,
        window.from_ms,
        window.to_ms,
        tuple((int(ms) - window.from_ms) / 1000 for ms in curve.ts_ms[keep]),
        tuple(_rounded(v) for v in curve.value[keep].tolist()),
        _known(curve.expected[keep]),
        _known(curve.lower[keep]),
        _known(curve.upper[keep]),
        tuple(np.flatnonzero(odd[keep]).tolist()),
        tuple(
            ((a - window.from_ms) / 1000, (min(b, window.to_ms) - window.from_ms) / 1000)
            for a, b in alerts
        ),
    )


def thinned(ts_ms: I64, value: F64, points: int) -> npt.NDArray[np.intp]:
    """Return the positions of at most `points` samples: highs and lows of even spans of time."""
    n = len(value)
    if n <= points:
        return np.arange(n)
    spans = max(1, points // 2)
    span = (ts_ms - ts_ms[0]) * spans // max(1, int(ts_ms[-1] - ts_ms[0]) + 1)
    first = np.flatnonzero(np.diff(span, prepend=-1))
    order = np.lexsort((value, span))
    last = np.append(first[1:], n) - 1
    return np.unique(np.concatenate((order[first], order[last])))


def _known(column: F64) -> tuple[float | None, ...]:
    return tuple(_rounded(v) if math.isfinite(v) else None for v in column.tolist())


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _detectors(incident: Incident, verdicts: Iterable[Verdicts]) -> tuple[tuple[str, float], ...]:
    """Return what the detectors said when the score of the first resource plotted was highest."""
    for found in verdicts:
        until_ms = incident.resolved_ms or incident.updated_ms + 1
        during = (found.ts_ms >= incident.onset_ms) & (found.ts_ms <= until_ms)
        if during.any():
            peak = int(np.flatnonzero(during)[np.argmax(found.score[during])])
            said: Mapping[str, Any] = dict(
                zip(DETECTORS, found.surprises[peak].tolist(), strict=True)
            )
            known = [(name, round(size, 2)) for name, size in said.items() if math.isfinite(size)]
            return tuple(sorted(known, key=lambda each: (-each[1], each[0])))
    return ()
