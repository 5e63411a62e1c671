"""An incident that people may yet hear of, and what each channel has heard of it."""

import msgspec

from operators.routes import Target, Timing
from operators.time_intervals import Hours
from schema import Incident, Transition

NEVER_MS = 1 << 62


class Line(msgspec.Struct):
    """What one channel has heard. Times are of the wall clock."""

    since_ms: int  # when it was first to hear of it, in this episode
    why: str  # the route's words
    timing: Timing
    hours: Hours = Hours()
    routed: bool = True  # its route leads here still; else it hears of the end alone
    told_ms: int | None = None  # of the last message in this episode
    told_revision: int = 0
    told_severity: int = 0  # the highest that it was told
    opened: bool = False  # it holds a message of its own, which is to be closed one day
    repeats: int = 0
    due_ms: int | None = None
    held_why: str = ""  # why it was kept from it last

    def follow(self, target: Target) -> None:
        """Go by a route as it is now."""
        self.why, self.timing, self.hours, self.routed = (
            target.why, target.timing, target.hours, True
        )  # fmt: skip

    def heard(self, incident: Incident, now_ms: int, *, own: bool = True) -> None:
        """Note that it is told now; by a message of its own, or by a digest."""
        self.told_ms, self.told_revision = now_ms, incident.revision
        self.told_severity = max(self.told_severity, int(incident.severity))
        self.opened = self.opened or own
        self.due_ms, self.held_why = None, ""

    def start_anew(self, now_ms: int) -> None:
        """Forget what was said: it is to be told as if it had just opened."""
        self.since_ms, self.told_ms, self.told_severity = now_ms, None, 0
        self.due_ms, self.held_why = None, ""


class Watched(msgspec.Struct):
    """One incident. Memory: its newest event, and a line a channel."""

    said: Transition  # its newest event
    lines: dict[str, Line] = {}
    escalate: str = ""  # name of the policy
    told_ms: int | None = None  # from when the policy's steps count
    steps: int = 0  # of the policy taken
    escalated: int = 0  # the same, over all episodes
    step_due_ms: int | None = None

    @property
    def incident(self) -> Incident:
        """Return it as it stands."""
        return self.said.incident

    @property
    def news(self) -> str:
        """Return what happened last, in words."""
        return self.said.reason or self.said.event

    def due_ms(self) -> int:
        """Return when there is something to decide; `NEVER_MS`: not before another event."""
        times = [line.due_ms for line in self.lines.values() if line.due_ms is not None]
        if self.step_due_ms is not None:
            times.append(self.step_due_ms)
        return min(times, default=NEVER_MS)
