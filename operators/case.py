"""An incident as triage holds it: what it knows of its alerts, and what it has said of them."""

from typing import Literal

import msgspec

from operators.members import AlertRecord
from operators.scope import Pairs, described
from operators.severity import Standing
from schema import Anomaly, Severity, State

News = Literal["opened", "updated", "reopened"]


class Case(msgspec.Struct):
    """One incident. An episode is its time from opened or reopened to resolved.

    Memory: one light record for each alert id; evidence of the first `max_members` suspects only.
    """

    id: str
    scope: Pairs  # what all members share
    opened_ms: int
    episode_ms: int
    onset_ms: int
    members: dict[str, AlertRecord] = {}  # by alert id
    names: dict[str, int] = {}  # scope or link -> when an alert of it joined last
    suspects: list[str] = []  # alert ids, most suspect first, at most max_members
    unranked: list[str] = []  # alert ids that may have become more suspect; empty once settled
    standing: Standing = msgspec.field(default_factory=Standing)
    confidence: float = 0.0  # of the surest alert when last judged with one open
    resources: int = 0  # that alerted in this episode
    open_count: int = 0
    last_close_ms: int = 0
    judged_ms: int = 0
    resolved_ms: int | None = None
    revision: int = 0
    news: News | None = "opened"  # waits to be said
    said_ms: int = 0
    said_severity: Severity = Severity.LOW
    said_count: int = 0
    said_first: str = ""  # resource key of the first suspect
    # what people did, see operators.acts
    acked_ms: int | None = None
    touched_ms: int = 0  # when somebody last did something to it
    held_ms: int | None = None  # reopened by hand then; quiet does not resolve it
    closed_ms: int | None = None
    assignee: str = ""
    verdict: Literal["", "false_positive", "real"] = ""
    requests: list[str] = []  # answered, the newest last
    # deadlines and flapping
    ack_by_ms: int | None = None
    resolve_by_ms: int | None = None
    breach_ms: int | None = None
    flapping: bool = False

    @classmethod
    def of(cls, name: str, edge: Anomaly) -> "Case":
        """Return the incident that an opening alert, still to be taken in, gives rise to."""
        return cls(name, described(edge.resource), edge.tick_ms, edge.tick_ms, edge.onset_ms)

    @property
    def state(self) -> State:
        """Where in its life it is; `schema.life` says what leads there."""
        if self.closed_ms is not None:
            return "closed"
        if self.resolved_ms is not None:
            return "resolved"
        return "open" if self.acked_ms is None else "acknowledged"

    def may_reopen(self, now_ms: int, reopen_s: float, max_open_s: float) -> bool:
        """Tell whether an alert of `now_ms` opens it again.

        Not if it is old: that bounds how long one incident can go on flapping.
        """
        if self.resolved_ms is None or now_ms - self.resolved_ms > reopen_s * 1000:
            return False
        return now_ms - self.opened_ms <= max_open_s * 1000

    def reopen(self, now_ms: int) -> None:
        """Begin another episode: severity and suspects start afresh, members stay."""
        self.episode_ms, self.resolved_ms, self.news = now_ms, None, "reopened"
        self.acked_ms = self.held_ms = None
        self.standing = Standing()
        self.unranked = list(self.members)

    def resume(self, now_ms: int) -> None:
        """Go on with the episode because somebody says so, until somebody resolves it."""
        self.resolved_ms = self.acked_ms = None
        self.held_ms = now_ms

    def open(self, edge: Anomaly) -> None:
        """Take in an alert that opens; one that is known is no new member."""
        known = self.members.get(edge.id)
        self.unranked.append(edge.id)
        self.open_count += known is None or known.closed_ms is not None
        self.onset_ms = min(self.onset_ms, edge.onset_ms)
        if known is not None and known.opened_ms >= self.episode_ms:
            known.take(edge)
            return
        self.members[edge.id] = AlertRecord.of(edge)
        shared = described(edge.resource)
        self.scope = tuple(pair for pair in self.scope if pair in shared)

    def follow(self, edge: Anomaly) -> bool:
        """Take an update or a close; return False where that alert is not open here."""
        known = self.members.get(edge.id)
        if known is None or known.closed_ms is not None:
            return False
        if edge.edge == "close":
            known.closed_ms = self.last_close_ms = edge.tick_ms
            self.open_count -= 1
        else:
            known.take(edge)
            self.unranked.append(edge.id)
            self.onset_ms = min(self.onset_ms, edge.onset_ms)
        return True
