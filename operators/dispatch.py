"""Who hears of an incident, when, and why somebody does not: decisions, by the wall clock.

Whether an incident is to be heard of at all (silences, maintenance, inhibition, merges) is triage's
word and stands on the event. Here are waits, repeats, quiet hours, limits and escalations. Times
are given; nothing here reads a clock. All events that are there are taken before time passes, so
what opened and ended while nobody looked is told as it stands, or not at all.
"""

from collections.abc import Mapping

import msgspec

from operators.allowance import Allowance
from operators.escalation import Escalation
from operators.routes import Route, Target, Timing, blamed, labels_of_incident, targets_of
from operators.time_intervals import TimeInterval, heard_again_ms, muted_by
from operators.watched import NEVER_MS, Line, Watched
from schema import ChannelOptions, Incident, Kind, Notice, Transition
from schema.life import LIVE

_UNREPEATED = Timing(repeat_s=0.0)
PRESSING = ("breach_predicted", "breached")  # told at once where anything is told after the first


class Policy(msgspec.Struct, frozen=True):
    """All that a decision goes by."""

    route: Route
    channels: Mapping[str, ChannelOptions]
    intervals: Mapping[str, TimeInterval] = {}
    escalations: Mapping[str, Escalation] = {}


class DispatchState(msgspec.Struct):
    """What must be remembered. Memory: a record an incident that is not over, an id a resource."""

    watched: dict[str, Watched] = {}  # by incident
    allowances: dict[str, Allowance] = {}  # by channel
    cooling: dict[str, int] = {}  # "channel resource" -> until then


class Dispatch:
    """Decide by a policy and a state, which changes in place."""

    def __init__(self, policy: Policy, state: DispatchState) -> None:
        self._policy = policy
        self._state = state
        self.changed: set[str] = set()  # incidents whose record is another since this was cleared

    def take(self, said: Transition, now_ms: int) -> list[Notice]:
        """Take one event of the log; return what is to be told, or kept from people, by it alone.

        What waits is told by `pass_until`. An event that comes again changes nothing.
        """
        incident = said.incident
        watched = self._state.watched.get(incident.id)
        if watched is None:
            if incident.state not in LIVE:
                return []  # nobody was told, and it is over
            watched = self._state.watched[incident.id] = Watched(said)
        elif incident.revision <= watched.incident.revision:
            return []
        self.changed.add(incident.id)
        watched.said = said
        if incident.state not in LIVE:
            found = self._end(watched, said, now_ms)
            if incident.state != "resolved":  # else it may come back
                del self._state.watched[incident.id]
            return found
        self._line_up(watched, now_ms)
        hidden = hidden_by(incident)
        if hidden:
            return self._keep_quiet(watched, hidden, now_ms)
        if said.event in ("reopened", "unacknowledged"):
            watched.told_ms, watched.steps = None, 0
            for line in watched.lines.values():
                line.start_anew(now_ms)
        found = self._acknowledge(watched, said, now_ms) if said.event == "acknowledged" else []
        self._plan(watched, now_ms, pressing=said.event in PRESSING)
        return found

    def pass_until(self, now_ms: int) -> list[Notice]:
        """Decide what has become due by now: digests, then incidents by their time."""
        found: list[Notice] = []
        for channel, allowance in sorted(self._state.allowances.items()):
            if allowance.due_ms is not None and allowance.due_ms <= now_ms:
                found.append(self._digest(channel, allowance, now_ms))
        cooling = self._state.cooling
        for key in [key for key, until_ms in cooling.items() if until_ms <= now_ms]:
            del cooling[key]
        due = sorted((each.due_ms(), name) for name, each in self._state.watched.items())
        for at_ms, name in due:
            if at_ms <= now_ms:
                self.changed.add(name)
                found += self._speak(self._state.watched[name], now_ms)
        return found

    def next_due_ms(self) -> int | None:
        """Return when `pass_until` has something to do; None: not before another event."""
        times = [watched.due_ms() for watched in self._state.watched.values()]
        times += [
            each.due_ms for each in self._state.allowances.values() if each.due_ms is not None
        ]
        found = min(times, default=NEVER_MS)
        return None if found >= NEVER_MS else found

    def _line_up(self, watched: Watched, now_ms: int) -> None:
        """Find out who is to hear of it as it is now."""
        targets = targets_of(self._policy.route, labels_of_incident(watched.incident))
        for line in watched.lines.values():
            line.routed = False
        seen: set[str] = set()
        for target in targets:
            for channel in target.channels:
                if channel in seen:
                    continue  # the first route that leads to a channel counts
                seen.add(channel)
                line = watched.lines.setdefault(channel, _line(target, now_ms))
                line.follow(target)
        for line in watched.lines.values():
            line.due_ms = line.due_ms if line.routed else None
        watched.escalate = next((each.escalate for each in targets if each.escalate), "")

    def _plan(self, watched: Watched, now_ms: int, *, pressing: bool = False) -> None:
        """Set when each channel hears of it next."""
        for channel, line in watched.lines.items():
            if line.routed:
                updates = self._policy.channels[channel].updates
                line.due_ms = _due_ms(watched.incident, line, updates, now_ms, pressing)
        self._plan_step(watched)

    def _plan_step(self, watched: Watched) -> None:
        policy = self._policy.escalations.get(watched.escalate)
        waits = policy is not None and watched.told_ms is not None
        watched.step_due_ms = None
        if policy is not None and waits and watched.incident.state == "open":
            watched.step_due_ms = policy.due_ms(watched.told_ms or 0, watched.steps)

    def _speak(self, watched: Watched, now_ms: int) -> list[Notice]:
        found: list[Notice] = []
        for channel, line in sorted(watched.lines.items()):
            if line.due_ms is not None and line.due_ms <= now_ms:
                found += self._tell(watched, channel, line, now_ms)
        if watched.step_due_ms is not None and watched.step_due_ms <= now_ms:
            found += self._escalate(watched, now_ms)
        if watched.incident.state in LIVE and not hidden_by(watched.incident):
            self._plan_step(watched)
        return found

    def _tell(self, watched: Watched, channel: str, line: Line, now_ms: int) -> list[Notice]:
        incident = watched.incident
        first = line.told_ms is None
        kept = self._kept(watched, channel, line, now_ms)
        if kept:
            return self._held(watched, channel, line, kept, now_ms)
        if first or incident.revision > line.told_revision:
            kind: Kind = "trigger" if first or not line.opened else "update"
            cause, what = f"transition:{incident.revision}", watched.news
        else:
            line.repeats += 1
            kind, cause = "trigger", f"repeat:{line.repeats}"
            what = "still open, and nobody has acknowledged it"
        line.heard(incident, now_ms)
        if watched.told_ms is None:
            watched.told_ms = now_ms
        self._cool(channel, line, incident, now_ms)
        updates = self._policy.channels[channel].updates
        line.due_ms = _due_ms(incident, line, updates, now_ms, pressing=False)
        return [_notice(incident, channel, kind, cause, now_ms, f"{what} ({line.why})")]

    def _kept(self, watched: Watched, channel: str, line: Line, now_ms: int) -> str:
        """Return why the channel does not hear of it now, and when it may: in `line.due_ms`."""
        quiet = muted_by(line.hours, self._policy.intervals, now_ms)
        if quiet:
            line.due_ms = heard_again_ms(line.hours, self._policy.intervals, now_ms)
            return quiet
        until_ms = self._state.cooling.get(_cooling_key(channel, watched.incident), 0)
        if line.told_ms is None and until_ms > now_ms:
            line.due_ms = until_ms
            return "its resource was told of a short while ago (cooldown)"
        allowance = self._state.allowances.setdefault(channel, Allowance())
        options = self._policy.channels[channel]
        if not allowance.take(options, now_ms):
            allowance.hold(watched.incident.id)
            line.due_ms = None
            return (
                f"more than {options.rate_messages} messages in {options.rate_per_s:g} s: "
                "kept for a digest"
            )
        return ""

    def _escalate(self, watched: Watched, now_ms: int) -> list[Notice]:
        policy, incident = self._policy.escalations[watched.escalate], watched.incident
        step = policy.step(watched.steps)
        watched.steps += 1
        watched.escalated += 1
        found: list[Notice] = []
        for channel in step.channels:
            line = watched.lines.setdefault(channel, Line(now_ms, "", _UNREPEATED, routed=False))
            line.heard(incident, now_ms)
            why = f"nobody has acknowledged it (step {watched.steps} of {watched.escalate})"
            cause = f"escalation:{watched.escalated}"
            found.append(_notice(incident, channel, "trigger", cause, now_ms, why))
        return found

    def _acknowledge(self, watched: Watched, said: Transition, now_ms: int) -> list[Notice]:
        """Tell those who hold a message of it; who does not need not hear of it any more."""
        found: list[Notice] = []
        why = f"{said.event} by {said.actor}"
        for channel, line in sorted(watched.lines.items()):
            if line.opened:
                cause = f"transition:{said.incident.revision}"
                found.append(_notice(said.incident, channel, "acknowledge", cause, now_ms, why))
                line.told_revision = said.incident.revision
            elif line.told_ms is None:
                found += self._held(watched, channel, line, f"{why} before it was told", now_ms)
        return found

    def _end(self, watched: Watched, said: Transition, now_ms: int) -> list[Notice]:
        """Tell those who hold a message of it that it is over."""
        incident, found = said.incident, list[Notice]()
        why = f"part of {incident.merged_into}" if incident.merged_into else watched.news
        for channel, line in sorted(watched.lines.items()):
            cause = f"transition:{incident.revision}"
            if line.opened and self._policy.channels[channel].send_resolved:
                found.append(_notice(incident, channel, "resolve", cause, now_ms, why))
                line.opened = False
            elif line.told_ms is None and not line.held_why:
                words = f"over before it was told: {why}"
                found += self._held(watched, channel, line, words, now_ms)
            line.due_ms = None
        watched.step_due_ms = None
        return found

    def _keep_quiet(self, watched: Watched, hidden: str, now_ms: int) -> list[Notice]:
        found: list[Notice] = []
        for channel, line in sorted(watched.lines.items()):
            line.due_ms = None
            if line.routed:
                found += self._held(watched, channel, line, hidden, now_ms)
        watched.step_due_ms = None
        return found

    def _held(
        self, watched: Watched, channel: str, line: Line, why: str, now_ms: int
    ) -> list[Notice]:
        """Return the word that it was kept from a channel; the same reason is said once."""
        if line.held_why == why:
            return []
        line.held_why = why
        kind: Kind = "trigger" if line.told_ms is None else "update"
        cause = f"transition:{watched.incident.revision}:{now_ms}"
        notice = _notice(watched.incident, channel, kind, cause, now_ms, why)
        return [msgspec.structs.replace(notice, held=True)]

    def _digest(self, channel: str, allowance: Allowance, now_ms: int) -> Notice:
        about = allowance.digest(now_ms)
        for name in about:
            watched = self._state.watched.get(name)
            if watched is not None:
                self.changed.add(name)
                line = watched.lines[channel]
                line.heard(watched.incident, now_ms, own=False)
                if watched.incident.state in LIVE and not hidden_by(watched.incident):
                    self._plan(watched, now_ms)
        count = f"{len(about)} incident" + ("" if len(about) == 1 else "s")
        cause = f"digest:{allowance.digests}"
        why = f"{count} held back by the limit of the channel"
        return Notice("", 0, channel, "digest", cause, now_ms, why, about=about)

    def _cool(self, channel: str, line: Line, incident: Incident, now_ms: int) -> None:
        if line.timing.cooldown_s > 0:
            until_ms = now_ms + round(line.timing.cooldown_s * 1000)
            self._state.cooling[_cooling_key(channel, incident)] = until_ms


def hidden_by(incident: Incident) -> str:
    """Return what keeps an incident from people, in words; "" if nothing does."""
    if incident.silenced_by:
        return "silenced by " + ", ".join(incident.silenced_by)
    if incident.inhibited_by:
        return f"inhibited by {incident.inhibited_by}"
    return f"part of {incident.merged_into}" if incident.merged_into else ""


def _line(target: Target, now_ms: int) -> Line:
    return Line(now_ms, target.why, target.timing, target.hours)


def _due_ms(
    incident: Incident, line: Line, updates: str, now_ms: int, pressing: bool
) -> int | None:
    """Return when a channel is to hear of it; None: not before another event."""
    if line.told_ms is None:
        if incident.state != "open":
            return None  # somebody has it in hand
        return line.since_ms + _ms(line.timing.group_wait_s)
    news = incident.revision > line.told_revision and updates != "none"
    if news and (pressing or int(incident.severity) > line.told_severity):
        return now_ms
    if news and updates == "all":
        return line.told_ms + _ms(line.timing.group_interval_s)
    if incident.state == "open" and line.timing.repeat_s > 0:
        return line.told_ms + _ms(line.timing.repeat_s)
    return None


def _notice(
    incident: Incident, channel: str, kind: Kind, cause: str, now_ms: int, reason: str
) -> Notice:
    return Notice(incident.id, incident.revision, channel, kind, cause, now_ms, reason)


def _cooling_key(channel: str, incident: Incident) -> str:
    return f"{channel} {blamed(incident).key}"


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
