"""Until when an incident must be acknowledged and resolved, and what is said when it is not.

The clock runs from the opening or reopening. A severity that rises has its own target from then on,
but never gives more time than there was; one that falls gives its own from the opening. An
incident whose alerts have all closed misses nothing: there is nothing left to do but to wait.
"""

from typing import Literal

import msgspec

from operators.case import Case
from operators.quantity import clock, span
from operators.telling import say
from operators.working_time import WorkingTime
from schema import Severity, Transition

MAX_S = 2_592_000.0  # 30 days


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How soon incidents of a severity are acknowledged and resolved; none: at any time."""

    severity: Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]
    ack_s: float | None = None
    resolve_s: float | None = None
    tier: str = ""  # of a resource with an open alert; "": any, and none
    working: bool = False  # in working time, see `SlaSettings.work`

    def __post_init__(self) -> None:
        for name in ("ack_s", "resolve_s"):
            seconds = getattr(self, name)
            if seconds is not None and not 0 < seconds <= MAX_S:
                raise ValueError(f"{name} must be in (0, {MAX_S}] s, got {seconds!r}")


class SlaSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `triage.sla`: of the targets that fit, the first counts."""

    targets: tuple[Target, ...] = (
        Target("CRITICAL", 300.0, 3_600.0),
        Target("HIGH", 900.0, 14_400.0),
        Target("MEDIUM", 14_400.0, 86_400.0),  # wakes nobody, so it is for a shift, not an hour
    )
    work: WorkingTime = WorkingTime()

    def target(self, severity: Severity, tiers: tuple[str, ...]) -> Target | None:
        """Return what holds for an incident, if anything does."""
        for target in self.targets:
            if target.severity == severity.name and target.tier in ("", *tiers):
                return target
        return None

    def after(self, now_ms: int, seconds: float | None, target: Target) -> int | None:
        """Return the deadline so many seconds after a time; none if there is none."""
        if seconds is None:
            return None
        ms = round(seconds * 1000)
        return self.work.after(now_ms, ms) if target.working else now_ms + ms


def set_deadlines(case: Case, tiers: tuple[str, ...], now_ms: int, settings: SlaSettings) -> None:
    """Let the deadlines be those of the case's severity and tiers as they are now."""
    target = settings.target(case.standing.severity, tiers)
    named = "" if target is None else msgspec.json.encode(target).decode()
    if named == case.target:
        return
    case.target = named
    ack_s, resolve_s = (None, None) if target is None else (target.ack_s, target.resolve_s)
    first, later = (
        [
            None if target is None else settings.after(from_ms, seconds, target)
            for seconds in (ack_s, resolve_s)
        ]
        for from_ms in (case.episode_ms, now_ms)
    )
    case.ack_by_ms = _sooner(case.ack_by_ms, first[0], later[0])
    case.resolve_by_ms = _sooner(case.resolve_by_ms, first[1], later[1])


def _sooner(held_ms: int | None, first_ms: int | None, later_ms: int | None) -> int | None:
    if first_ms is None or later_ms is None:
        return None
    if held_ms is None:
        return later_ms
    return first_ms if first_ms >= held_ms else min(held_ms, later_ms)


def restart_ack(case: Case, now_ms: int, settings: SlaSettings) -> None:
    """Give whoever is next as long to acknowledge as there was at first."""
    if case.target:
        target = msgspec.json.decode(case.target, type=Target)
        case.ack_by_ms = settings.after(now_ms, target.ack_s, target)
    case.missed = [name for name in case.missed if name != "acknowledged"]


def miss_deadlines(case: Case, now_ms: int) -> list[Transition]:
    """Say of each deadline, once, that it is over."""
    said: list[Transition] = []
    if case.revision == 0:  # nobody knows of it
        return said
    for name, by_ms, due in (
        ("acknowledged", case.ack_by_ms, case.acked_ms is None),
        ("resolved", case.resolve_by_ms, True),
    ):
        if by_ms is None or not due or now_ms < by_ms or name in case.missed:
            continue
        if case.open_count == 0 and case.held_ms is None:
            continue
        case.missed = [*case.missed, name]
        late = f", {span(now_ms - by_ms)} ago" if now_ms > by_ms else ""
        reason = f"must have been {name} by {clock(by_ms, now_ms)}{late}"
        said.append(say(case, "breached", now_ms, reason))
    return said


def deadlines_ms(case: Case) -> list[int]:
    """Return when the case may have something to say of its deadlines."""
    due = [] if case.acked_ms is not None else [case.ack_by_ms]
    return [by_ms for by_ms in (*due, case.resolve_by_ms) if by_ms is not None]
