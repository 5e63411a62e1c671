"""Why somebody is suspected, in words with numbers, and the evidence that they are taken from."""

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from models.root_cause import Trouble
from operators.hint import series_name
from operators.members import AlertRecord
from operators.past import Point, Trace
from operators.quantity import band, clock, quantity
from schema import Evidence, Member, Resource, Suspect

CLIMB_POINTS = 5  # that must rise one after the other to be called a climb


class Blamed(msgspec.Struct, frozen=True, gc=False):
    """A suspect, and its trouble in the form of a member's, for the words about it."""

    suspect: Suspect
    proof: Member


def proof_of(
    resource: Resource,
    traces: Sequence[Trace],
    records: Sequence[AlertRecord],
    since_ms: int,
    trouble: Trouble,
) -> Member:
    """Return a suspect's trouble as if it were a member: its strongest alert, else its effects."""
    if records:
        best = max(records, key=lambda each: (each.saturates, each.score, each.kind))
        shown = best.shown()
        if shown.evidence or shown.kind == "silent":
            return shown
    parts = [
        (point.strength, trace, point)
        for trace in traces
        if not trace.load and (point := worst(trace, since_ms)) is not None
    ]
    parts.sort(key=lambda part: (-part[0], part[1].metric, part[1].labels))
    total = sum(strength for strength, _, _ in parts)
    evidence = tuple(
        Evidence(
            trace.metric,
            trace.labels,
            trace.unit,
            point.value,
            point.expected,
            point.lower,
            point.upper,
            round(strength / total, 4),
            point.onset_ms,
        )
        for strength, trace, point in parts[:8]
    )
    onset_ms = trouble.onset_ms
    return Member(resource, "metrics", onset_ms, onset_ms, None, 0.0, 0.0, evidence)


def worst(trace: Trace, since_ms: int) -> Point | None:
    """Return a trace's strongest point since then, the earliest of equals."""
    points = [point for point in trace.points if point.tick_ms >= since_ms]
    return max(points, key=lambda point: (point.strength, -point.tick_ms), default=None)


def why(proof: Member, traces: Sequence[Trace], since_ms: int, now_ms: int, is_first: bool) -> str:
    """Return the evidence against a suspect in one sentence."""
    name = proof.resource.name
    if proof.kind == "silent":
        text = f"`{name}` has sent nothing since {clock(proof.onset_ms, now_ms)}"
    elif not proof.evidence:
        text = f"`{name}` behaves unusually since {clock(proof.onset_ms, now_ms)}"
    else:
        part = proof.evidence[0]
        trace = next(
            (t for t in traces if t.metric == part.metric and t.labels == part.labels), None
        )
        text = f"`{series_name(part)}` of `{name}` {_change(part, trace, since_ms, now_ms)}"
    if is_first:
        text += ", before every other"
    if proof.kind != "silent" and proof.evidence:
        part = proof.evidence[0]
        text += f"; normal {band(part.lower, part.upper, part.unit)}"
        text += f", was {quantity(part.value, part.unit)}"
    return text


def _change(part: Evidence, trace: Trace | None, since_ms: int, now_ms: int) -> str:
    since = clock(part.onset_ms, now_ms)
    rise = None if trace is None else climb_a_minute(trace, since_ms)
    if rise is not None:
        verb = "climbs" if rise > 0 else "sinks"
        return f"{verb} {quantity(abs(rise), part.unit)}/min since {since}"
    if part.value > part.upper:
        return f"rose at {since}"
    return f"fell at {since}" if part.value < part.lower else f"is off since {since}"


def climb_a_minute(trace: Trace, since_ms: int) -> float | None:
    """Return how fast the trace's last points rise or sink, None where they do neither."""
    points = [point for point in trace.points if point.tick_ms >= since_ms][-12:]
    steps = [b.value - a.value for a, b in pairwise(points)]
    if len(points) < CLIMB_POINTS or not (
        all(step >= 0 for step in steps) or all(step <= 0 for step in steps)
    ):
        return None
    minutes = (points[-1].tick_ms - points[0].tick_ms) / 60_000
    rise = (points[-1].value - points[0].value) / minutes
    return rise if rise != 0 else None
