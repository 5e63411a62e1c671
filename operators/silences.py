"""Silences and maintenance windows: when they are in force, and what of an incident they match."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from operators.matching import Labels, check_matchers, match_everything, matching, parse_matcher
from operators.recurrence import check_recurrence, comes_at, next_turn_ms, parse_recurrence
from schema import Expire, Matcher, Recurrence, Silence

logger = logging.getLogger(__name__)

ALWAYS_MS = (-62_135_596_800_000, 253_402_300_799_000)  # the years 1 to 9999


class SilenceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of the YAML list `triage.silences`: in force as long as it stands there."""

    id: str
    matchers: tuple[str, ...]  # as in 'resource=~"db-.*"'; all must hold
    purpose: Literal["silence", "maintenance"] = "silence"
    starts: datetime | None = None  # None: always was
    ends: datetime | None = None  # exclusive; None: never
    every: str = ""  # "day", "weekday", "weekend" or days as in "mon,tue"; "": all the time
    from_: str | int = msgspec.field(name="from", default="00:00")
    to: str | int = "24:00"  # at or before `from`: of the next day
    zone: str = "UTC"
    author: str = ""
    reason: str = ""
    everything: bool = False  # must be said where it matches whatever there is

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("id must name the silence, got ''")
        for name in ("starts", "ends"):
            time = getattr(self, name)
            if time is not None and time.tzinfo is None:
                raise ValueError(f"{name} must have a time zone, got {time.isoformat()!r}")
        check_silence(self.silence(), everything=self.everything)

    def silence(self) -> Silence:
        """Return what the flow obeys."""
        starts_ms, ends_ms = (
            always_ms if time is None else round(time.timestamp() * 1000)
            for time, always_ms in zip((self.starts, self.ends), ALWAYS_MS, strict=True)
        )
        return Silence(
            self.id,
            self.purpose,
            tuple(parse_matcher(text) for text in self.matchers),
            starts_ms,
            ends_ms,
            starts_ms,
            self.author,
            self.reason,
            self._recurs(),
        )

    def _recurs(self) -> Recurrence | None:
        if self.every:
            return parse_recurrence(self.every, self.from_, self.to, self.zone)
        if (self.from_, self.to, self.zone) != ("00:00", "24:00", "UTC"):
            raise ValueError("from, to and zone must come with every, got every ''")
        return None


def check_silence(silence: Silence, *, everything: bool = False) -> None:
    """Raise ValueError for one that cannot be obeyed, or hides all without having said so."""
    check_matchers(silence.matchers)
    if match_everything(silence.matchers) and not everything:
        raise ValueError(
            "a silence must have a matcher that does not match the empty string, or say that it "
            "is meant to match everything"
        )
    if not silence.starts_ms < silence.ends_ms:
        raise ValueError(
            f"a silence must end after it starts, got {silence.starts_ms!r} ms to "
            f"{silence.ends_ms!r} ms"
        )
    if silence.recurs is not None:
        check_recurrence(silence.recurs)


def in_force(silence: Silence, now_ms: int) -> bool:
    """Tell whether it is in force at a time."""
    if not silence.starts_ms <= now_ms < silence.ends_ms:
        return False
    return silence.recurs is None or comes_at(silence.recurs, now_ms)


def next_change_ms(silence: Silence, now_ms: int) -> int | None:
    """Return the first time after `now_ms` at which it may begin or end; None: it has ended."""
    if now_ms < silence.starts_ms:
        return silence.starts_ms
    if now_ms >= silence.ends_ms:
        return None
    turn_ms = None if silence.recurs is None else next_turn_ms(silence.recurs, now_ms)
    return silence.ends_ms if turn_ms is None else min(turn_ms, silence.ends_ms)


class SilenceState(msgspec.Struct):
    """What must be remembered. Memory: a record for each silence that has not ended."""

    held: dict[str, Silence] = {}  # that people added, by id
    due_ms: int | None = None  # when another may come into force, or one may end


class Silences:
    """Those of the settings and those that people have added, and which of them are in force."""

    def __init__(self, settings: Sequence[SilenceSettings], state: SilenceState) -> None:
        self._fixed = {each.id: each.silence() for each in settings}
        self._state = state
        self.in_force: tuple[Silence, ...] = ()  # at the last turn, by id

    @property
    def due_ms(self) -> int | None:
        """Return the time of the next turn; None: not before a command comes."""
        return self._state.due_ms

    def obey(self, command: Silence | Expire, now_ms: int) -> None:
        """Add one, in place of another of the same id, or end one; a turn is due then.

        One that the command line would have refused silences nothing. Those of the settings are
        ended there.
        """
        held = self._state.held
        if isinstance(command, Silence):
            try:
                check_silence(command, everything=True)
            except ValueError as ex:
                logger.warning("silence %s is not obeyed: %s", command.id, ex)
                return
            held[command.id] = command
        elif command.silence in held:
            known = held[command.silence]
            ends_ms = min(known.ends_ms, now_ms)
            held[command.silence] = msgspec.structs.replace(known, ends_ms=ends_ms)

    def turn(self, now_ms: int) -> None:
        """Take up which are in force now, and forget those that have ended."""
        held = self._state.held
        for name in [name for name, each in held.items() if each.ends_ms <= now_ms]:
            del held[name]
        known = {**held, **self._fixed}
        self.in_force = tuple(
            known[name] for name in sorted(known) if in_force(known[name], now_ms)
        )
        changes = (next_change_ms(silence, now_ms) for silence in known.values())
        self._state.due_ms = min((each for each in changes if each is not None), default=None)

    def words(self, name: str) -> str:
        """Return which silence it is, whose, and why."""
        for silence in self.in_force:
            if silence.id == name:
                said = ": ".join(filter(None, (silence.actor, silence.reason)))
                verb = "silenced by" if silence.purpose == "silence" else "in maintenance window"
                return f"{verb} {name}" + (f" ({said})" if said else "")
        return f"silenced by {name}, which has ended"


def silenced_by(alerts: Sequence[Labels], silences: Sequence[Silence]) -> tuple[str, ...]:
    """Return the ids of the silences that together match every alert; () where one is left over.

    An incident is heard as long as somebody has not silenced all of it.
    """
    found: list[str] = []
    covered: set[int] = set()
    for silence in silences:
        matched = matching(silence.matchers, alerts)
        if matched:
            found.append(silence.id)
            covered.update(matched)
    return tuple(found) if alerts and len(covered) == len(alerts) else ()


def why_not(matchers: Sequence[Matcher], labels: Labels) -> tuple[Matcher, ...]:
    """Return the matchers that do not hold: why an alert is not silenced."""
    return tuple(matcher for matcher in matchers if not matching((matcher,), [labels]))
