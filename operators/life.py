"""One incident's life: opened, updated, resolved, reopened, and what is said at each step."""

import heapq
from collections.abc import Sequence

import msgspec

from operators import hint
from operators.case import Case, Event
from operators.members import AlertRecord
from operators.quantity import span
from operators.scope import attribute, zone_of
from operators.severity import Facts, SeveritySettings, judge
from schema import Incident, Severity, Transition

MAX_S = 2_592_000.0  # 30 days
ACTOR = "foreshock"


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


def settle(case: Case, now_ms: int, settings: TriageSettings) -> list[Transition]:
    """Judge the case after all edges of `now_ms`; return the one thing to say about it, if any.

    Cost: one pass over the members, and a sort of those that edges came for.
    """
    if case.resolved_ms is not None:
        return []
    case.judged_ms = now_ms
    if case.unranked:
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
    """Put the suspects in order, and take the evidence from those that are no longer shown.

    Nobody becomes less suspect within an episode, so those that were not shown, and for whom no
    edge came, are not shown now either.
    """
    episode_ms, lead_ms = case.episode_ms, _ms(settings.lead_s)
    candidates = dict.fromkeys([*case.suspects, *case.unranked])
    case.unranked = []
    case.suspects = heapq.nsmallest(
        settings.max_members,
        candidates,
        key=lambda name: case.members[name].rank(episode_ms, lead_ms),
    )
    shown = set(case.suspects)
    for name in candidates:
        if name not in shown:
            case.members[name].evidence = ()
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
