"""One incident's life: opened, updated, resolved, reopened, and what is said at each step."""

import heapq
from collections.abc import Sequence

import msgspec

from operators.case import Case
from operators.deadlines import (
    SlaSettings,
    deadlines_ms,
    miss_deadlines,
    restart_ack,
    set_deadlines,
)
from operators.flapping import FlapSettings, flapping_in_words, judge_flapping
from operators.foresight import Durations, looks_ms, predict_breach, see_trend
from operators.impact import judge_impact
from operators.inhibition import InhibitRule
from operators.occurrences import OccurrenceSettings, given_up_ms, is_waiting, patient_until_ms
from operators.patterns import PatternSettings
from operators.quantity import span
from operators.severity import SeveritySettings, judge
from operators.silences import SilenceSettings
from operators.suspects import SuspectSettings
from operators.telling import ACTOR, first_suspect, is_clear, say
from operators.topology import Topology
from schema import Event, Transition

MAX_S = 2_592_000.0  # 30 days


class TriageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `triage`. All times are seconds of event time."""

    window_s: float = 600.0  # an alert joins its scope's incident that others joined within this
    storm_s: float = 240.0  # the same for an incident of other services that a link leads to
    occurrences: OccurrenceSettings = OccurrenceSettings()
    hops: int = 2  # how far through the topology a fault may come without an alert in between
    common_share: float = 0.5  # of those that need one thing must alert to make it the trouble
    max_members: int = 50  # shown, and kept with their evidence
    lead_s: float = 120.0  # head start as a suspect of a metric that saturates
    update_s: float = 300.0  # between updates, except where severity rises
    quiet_s: float = 1_200.0  # all alerts closed for this long: resolved
    reopen_s: float = 1_800.0  # after it was resolved
    max_open_s: float = 604_800.0  # then resolved whatever its alerts say
    close_after_s: float = 14_400.0  # after it was resolved; until then people may reopen it
    unack_after_s: float = 14_400.0  # without a word of anybody; 0: never
    silences: tuple[SilenceSettings, ...] = ()
    inhibit: tuple[InhibitRule, ...] = ()
    cause_hides_s: float = 1_800.0  # an incident that hits only what needs an older one's; 0: never
    derive_topology: bool = True  # edges from resources' attributes and service-graph metrics
    severity: SeveritySettings = SeveritySettings()
    flap: FlapSettings = FlapSettings()
    sla: SlaSettings = SlaSettings()
    suspects: SuspectSettings = SuspectSettings()
    patterns: PatternSettings = PatternSettings()

    def __post_init__(self) -> None:
        for name in ("window_s", "storm_s", "quiet_s", "max_open_s", "close_after_s"):
            if not 0 < getattr(self, name) <= MAX_S:
                raise ValueError(f"{name} must be in (0, {MAX_S}] s, got {getattr(self, name)!r}")
        for name in ("lead_s", "update_s", "reopen_s", "unack_after_s", "cause_hides_s"):
            if not 0 <= getattr(self, name) <= MAX_S:
                raise ValueError(f"{name} must be in [0, {MAX_S}] s, got {getattr(self, name)!r}")
        if not 1 <= self.max_members <= 1_000:
            raise ValueError(f"max_members must be in [1, 1000], got {self.max_members!r}")
        if not 1 <= self.hops <= 10:
            raise ValueError(f"hops must be in [1, 10], got {self.hops!r}")
        if not 0 < self.common_share <= 1:
            raise ValueError(f"common_share must be in (0, 1], got {self.common_share!r}")
        if not self.quiet_s < self.max_open_s:
            raise ValueError(
                f"quiet_s must be below max_open_s, got {(self.quiet_s, self.max_open_s)!r}"
            )
        for named in (("silences", self.silences), ("inhibit", self.inhibit)):
            _check_names(*named)
        if not self.reopen_s <= self.close_after_s:
            raise ValueError(
                "reopen_s must be at most close_after_s, "
                f"got {(self.reopen_s, self.close_after_s)!r}"
            )


def next_due_ms(case: Case, settings: TriageSettings) -> int:
    """Return the first time after `case.judged_ms` at which time alone can change the case."""
    if case.resolved_ms is not None:
        return case.resolved_ms + _ms(settings.close_after_s)
    due = [_give_up_ms(case, settings)]
    waits = is_waiting(case, case.judged_ms, settings.occurrences)
    if waits and case.open_count == 0:
        return min(*due, given_up_ms(case, settings.occurrences))
    if case.acked_ms is not None and settings.unack_after_s > 0:
        due.append(case.touched_ms + _ms(settings.unack_after_s))
    if case.open_count == 0 and case.held_ms is None:
        due.append(case.last_close_ms + _quiet_ms(case, settings))
    if case.open_count > 0:
        steps = (case.episode_ms + _ms(least) for least, _ in settings.severity.duration_s)
        due += (step for step in steps if step > case.judged_ms)
        if case.standing.lower_since_ms is not None:
            due.append(case.standing.lower_since_ms + _settle_ms(case, settings))
        due += (ms for ms in (*deadlines_ms(case), *looks_ms(case)) if ms > case.judged_ms)
        if waits and (until_ms := patient_until_ms(case, settings.occurrences)) > case.judged_ms:
            due.append(until_ms)
    if case.news is not None and not waits:
        due.append(case.said_ms + _ms(settings.update_s))
    return min(due)


def weigh(case: Case, now_ms: int, settings: TriageSettings, topology: Topology) -> None:
    """Find out after all edges of `now_ms` who is suspect and how bad it is; say nothing yet.

    Cost: in proportion to the edges that came, and a light pass over the members where the worst
    alert has got better.
    """
    if case.resolved_ms is not None:
        return
    case.judged_ms = now_ms
    if case.unranked:
        _rank(case, settings)
    judge_flapping(case, settings.flap)
    if case.open_count > 0 and now_ms < _give_up_ms(case, settings):
        judge_impact(case, topology)
        open_s = (now_ms - case.episode_ms) / 1000
        facts = case.tally.facts(case.members, open_s, case.impact, case.needing)
        case.confidence = facts.confidence
        verdict = judge(settings.severity, facts)
        case.standing.settle(verdict, now_ms, _settle_ms(case, settings))
        set_deadlines(case, facts.tiers, now_ms, settings.sla)
        see_trend(case, now_ms)


def settle(
    case: Case, now_ms: int, settings: TriageSettings, durations: Durations
) -> list[Transition]:
    """Return what there is to say of a case that has been weighed, at most one event a cause."""
    if case.resolved_ms is not None:
        return _close(case, now_ms, settings)
    if is_waiting(case, now_ms, settings.occurrences):
        return _wait(case, now_ms, settings)
    quiet_ms = _quiet_ms(case, settings)
    if case.open_count == 0 and case.held_ms is None and now_ms >= case.last_close_ms + quiet_ms:
        return [resolve(case, now_ms, f"every alert has been closed for {span(quiet_ms)}")]
    if now_ms >= _give_up_ms(case, settings):
        return [resolve(case, now_ms, f"open for {span(_ms(settings.max_open_s))}, the limit")]
    return [
        *_unack(case, now_ms, settings),
        *_speak(case, now_ms, settings),
        *predict_breach(case, now_ms, durations),
        *miss_deadlines(case, now_ms),
    ]


def _wait(case: Case, now_ms: int, settings: TriageSettings) -> list[Transition]:
    """Say nothing; what has waited for long enough in vain is forgotten."""
    over_ms = _give_up_ms(case, settings)
    if case.open_count == 0:
        over_ms = min(over_ms, given_up_ms(case, settings.occurrences))
    if now_ms >= over_ms:
        case.closed_ms = now_ms
    return []


def resolve(
    case: Case, now_ms: int, reason: str, actor: str = ACTOR, request: str = ""
) -> Transition:
    """End the case's episode; its alerts that are open count as closed."""
    case.end(now_ms)
    case.flapping = case.said_flapping = False
    case.breach_ms = None
    return _tell(case, "resolved", now_ms, reason, actor, request)


def _close(case: Case, now_ms: int, settings: TriageSettings) -> list[Transition]:
    if case.resolved_ms is None or now_ms < case.resolved_ms + _ms(settings.close_after_s):
        return []
    case.closed_ms = now_ms
    return [say(case, "closed", now_ms, f"resolved for {span(_ms(settings.close_after_s))}")]


def _unack(case: Case, now_ms: int, settings: TriageSettings) -> list[Transition]:
    """Take back what was acknowledged long ago and nobody has said a word of since."""
    after_ms = _ms(settings.unack_after_s)
    if case.acked_ms is None or after_ms == 0 or now_ms < case.touched_ms + after_ms:
        return []
    case.acked_ms = None
    restart_ack(case, now_ms, settings.sla)
    return [say(case, "unacknowledged", now_ms, f"no word of anybody for {span(after_ms)}")]


def _quiet_ms(case: Case, settings: TriageSettings) -> int:
    return _ms(settings.flap.hold_s if case.flapping else settings.quiet_s)


def _settle_ms(case: Case, settings: TriageSettings) -> int:
    """Return how long severity must have been lower; what flaps must not fall and rise again."""
    longer = settings.flap.hold_s if case.flapping else 0.0
    return _ms(max(longer, settings.severity.settle_s))


def _give_up_ms(case: Case, settings: TriageSettings) -> int:
    return max(case.episode_ms, case.held_ms or 0) + _ms(settings.max_open_s)


def _check_names(key: str, given: Sequence[SilenceSettings | InhibitRule]) -> None:
    names = [each.id if isinstance(each, SilenceSettings) else each.name for each in given]
    if len(set(names)) < len(names):
        raise ValueError(f"{key} must each have a name of its own, got {names!r}")


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _rank(case: Case, settings: TriageSettings) -> None:
    """Put the suspects in order, and take the evidence from those that are no longer shown.

    Nobody becomes less suspect within an episode, so those that were not shown, and for whom no
    edge came, are not shown now either.
    """
    episode_ms, lead_ms = case.episode_ms, _ms(settings.lead_s)
    candidates = dict.fromkeys([*case.suspects, *case.unranked])
    case.unranked, case.unjudged = [], True
    case.suspects = heapq.nsmallest(
        settings.max_members,
        candidates,
        key=lambda name: case.members[name].rank(episode_ms, lead_ms),
    )
    shown = set(case.suspects)
    for name in candidates:
        if name not in shown:
            case.members[name].evidence = ()


def _speak(case: Case, now_ms: int, settings: TriageSettings) -> list[Transition]:
    count, severity = len(case.members), case.standing.severity
    if case.news == "opened":
        noun = "alert" if count == 1 else "alerts"
        return [_tell(case, "opened", now_ms, f"{count} {noun} opened")]
    if case.news == "split":
        return [_tell(case, "split", now_ms, f"left {case.apart[0]} by hand")]
    if case.news == "reopened":
        after = span(now_ms - case.said_ms)
        return [_tell(case, "reopened", now_ms, f"alerts again, {after} after it was resolved")]
    parts = _changes(case, settings)
    case.news = "updated" if parts else None
    due = bool(case.joined) or now_ms >= case.said_ms + _ms(settings.update_s)
    if parts and (due or severity > case.said_severity):
        return [_tell(case, "updated", now_ms, "; ".join(parts))]
    return []


def _changes(case: Case, settings: TriageSettings) -> list[str]:
    """Return what has changed for a person since the incident last spoke."""
    parts: list[str] = []
    severity, said = case.standing.severity, case.said_severity
    if severity != said:
        verb = "rose" if severity > said else "fell"
        because = ", ".join(case.standing.reasons)
        parts.append(f"severity {verb} from {said.name} to {severity.name}: {because}")
    if case.flapping and not case.said_flapping:
        parts.append(flapping_in_words(case, settings.flap))
    if case.joined:
        verb = "is" if len(case.joined) == 1 else "are"
        parts.append(f"{', '.join(case.joined)} {verb} part of it")
    joined = len(case.members) - case.said_count
    if joined > 0:
        parts.append(f"{joined} more {'alert' if joined == 1 else 'alerts'}")
    first = first_suspect(case)
    if first.key != case.said_first and is_clear(case, settings.suspects.margin):
        parts.append(f"first suspect is now {first.name}")
    return parts


def _tell(
    case: Case, event: Event, now_ms: int, reason: str, actor: str = ACTOR, request: str = ""
) -> Transition:
    """Say what is new, and remember that it was said."""
    case.news = None
    case.said_ms, case.said_severity = now_ms, case.standing.severity
    case.said_count, case.said_flapping = len(case.members), case.flapping
    case.joined = []
    case.said_first = first_suspect(case).key
    return say(case, event, now_ms, reason, actor, request)
