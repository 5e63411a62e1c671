"""What people do to an incident: acknowledge, resolve, assign, judge, and the like.

`schema.life` says what is legal. What is not is refused, as an event of the incident; nothing else
changes then. The same request once more changes nothing and says nothing.
"""

from operators.case import MAX_REQUESTS, Case
from operators.deadlines import SlaSettings, restart_ack
from operators.ledger import Ledger
from operators.life import resolve
from operators.merging import merge, split
from operators.telling import say
from schema import Act, Event, Feedback, Refusal, Transition, step
from schema.life import EVENT_OF

BY_HAND = "by hand"


def obey(
    ledger: Ledger, case: Case, command: Act | Feedback, now_ms: int, sla: SlaSettings
) -> list[Transition]:
    """Do what was asked of a case of the ledger; return what comes of it.

    That is one event of the case, or none, and with "merge" one of each incident that is part of it
    now. Those are gone from the ledger then; "split" leaves a new one there, which speaks later.
    """
    if command.id:
        if command.id in case.requests:
            return []
        case.requests = [*case.requests[1 - MAX_REQUESTS :], command.id]
    if isinstance(command, Feedback):
        return _judge(case, command, now_ms)
    event = EVENT_OF[command.action]
    legal = step(case.id, case.state, event)
    if isinstance(legal, Refusal):
        return [refuse(case, command, now_ms, legal.reason)]
    if event == "merged":
        return _merge(ledger, case, command, now_ms)
    if event == "split":
        return _split(ledger, case, command, now_ms)
    return [_act(case, command, event, now_ms, sla)]


def refuse(case: Case, command: Act | Feedback, now_ms: int, reason: str) -> Transition:
    """Return the word that nothing came of what was asked for, and why."""
    return say(case, "refused", now_ms, reason, command.actor, command.id)


def _act(case: Case, act: Act, event: Event, now_ms: int, sla: SlaSettings) -> Transition:
    reason = act.reason
    match act.action:
        case "ack":
            case.acked_ms = now_ms if case.acked_ms is None else case.acked_ms
            case.assignee = case.assignee or act.actor
        case "unack":
            case.acked_ms = None
            restart_ack(case, now_ms, sla)
        case "resolve":
            return resolve(case, now_ms, reason or BY_HAND, act.actor, act.id)
        case "reopen":
            case.resume(now_ms)
            restart_ack(case, now_ms, sla)
        case "close":
            case.closed_ms = now_ms
        case "assign":
            case.assignee = act.assignee
            reason = ": ".join(filter(None, (f"to {act.assignee or 'nobody'}", reason)))
        case "note":
            if not reason.strip():
                return refuse(case, act, now_ms, f"a note on {case.id} must say something")
    case.touched_ms = now_ms
    return say(case, event, now_ms, reason, act.actor, act.id)


def _merge(ledger: Ledger, case: Case, act: Act, now_ms: int) -> list[Transition]:
    parts: dict[str, Case] = {}
    for name in act.others:
        part = ledger.find(name)
        if part is None or part.revision == 0:
            return [refuse(case, act, now_ms, f"{name} is closed or never was")]
        if part is case:
            return [refuse(case, act, now_ms, f"{name} is part of {case.id} as it is")]
        legal = step(part.id, part.state, "merged")
        if isinstance(legal, Refusal):
            return [refuse(case, act, now_ms, legal.reason)]
        parts[part.id] = part
    if not parts:
        return [refuse(case, act, now_ms, f"a merge into {case.id} must name an incident")]
    case.touched_ms = now_ms
    return merge(ledger, case.id, [*parts], now_ms, act.reason or BY_HAND, act.actor, act.id)


def _split(ledger: Ledger, case: Case, act: Act, now_ms: int) -> list[Transition]:
    try:
        said = split(ledger, case.id, act.others, now_ms, act.reason, act.actor, act.id)
    except ValueError as ex:
        return [refuse(case, act, now_ms, str(ex))]
    case.touched_ms = now_ms
    return said


def _judge(case: Case, word: Feedback, now_ms: int) -> list[Transition]:
    """Keep what somebody says that it was; the last word counts, the same again is none."""
    if word.verdict == case.verdict:
        return []
    case.verdict = word.verdict
    verdict = word.verdict.replace("_", " ")
    reason = f"{verdict}: {word.reason}" if word.reason else verdict
    return [say(case, "judged", now_ms, reason, word.actor, word.id)]
