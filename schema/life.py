"""What may happen to an incident in which state, and what state it is in then: the one table."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from schema.commands import Action
from schema.incidents import Event, State, Transition


class Refusal(msgspec.Struct, frozen=True):
    """What was asked for is not legal."""

    reason: str  # in words


class Step(NamedTuple):
    """An event's line in the table."""

    legal_in: tuple[State, ...]
    leads_to: State | None  # None: the state stays
    can_be: str  # what an incident in one of those states can be: "acknowledged"


LIVE: tuple[State, ...] = ("open", "acknowledged")
KEPT: tuple[State, ...] = (*LIVE, "resolved")
STEPS: dict[Event, Step] = {  # beside "opened" and a "split" off, with which an incident begins
    "updated": Step(LIVE, None, "updated"),
    "acknowledged": Step(LIVE, "acknowledged", "acknowledged"),
    "unacknowledged": Step(("acknowledged",), "open", "un-acknowledged"),
    "assigned": Step(KEPT, None, "assigned"),
    "noted": Step(KEPT, None, "given a note"),
    "judged": Step((*KEPT, "closed"), None, "judged"),
    "silenced": Step(KEPT, None, "silenced"),
    "breach_predicted": Step(LIVE, None, "late"),
    "breached": Step(LIVE, None, "late"),
    "resolved": Step(LIVE, "resolved", "resolved"),
    "reopened": Step(("resolved",), "open", "reopened"),
    "closed": Step(("resolved",), "closed", "closed"),
    "merged": Step(LIVE, "merged", "merged"),  # the part says it; the whole is "updated"
    "split": Step(LIVE, None, "split"),
    "refused": Step((*KEPT, "closed", "merged"), None, "asked"),
}
EVENT_OF: dict[Action, Event] = {
    "ack": "acknowledged",
    "unack": "unacknowledged",
    "resolve": "resolved",
    "reopen": "reopened",
    "close": "closed",
    "assign": "assigned",
    "merge": "merged",
    "split": "split",
    "note": "noted",
}


def step(incident: str, state: State, event: Event) -> State | Refusal:
    """Return the state after `event`, or why there is no such step.

    >>> step("inc-1", "open", "acknowledged")
    'acknowledged'
    >>> step("inc-1", "resolved", "acknowledged").reason
    'inc-1 is resolved: only an open or acknowledged incident can be acknowledged'
    """
    line = STEPS.get(event)
    if line is None:
        return Refusal(f"{incident} is {state}: an incident is {event} only once")
    if state in line.legal_in:
        return line.leads_to or state
    first, *more = line.legal_in
    listed = ", ".join([first, *more[:-1]]) + (f" or {more[-1]}" if more else "")
    article = "an" if first[0] in "ao" else "a"
    return Refusal(f"{incident} is {state}: only {article} {listed} incident can be {line.can_be}")


class Life(msgspec.Struct, frozen=True):
    """What an incident's events alone say of it: the audit."""

    state: State
    acked_ms: int | None = None
    resolved_ms: int | None = None
    closed_ms: int | None = None


def lived(history: Iterable[Transition]) -> Life:
    """Return the life that an incident's events tell, in the order of their revisions.

    Raises: ValueError if they do not begin with its birth, or one is not legal where it stands.
    """
    life: Life | None = None
    for said in history:
        if life is None:
            if said.event not in ("opened", "split"):
                raise ValueError(f"{said.incident.id} must begin opened or split, got {said.id!r}")
            life = Life("open")
            continue
        life = _after(life, said)
    if life is None:
        raise ValueError("an incident must have a history, got none")
    return life


def _after(life: Life, said: Transition) -> Life:
    state = step(said.incident.id, life.state, said.event)
    match state:
        case Refusal():
            raise ValueError(f"{said.id}: {state.reason}")
    acked_ms = life.acked_ms
    if said.event == "acknowledged" and acked_ms is None:
        acked_ms = said.ts_ms
    if said.event in ("unacknowledged", "reopened"):
        acked_ms = None
    return Life(
        state,
        acked_ms,
        said.ts_ms if said.event == "resolved" else None if state in LIVE else life.resolved_ms,
        said.ts_ms if state == "closed" and life.state != "closed" else life.closed_ms,
    )
