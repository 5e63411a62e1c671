"""An incident as triage holds it: what it knows of its alerts, and what it has said of them."""

from typing import Literal

import msgspec

from operators.common_cause import Common
from operators.members import AlertRecord
from operators.scope import Pairs, described
from operators.severity import Standing
from operators.suspicion import Blamed
from operators.tally import Tally
from schema import Anomaly, Impact, Severity, State

News = Literal["opened", "updated", "reopened", "split"]
MAX_REQUESTS = 100  # an incident remembers so many that it answered


class Trend(msgspec.Struct):
    """How the foremost metric of the first suspect went while it was that."""

    of: str  # resource, metric and labels
    first_ms: int
    first: float
    last_ms: int
    last: float


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
    tally: Tally = msgspec.field(default_factory=Tally)  # of those of this episode
    names: dict[str, int] = {}  # scope or link -> when an alert of it joined last
    suspects: list[str] = []  # alert ids, most suspect first, at most max_members
    unranked: list[str] = []  # alert ids that may have become more suspect; empty once settled
    unjudged: bool = True  # others may be suspected by now; not once settled, while it is young
    judged_on: int = -1  # revision of the topology by which others are suspected
    blamed: tuple[Blamed, ...] = ()  # who is suspected, most first; of effects, not members alone
    standing: Standing = msgspec.field(default_factory=Standing)
    confidence: float = 0.0  # of the surest alert when last judged with one open
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
    # what it was found to be part of, or to contain, see operators.correlation
    node: str = ""  # of the first member that has a place in the topology; "": none has
    common: dict[str, Common] = {}  # what most of its members need, and lost, by node
    lost: Common | None = None  # the foremost of these
    merged: list[str] = []  # ids of those that are part of it
    joined: list[str] = []  # the same, not yet told of
    merged_into: str = ""
    apart: list[str] = []  # ids of those that people split it from
    occurred: list[int] = []  # when its alerts opened, while nobody has been told of it
    # deadlines and flapping
    ack_by_ms: int | None = None
    resolve_by_ms: int | None = None
    breach_ms: int | None = None  # predicted
    target: str = ""  # what the deadlines are by, as JSON; "": none
    missed: list[str] = []  # deadlines that were said to be: "acknowledged", "resolved"
    trend: Trend | None = None
    returns: list[int] = []  # when alerts came back after there was none; the newest last
    flapping: bool = False
    said_flapping: bool = False
    # who is told: nobody while one of these is not empty, see operators.quiet
    silenced_by: tuple[str, ...] = ()
    inhibited_by: str = ""
    said_hushed: tuple[str, ...] = ("",)
    impact: Impact = Impact()
    suffering: tuple[str, ...] = ()  # who calls a member and is off, too
    needing: tuple[str, ...] = ()  # tiers of the dependants alone
    impact_of: tuple[int, int, int] = (0, 0, 0)  # episode, resources, revision of the topology
    pattern: str = ""  # what it looks like; "": nothing known
    looks_like: str = ""  # the same in words, for the hint

    @classmethod
    def of(cls, name: str, edge: Anomaly) -> "Case":
        """Return the incident that an opening alert, still to be taken in, gives rise to."""
        return cls(name, described(edge.resource), edge.tick_ms, edge.tick_ms, edge.onset_ms)

    @property
    def state(self) -> State:
        """Where in its life it is; `schema.life` says what leads there."""
        if self.merged_into:
            return "merged"
        if self.closed_ms is not None:
            return "closed"
        if self.resolved_ms is not None:
            return "resolved"
        return "open" if self.acked_ms is None else "acknowledged"

    @property
    def resources(self) -> int:
        """How many alerted in this episode."""
        return len(self.tally.open_alerts)

    @property
    def hushed(self) -> tuple[str, ...]:
        """Return by what it is kept from people."""
        return (*self.silenced_by, self.inhibited_by)

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
        self.ack_by_ms = self.resolve_by_ms = self.breach_ms = self.trend = None
        self.target, self.missed = "", []
        self.standing, self.tally = Standing(), Tally()
        self.common, self.lost = {}, None
        self.unranked, self.blamed = list(self.members), ()

    def resume(self, now_ms: int) -> None:
        """Go on with the episode because somebody says so, until somebody resolves it."""
        self.resolved_ms = self.acked_ms = None
        self.held_ms = now_ms

    def open(self, edge: Anomaly) -> None:
        """Take in an alert that opens; one that is known is no new member."""
        key = edge.resource.key
        name = f"{edge.kind}@{key}"
        known = self.members.get(name)
        self.unranked.append(name)
        self.open_count += known is None or known.closed_ms is not None
        if self.revision == 0:
            self.occurred = [*self.occurred[-99:], edge.tick_ms]
        self.onset_ms = min(self.onset_ms, edge.onset_ms)
        if known is not None and known.opened_ms >= self.episode_ms:
            self.tally.drop(known, key)
            known.take(edge)
            self.tally.put(known, key)
            return
        self.members[name] = record = AlertRecord.of(edge)
        self.tally.put(record, key)
        shared = described(edge.resource)
        if shared != self.scope:
            self.scope = tuple(pair for pair in self.scope if pair in shared)

    def follow(self, edge: Anomaly) -> bool:
        """Take an update or a close; return False where that alert is not open here."""
        key = edge.resource.key
        name = f"{edge.kind}@{key}"
        known = self.members.get(name)
        if known is None or known.closed_ms is not None:
            return False
        self.tally.drop(known, key)
        if edge.edge == "close":
            known.closed_ms = self.last_close_ms = edge.tick_ms
            self.open_count -= 1
        else:
            known.take(edge)
            self.unranked.append(name)
            self.onset_ms = min(self.onset_ms, edge.onset_ms)
        self.tally.put(known, key)
        return True

    def end(self, now_ms: int) -> None:
        """End the episode: its alerts that are open count as closed."""
        for record in self.members.values():
            if record.closed_ms is None:
                self.tally.drop(record, record.resource.key)
                record.closed_ms = now_ms
                self.tally.put(record, record.resource.key)
        self.open_count, self.resolved_ms = 0, now_ms
