"""What the scoring pass wrote down as numbers, as alert edges with names."""

import math
from typing import Literal

import numpy as np

from models.fusion import DETECTORS
from operators.cohort import CohortTable, limit_where_it_hurts, within_limits
from operators.curve import CURVE, RAISED
from operators.layout import MAX_EVIDENCE, METRICS, RULE, SILENCE, TRACED, Found
from operators.rules import Rule, RuleTable
from schema import Anomaly, Evidence

PULSES = 64  # windows that one pass can end
_EDGES: tuple[Literal["open", "update", "close"], ...] = ("open", "update", "close")


def new_found(
    edges: int,
    evidence: int,
    traced: int = 0,
    effects: int = 0,
    curve: int = 0,
    raised: int = 0,
) -> Found:
    """Return room for so many edges and pieces of evidence, and of what else is asked for."""
    return Found(
        used=np.zeros(7, np.int64),
        edge=np.zeros((edges, 6), np.int64),
        score=np.zeros((edges, 3 + len(DETECTORS))),
        series=np.zeros(evidence, np.int32),
        evidence=np.zeros((evidence, 6)),
        trace=np.full((traced, TRACED + len(DETECTORS)), np.nan),
        pulse=np.zeros((PULSES, 4), np.int64),
        effect=np.zeros((effects, 3), np.int64),
        excess=np.zeros((effects, 6)),
        curve=np.zeros((curve, CURVE)),
        raised=np.zeros((raised, RAISED)),
    )


def roomy(found: Found, edges: int, traced: int, effects: int, followed: int, raised: int) -> Found:
    """Return `found` where it has room for so much of a tick, else one that has more."""
    wanted = (edges, traced, effects, followed, raised)
    held = (found.edge, found.trace, found.effect, found.curve, found.raised)
    if all(len(room) >= least for room, least in zip(held, wanted, strict=True)):
        return found
    evidence = 2 * edges * MAX_EVIDENCE
    return new_found(2 * edges, evidence, 2 * traced, 4 * effects, 16 * followed, 4 * raised)


def anomalies(found: Found, table: CohortTable, rules: RuleTable, tick_ms: int) -> list[Anomaly]:
    """Return the edges that the pass found, in its order, and make room for the next."""
    out = []
    for at in range(int(found.used[0])):
        tick, row, kind, edge, first, count = (int(v) for v in found.edge[at])
        fused, confidence, onset = (float(v) for v in found.score[at, :3])
        surprises = found.score[at, 3:]
        detectors = sorted(
            (
                (name, round(float(size), 4))
                for name, size in zip(DETECTORS, surprises, strict=True)
                if np.isfinite(size)
            ),
            key=lambda item: (-item[1], item[0]),
        )
        rule = rules.rules[kind - RULE] if kind >= RULE else None
        out.append(
            Anomaly(
                edge=_EDGES[edge],
                kind={METRICS: "metrics", SILENCE: "silent"}.get(kind)
                or f"rule:{rules.rules[kind - RULE].name}",
                resource=table.resources[row],
                tick_ms=tick * tick_ms,
                onset_ms=int(onset) * tick_ms,
                confidence=round(confidence, 4),
                score=round(fused, 4),
                evidence=tuple(
                    _evidence(found, i, table, tick_ms, rule) for i in range(first, first + count)
                ),
                detectors=tuple(detectors),
                floor=None if rule is None else rule.floor,
            )
        )
    found.used[:3] = 0
    return out


def _evidence(
    found: Found, at: int, table: CohortTable, tick_ms: int, rule: Rule | None
) -> Evidence:
    """Return a metric's part with its band: that of the baseline, or the limits of the rule."""
    member = table.members[found.series[at]]
    value, expected, band, share, onset, limit_at = (float(v) for v in found.evidence[at])
    limit = limit_where_it_hurts(member.spec) if math.isfinite(limit_at) else None
    spec = member.spec
    lower, expected, upper = within_limits(spec, expected - band, expected, expected + band)
    if rule is not None:
        lower = -math.inf if rule.below is None else rule.below
        upper = math.inf if rule.above is None else rule.above
    return Evidence(
        metric=member.series.metric,
        labels=member.series.labels,
        unit=member.series.unit or spec.unit,
        value=value,
        expected=expected,
        lower=lower,
        upper=upper,
        share=round(share, 4),
        onset_ms=int(onset) * tick_ms,
        limit=limit,
        limit_at_ms=None if limit is None else math.ceil(limit_at) * tick_ms,
    )
