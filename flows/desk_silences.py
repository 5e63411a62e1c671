"""Silences as screens ask for them and show them."""

import secrets
from collections.abc import Iterable
from datetime import datetime

from flows.acting import NotLegal
from flows.running import RunningFlow
from flows.silences import Known
from operators.matching import parse_matcher, shown
from operators.recurrence import check_zone, parse_recurrence, shown_recurrence
from operators.silences import ALWAYS_MS, check_silence
from schema import Expire, Silence
from schema.asks import SilenceAsk
from schema.desk import SilenceView

DAY_MS = 86_400_000
_ORDER = {"active": 0, "requested": 1, "pending": 1, "expired": 2, "refused": 3}


def silence_of(asked: SilenceAsk, flow: RunningFlow, actor: str, now: datetime) -> Silence:
    """Return the silence that is asked for.

    Raises: ValueError where it cannot be obeyed, or hides all without having said so; NotLegal
    where it does not say from when on, and the flow is a replay.
    """
    now_ms = round(now.timestamp() * 1000)
    if asked.starts_ms is None and not flow.live:
        raise NotLegal("starts_ms must be given, since the flow's settings are of a replay")
    check_zone(asked.zone)
    recurs = (
        parse_recurrence(asked.every, asked.from_, asked.to, asked.zone) if asked.every else None
    )
    starts_ms = now_ms if asked.starts_ms is None else asked.starts_ms
    if asked.for_s is not None:
        ends_ms = starts_ms + round(asked.for_s * 1000)
    else:
        ends_ms = ALWAYS_MS[1] if asked.ends_ms is None else asked.ends_ms
    silence = Silence(
        f"sil-{secrets.token_hex(4)}",
        asked.purpose,
        tuple(map(parse_matcher, asked.matchers)),
        starts_ms,
        ends_ms,
        flow.effective_ms(now, starts_ms),
        actor,
        asked.reason,
        recurs,
    )
    check_silence(silence, everything=asked.everything)
    return silence


def end_of(
    silence: Silence, flow: RunningFlow, actor: str, reason: str, now: datetime
) -> Expire | None:
    """Return the end of a silence before its time; None if it ends by then anyway."""
    when_ms = max(flow.effective_ms(now, 0), silence.effective_ms + 1)  # else it would be last
    return Expire(silence.id, when_ms, actor, reason) if when_ms < silence.ends_ms else None


def shown_silences(known: Iterable[Known], now_ms: int) -> tuple[SilenceView, ...]:
    """Return those in force first, then those to come, then those that ended within a day."""
    found = [each for each in known if each.silence.ends_ms > now_ms - DAY_MS]
    found.sort(key=lambda each: (_ORDER[each.state(now_ms)], abs(each.change_ms(now_ms) - now_ms)))
    return tuple(view_of(each, now_ms) for each in found)


def view_of(known: Known, now_ms: int) -> SilenceView:
    """Return a silence as it is shown."""
    silence = known.silence
    return SilenceView(
        id=silence.id,
        purpose=silence.purpose,
        state=known.state(now_ms),
        matchers=tuple(map(shown, silence.matchers)),
        starts_ms=silence.starts_ms,
        ends_ms=silence.ends_ms,
        change_ms=known.change_ms(now_ms),
        recurs="" if silence.recurs is None else shown_recurrence(silence.recurs),
        actor=silence.actor,
        reason=silence.reason,
        origin=known.origin,
        ended_by="" if known.expired is None else known.expired.actor,
        wrong=known.wrong,
    )
