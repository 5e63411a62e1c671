"""The alerts that an incident is made of, and which of them is most suspect of being the cause."""

import math

import msgspec

from schema import Anomaly, Evidence, Member, Resource, Severity

SATURATION = ("cpu.", "memory.", "disk.")  # metrics of a means that runs out: causes, not symptoms
WHAT_IS_LEFT = ("available", "credits", "free", "idle", "remaining")  # these run out downwards
RULE = "rule:"  # begins the kind of an alert that a rule makes
CARRIED = 0.5  # of the surest detector's surprise
MAX_FAR = 10.0  # band widths; beyond it a metric is no worse

Rank = tuple[bool, int, bool, float, str, str]


class AlertRecord(msgspec.Struct, array_like=True, gc=False):
    """What an incident knows of one of its alerts. About 0.4 kB, evidence apart."""

    resource: Resource
    kind: str
    opened_ms: int  # first opening since the incident was opened or reopened
    onset_ms: int
    closed_ms: int | None
    confidence: float  # of the last edge, [0, 1]
    score: float  # the highest since `opened_ms`
    far: float  # how far outside its bands at the last edge, [0, MAX_FAR]
    saturates: bool
    floor: Severity | None
    evidence: tuple[Evidence, ...]  # of the edge with that score; () where kept light
    metric: str = ""  # foremost in that evidence
    detectors: tuple[str, ...] = ()  # that found it, of the same edge

    @classmethod
    def of(cls, edge: Anomaly) -> "AlertRecord":
        """Return the record of an alert that has just opened."""
        return cls(
            edge.resource,
            edge.kind,
            edge.tick_ms,
            edge.onset_ms,
            None,
            edge.confidence,
            edge.score,
            far_outside(edge.evidence),
            saturates(edge.evidence),
            edge.floor,
            edge.evidence,
            edge.evidence[0].metric if edge.evidence else "",
            carriers(edge),
        )

    def take(self, edge: Anomaly) -> None:
        """Follow an alert that has changed while open, or has opened again."""
        self.resource, self.closed_ms = edge.resource, None
        self.confidence, self.far = edge.confidence, far_outside(edge.evidence)
        self.onset_ms = min(self.onset_ms, edge.onset_ms)
        if edge.floor is not None and (self.floor is None or edge.floor > self.floor):
            self.floor = edge.floor
        if edge.score >= self.score or not self.evidence:
            self.score = max(self.score, edge.score)
            self.detectors = carriers(edge)
            self.evidence = edge.evidence
            self.metric = edge.evidence[0].metric if edge.evidence else self.metric
            self.saturates = self.saturates or saturates(edge.evidence)

    def rank(self, episode_ms: int, lead_ms: int) -> Rank:
        """Return the place among suspects, least first: a total order that one pass can sort by.

        Alerts of this episode come before those of an earlier one, then the earliest onset, then
        the strongest, then names. A metric that saturates has a head start of `lead_ms`, and the
        first place among equals: what is full shows in latency and errors at about the same time.
        Within an episode a record's rank never rises, so only an edge of its own brings it forward.
        """
        lead = lead_ms if self.saturates else 0
        return (
            self.opened_ms < episode_ms,
            self.onset_ms - lead,
            not self.saturates,
            -self.score,
            self.resource.key,
            self.kind,
        )

    def shown(self) -> Member:
        """Return the record as people and programs see it."""
        return Member(
            self.resource,
            self.kind,
            self.opened_ms,
            self.onset_ms,
            self.closed_ms,
            self.confidence,
            self.score,
            self.evidence,
            self.detectors,
        )


def carriers(edge: Anomaly) -> tuple[str, ...]:
    """Return which detectors an edge owes its score to, the surest first.

    Of metrics, those that were at least `CARRIED` times as sure as the surest.

    >>> from schema import Resource
    >>> odd = (("temporal", 6.0), ("discord", 3.1), ("isolation_forest", 2.9))
    >>> here = Resource("aws", "aws.ec2", "1", "eu-west-1", "i-1")
    >>> carriers(Anomaly("open", "metrics", here, 0, 0, 0.9, 5.0, (), odd))
    ('temporal', 'discord')
    """
    if edge.kind.startswith(RULE):
        return ("rules",)
    if edge.kind != "metrics":
        return ("silence",)
    most = max((size for _, size in edge.detectors), default=0.0)
    return tuple(name for name, size in edge.detectors if size >= CARRIED * most and size > 0)


def far_outside(evidence: tuple[Evidence, ...]) -> float:
    """Return the shares' mean of how many band widths each metric lies outside, [0, MAX_FAR].

    >>> cpu = Evidence("cpu.utilization", (), "percent", 60.0, 45.0, 40.0, 50.0, 1.0, 0)
    >>> far_outside((cpu,))
    1.0
    """
    return math.fsum(part.share * _widths_outside(part) for part in evidence)


def _widths_outside(part: Evidence) -> float:
    bound = part.upper if part.value > part.upper else part.lower
    away = max(part.value - part.upper, part.lower - part.value)
    if not away > 0:  # inside, or not a number
        return 0.0
    width = part.upper - part.lower
    if not (math.isfinite(width) and width > 0):  # a rule's threshold has one side only
        width = abs(bound) / 10 if bound != 0 else 1.0
    return min(away / width, MAX_FAR)


def saturates(evidence: tuple[Evidence, ...]) -> bool:
    """Tell whether the foremost metric is a means that is running out."""
    if not evidence or not evidence[0].metric.startswith(SATURATION):
        return False
    part = evidence[0]
    if part.metric.endswith(WHAT_IS_LEFT):
        return part.value < part.lower
    return part.value > part.upper
