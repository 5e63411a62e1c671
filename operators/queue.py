"""What to do next: the incidents that go on, the most urgent first, with why.

Points are added up, a line each; of equal incidents the older one comes first. What is told to
nobody stays in the queue, at its end.
"""

from collections.abc import Iterable, Sequence

import msgspec

from operators.quantity import span
from schema import Incident
from schema.life import LIVE

SEVERITY = (0, 20, 40, 60)  # LOW to CRITICAL
MISSED, PREDICTED = 25, 15
LEFT_S = ((300, 20), (900, 15), (3_600, 10))  # at most so long until the next deadline
NOBODY = 10  # has acknowledged it
DEPENDANTS = ((100, 9), (10, 6), (1, 3))  # at least so many
USERS = 5
RECOVERED, FLAPPING, FALSE_POSITIVE, SILENCED = -15, -5, -30, -100

Line = tuple[int, str]


class Task(msgspec.Struct, frozen=True):
    """An incident's place in the queue."""

    incident: Incident
    points: int
    why: tuple[str, ...]
    due_ms: int | None  # its next deadline


def work_queue(incidents: Iterable[Incident], now_ms: int) -> list[Task]:
    """Return the incidents that go on, most urgent first."""
    tasks = [_task(each, now_ms) for each in incidents if each.state in LIVE]
    return sorted(tasks, key=lambda task: (-task.points, task.incident.opened_ms, task.incident.id))


def _task(incident: Incident, now_ms: int) -> Task:
    due, what = _next_deadline(incident, now_ms)
    lines: list[Line] = [(SEVERITY[incident.severity - 1], incident.severity.name)]
    lines += _time(incident, due, what, now_ms)
    if incident.acked_ms is None:
        lines.append((NOBODY, "nobody has it"))
    hit = incident.impact.dependants
    lines += _first([(points, f"{hit} dependants") for least, points in DEPENDANTS if hit >= least])
    if incident.impact.users:
        lines.append((USERS, f"{incident.impact.users} users"))
    if incident.members and all(each.closed_ms is not None for each in incident.members):
        lines.append((RECOVERED, "no alert is open"))
    if incident.flapping:
        lines.append((FLAPPING, "flapping"))
    if incident.verdict == "false_positive":
        lines.append((FALSE_POSITIVE, "said to be a false positive"))
    if incident.silenced_by or incident.inhibited_by:
        lines.append((SILENCED, "told to nobody"))
    why = tuple(f"{text} ({points:+d})" for points, text in lines if points)
    return Task(incident, sum(points for points, _ in lines), why, due)


def _next_deadline(incident: Incident, now_ms: int) -> tuple[int | None, str]:
    """Return the deadline to look at: to acknowledge until that is done, or else to resolve."""
    ack_ms, resolve_ms = incident.ack_by_ms, incident.resolve_by_ms
    is_late = resolve_ms is not None and resolve_ms <= now_ms
    if incident.acked_ms is not None or ack_ms is None or is_late:
        return resolve_ms, "resolve"
    return ack_ms, "acknowledge"


def _time(incident: Incident, due_ms: int | None, what: str, now_ms: int) -> list[Line]:
    if due_ms is None:
        return []
    if due_ms <= now_ms:
        return [(MISSED, f"{span(now_ms - due_ms)} late to {what}")]
    left = f"{span(due_ms - now_ms)} left to {what}"
    if incident.breach_ms is not None:
        return [(PREDICTED, f"{left}, and it looks as if that is too little")]
    return _first(
        [(points, left) for least_s, points in LEFT_S if due_ms - now_ms <= least_s * 1000]
    )


def _first(lines: Sequence[Line]) -> list[Line]:
    return list(lines[:1])
