"""What goes on now, kept in memory and brought up to date by the log, and the queue made of it."""

import threading
from collections import Counter

import msgspec

from connectors.incident_view import IncidentViews
from operators.queue import Task, work_queue
from schema import Impact, Incident, Member, Resource, Severity
from schema.desk import IncidentFull, IncidentRow, QueuePage, SeverityName, TaskView
from schema.life import LIVE

OLD_MS = 86_400_000
BATCH = 1_000
_NOWHERE = Resource("", "", "", "", "")


class LiveIncidents:
    """The incidents that go on. Memory: what a list shows of each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generation = -1
        self._sequence = 0
        self._held: dict[str, tuple[Incident, IncidentRow]] = {}

    def tasks(
        self, views: IncidentViews, generation: int, now_ms: int
    ) -> list[tuple[Task, IncidentRow]]:
        """Return them, the most urgent first; `generation` tells openings of the store apart."""
        with self._lock:
            self._catch_up(views, generation)
            queue = work_queue((incident for incident, _ in self._held.values()), now_ms)
            return [(task, self._held[task.incident.id][1]) for task in queue]

    def _catch_up(self, views: IncidentViews, generation: int) -> None:
        if generation != self._generation:
            self._sequence, found = views.live(LIVE)
            self._held = {each.id: _lean(each) for each in found}
            self._generation = generation
            return
        while newer := views.newer(self._sequence, BATCH):
            for sequence, incident in newer:
                self._sequence = sequence
                held = self._held.get(incident.id)
                if held is not None and held[1].revision >= incident.revision:
                    continue
                if incident.state in LIVE:
                    self._held[incident.id] = _lean(incident)
                else:
                    self._held.pop(incident.id, None)


def queue_page(tasks: list[tuple[Task, IncidentRow]], limit: int, now_ms: int) -> QueuePage:
    """Return the queue as it is shown."""
    levels: Counter[SeverityName] = Counter(row.severity for _, row in tasks)
    return QueuePage(
        tasks=tuple(
            TaskView(
                place=place, points=task.points, why=task.why, due_ms=task.due_ms, incident=row
            )
            for place, (task, row) in enumerate(tasks[:limit], 1)
        ),
        total=len(tasks),
        by_severity={name: levels[name] for name in ("CRITICAL", "HIGH", "MEDIUM", "LOW")},
        unacknowledged=sum(row.acked_ms is None for _, row in tasks),
        now_ms=now_ms,
    )


def as_queued(full: IncidentFull) -> Incident:
    """Return an incident with all that its place in the queue depends on, and no more."""
    still = any(each.closed_ms is None for each in full.members)
    ended = None if still or not full.members else 0
    return Incident(
        full.id,
        full.revision,
        full.state,
        Severity[full.severity],
        (),
        full.title,
        "",
        (),
        full.opened_ms,
        full.onset_ms,
        full.updated_ms,
        full.resolved_ms,
        full.confidence,
        full.member_count,
        (Member(_NOWHERE, "", 0, 0, ended, 0.0, 0.0, ()),) if full.members else (),
        impact=Impact(dependants=full.impact.dependants, users=full.impact.users),
        acked_ms=full.acked_ms,
        ack_by_ms=full.ack_by_ms,
        resolve_by_ms=full.resolve_by_ms,
        breach_ms=full.breach_ms,
        verdict=full.verdict,
        flapping=full.flapping,
        silenced_by=full.silenced_by,
        inhibited_by=full.inhibited_by,
    )


def _lean(full: IncidentFull) -> tuple[Incident, IncidentRow]:
    return as_queued(full), msgspec.convert(full, IncidentRow, from_attributes=True)
