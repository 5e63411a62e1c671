"""One incident's life: opened, updated, resolved, reopened, and what is said at each step."""

import heapq
from collections.abc import Sequence
from typing import Literal

import msgspec

from operators import hint
from operators.members import AlertRecord
from operators.quantity import span
from operators.scope import Pairs, attribute, described, zone_of
from operators.severity import Facts, SeveritySettings, Standing, judge
from schema import Anomaly, Incident, Severity, Transition

MAX_S = 2_592_000.0  # 30 days
ACTOR = "foreshock"

Event = Literal["opened", "updated", "resolved", "reopened"]


class TriageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `triage`. All times are seconds of event time."""

    window_s: float = 600.0  # an alert joins its scope's incident that others joined within this
    storm_s: float = 180.0  # the same for an incident of other services that a link leads to
    max_members: int = 50  # shown, and kept with their evidence
    lead_s: float = 120.0  # head start as a suspect of a metric that saturates
    update_s: float = 300.0  # between updates, except where severity rises
    quiet_s: float = 600.0  # all alerts closed for this long: resolved
    reopen_s: float = 1_800.0  # after it was resolved
    max_open_s: float = 604_800.0  # then resolved whatever its alerts say
    severity: SeveritySettings = SeveritySettings()

    def __post_init__(self) -> None:
        for name in ("window_s", "storm_s", "quiet_s", "max_open_s"):
            if not 0 < getattr(self, name) <= MAX_S:
                raise ValueError(f"{name} must be in (0, {MAX_S}] s, got {getattr(self, name)!r}")
        for name in ("lead_s", "update_s", "reopen_s"):
            if not 0 <= getattr(self, name) <= MAX_S:
                raise ValueError(f"{name} must be in [0, {MAX_S}] s, got {getattr(self, name)!r}")
        if not 1 <= self.max_members <= 1_000:
            raise ValueError(f"max_members must be in [1, 1000], got {self.max_members!r}")
        if not self.quiet_s < self.max_open_s:
            raise ValueError(
                f"quiet_s must be below max_open_s, got {(self.quiet_s, self.max_open_s)!r}"
            )


class Case(msgspec.Struct):
    """An incident as triage holds it. An episode is its time from opened or reopened to resolved.

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
    standing: Standing = msgspec.field(default_factory=Standing)
    confidence: float = 0.0  # of the surest alert when last judged with one open
    resources: int = 0  # that alerted in this episode
    open_count: int = 0
    last_close_ms: int = 0
    judged_ms: int = 0
    resolved_ms: int | None = None
    revision: int = 0
    news: Event | None = "opened"  # waits to be said
    said_ms: int = 0
    said_severity: Severity = Severity.LOW
    said_count: int = 0
    said_first: str = ""  # resource key of the first suspect

    @classmethod
    def of(cls, name: str, edge: Anomaly) -> "Case":
        """Return the incident that an opening alert, still to be taken in, gives rise to."""
        return cls(name, described(edge.resource), edge.tick_ms, edge.tick_ms, edge.onset_ms)

    def may_reopen(self, now_ms: int, settings: TriageSettings) -> bool:
        """Tell whether it is young enough; that bounds how long one incident can go on flapping."""
        return now_ms - self.opened_ms <= settings.max_open_s * 1000

    def reopen(self, now_ms: int) -> None:
        """Begin another episode: severity and suspects start afresh, members stay."""
        self.episode_ms, self.resolved_ms, self.news = now_ms, None, "reopened"
        self.standing = Standing()

    def open(self, edge: Anomaly) -> None:
        """Take in an alert that opens; one that is known is no new member."""
        known = self.members.get(edge.id)
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
            self.onset_ms = min(self.onset_ms, edge.onset_ms)
        return True


def next_due_ms(case: Case, settings: TriageSettings) -> int:
    """Return the first time after `case.judged_ms` at which time alone can change the case."""
    if case.resolved_ms is not None:
        return case.resolved_ms + _ms(settings.reopen_s)
    due = [case.episode_ms + _ms(settings.max_open_s)]
    if case.open_count == 0:
        due.append(case.last_close_ms + _ms(settings.quiet_s))
    else:
        steps = (case.episode_ms + _ms(least) for least, _ in settings.severity.duration_s)
        due += (step for step in steps if step > case.judged_ms)
        if case.standing.lower_since_ms is not None:
            due.append(case.standing.lower_since_ms + _ms(settings.severity.settle_s))
    if case.news is not None:
        due.append(case.said_ms + _ms(settings.update_s))
    return min(due)


def settle(case: Case, now_ms: int, settings: TriageSettings, *, touched: bool) -> list[Transition]:
    """Judge the case after all edges of `now_ms`; return the one thing to say about it, if any.

    Cost: one pass over the members, and a sort of those where `touched` says that edges came.
    """
    if case.resolved_ms is not None:
        return []
    case.judged_ms = now_ms
    if touched:
        _rank(case, settings)
    if case.open_count == 0 and now_ms >= case.last_close_ms + _ms(settings.quiet_s):
        quiet = span(_ms(settings.quiet_s))
        return [_resolve(case, now_ms, f"every alert has been closed for {quiet}")]
    if now_ms >= case.episode_ms + _ms(settings.max_open_s):
        return [_resolve(case, now_ms, f"open for {span(_ms(settings.max_open_s))}, the limit")]
    if case.open_count > 0:
        facts = _facts(case, now_ms)
        case.confidence = facts.confidence
        verdict = judge(settings.severity, facts)
        case.standing.settle(verdict, now_ms, _ms(settings.severity.settle_s))
    return _speak(case, now_ms, settings)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _rank(case: Case, settings: TriageSettings) -> None:
    """Put the suspects in order, and take the evidence from those that are no longer shown."""
    episode_ms, lead_ms = case.episode_ms, _ms(settings.lead_s)
    ranked = heapq.nsmallest(
        settings.max_members,
        case.members.items(),
        key=lambda item: item[1].rank(episode_ms, lead_ms),
    )
    case.suspects = [name for name, _ in ranked]
    shown = set(case.suspects)
    for name, record in case.members.items():
        if record.evidence and name not in shown:
            record.evidence = ()
    case.resources = len(
        {record.resource.key for record in case.members.values() if record.opened_ms >= episode_ms}
    )


def _facts(case: Case, now_ms: int) -> Facts:
    """Sum the open alerts up; maxima and counts only, so that their order does not matter."""
    confidence = far = 0.0
    silent = False
    resources: set[str] = set()
    services: set[str] = set()
    zones: set[str] = set()
    tiers: set[str] = set()
    floors: set[tuple[Severity, str]] = set()
    for record in case.members.values():
        if record.closed_ms is not None:
            continue
        confidence, far = max(confidence, record.confidence), max(far, record.far)
        silent = silent or record.kind == "silent"
        resource = record.resource
        resources.add(resource.key)
        services.add(resource.service)
        if resource.attributes:
            zones.add(zone_of(resource))
            tiers.add(attribute(resource, "tier"))
        if record.floor is not None:
            floors.add((record.floor, record.kind.removeprefix(hint.RULE)))
    return Facts(
        confidence,
        far,
        silent,
        len(resources),
        len(services),
        len(zones - {""}),
        tuple(sorted(tiers - {""})),
        tuple(sorted(floors, key=lambda floor: (-floor[0], floor[1]))),
        (now_ms - case.episode_ms) / 1000,
    )


def _speak(case: Case, now_ms: int, settings: TriageSettings) -> list[Transition]:
    count, severity = len(case.members), case.standing.severity
    if case.news == "opened":
        noun = "alert" if count == 1 else "alerts"
        return [_say(case, "opened", now_ms, f"{count} {noun} opened")]
    if case.news == "reopened":
        after = span(now_ms - case.said_ms)
        return [_say(case, "reopened", now_ms, f"alerts again, {after} after it was resolved")]
    parts = _changes(case)
    case.news = "updated" if parts else None
    due = now_ms >= case.said_ms + _ms(settings.update_s)
    if parts and (due or severity > case.said_severity):
        return [_say(case, "updated", now_ms, "; ".join(parts))]
    return []


def _changes(case: Case) -> list[str]:
    """Return what has changed for a person since the incident last spoke."""
    parts: list[str] = []
    severity, said = case.standing.severity, case.said_severity
    if severity != said:
        verb = "rose" if severity > said else "fell"
        because = ", ".join(case.standing.reasons)
        parts.append(f"severity {verb} from {said.name} to {severity.name}: {because}")
    joined = len(case.members) - case.said_count
    if joined > 0:
        parts.append(f"{joined} more {'alert' if joined == 1 else 'alerts'}")
    first = case.members[case.suspects[0]].resource
    if first.key != case.said_first:
        parts.append(f"first suspect is now {first.name}")
    return parts


def _resolve(case: Case, now_ms: int, reason: str) -> Transition:
    for record in case.members.values():
        if record.closed_ms is None:
            record.closed_ms = now_ms
    case.open_count, case.resolved_ms = 0, now_ms
    return _say(case, "resolved", now_ms, reason)


def _say(case: Case, event: Event, now_ms: int, reason: str) -> Transition:
    case.revision += 1
    case.news = None
    case.said_ms, case.said_severity = now_ms, case.standing.severity
    case.said_count = len(case.members)
    suspects = [case.members[name] for name in case.suspects]
    case.said_first = suspects[0].resource.key
    return Transition(event, now_ms, ACTOR, reason, _incident(case, suspects, now_ms))


def _incident(case: Case, suspects: Sequence[AlertRecord], now_ms: int) -> Incident:
    members = tuple(record.shown() for record in suspects)
    now_in_it = [member for member in members if member.opened_ms >= case.episode_ms]
    return Incident(
        case.id,
        case.revision,
        "open" if case.resolved_ms is None else "resolved",
        case.standing.severity,
        case.standing.reasons,
        hint.title(now_in_it, case.resources),
        hint.hint(now_in_it, case.resources, case.scope, now_ms),
        case.scope,
        case.opened_ms,
        case.onset_ms,
        now_ms,
        case.resolved_ms,
        case.confidence,
        len(case.members),
        members,
    )
