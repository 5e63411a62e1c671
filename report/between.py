"""What a report says of a second run over the same data."""

from collections.abc import Iterable

import msgspec

from flows.compare import Change, Comparison
from flows.summary import IncidentLine, Summary
from operators.quantity import span
from report.told import Told

_FEW = 3  # names that are said


class Setting(msgspec.Struct, frozen=True):
    """A setting of which the runs had different values."""

    key: str  # dotted
    before: str
    after: str


class Between(msgspec.Struct, frozen=True):
    """The second run as far as it differs from the first, which the rest of the report is of."""

    comparison: Comparison
    after: Summary
    settings: tuple[Setting, ...]
    gained: tuple[Told, ...]  # by opening; the others are among the first run's


def moved(change: Change) -> tuple[str, ...]:
    """Say what is other of an incident, from the first run to the second."""
    one, two = change.before, change.after
    said = {
        "severity": f"severity {one.severity} → {two.severity}",
        "opened_ms": f"opened {_shifted(two.opened_ms - one.opened_ms)}",
        "resolved_ms": _ended(one, two),
        "resources": _resources(one.resources, two.resources),
        "title": f"called “{two.title}”",
        "suspect": f"first suspect {_suspect(one)} → {_suspect(two)}",
    }
    return tuple(said[name] for name in change.what)


def _shifted(by_ms: int) -> str:
    return f"{span(abs(by_ms))} {'later' if by_ms > 0 else 'earlier'}"


def _ended(one: IncidentLine, two: IncidentLine) -> str:
    if one.resolved_ms is None:
        return "ended, was still open"
    if two.resolved_ms is None:
        return "still open, had ended"
    return f"ended {_shifted(two.resolved_ms - one.resolved_ms)}"


def _resources(one: Iterable[str], two: Iterable[str]) -> str:
    held = set(one), set(two)
    parts = [
        f"{word} {', '.join(names[:_FEW])}"
        + (f" and {len(names) - _FEW} more" if len(names) > _FEW else "")
        for word, names in (
            ("with", sorted(held[1] - held[0])),
            ("without", sorted(held[0] - held[1])),
        )
        if names
    ]
    return "; ".join(parts) or "resources in another order"


def _suspect(line: IncidentLine) -> str:
    return line.suspects[0].resource if line.suspects else "none"
