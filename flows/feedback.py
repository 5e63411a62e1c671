"""A word on an incident: to the running flow by its control log, and into the store."""

from datetime import datetime

import msgspec

from connectors.control_log import ControlLog, soonest_ms
from connectors.feedback_store import FeedbackStore, Targets, Word
from flows.asking import request_id
from operators.feedback import targets_of
from schema import Feedback, Incident


class Said(msgspec.Struct, frozen=True):
    """What became of a word."""

    series: int  # that it is about
    command: Feedback | None  # what the flow was told; None: it had been said before


def say(
    log: ControlLog,
    store: FeedbackStore,
    incident: Incident,
    word: Word,
    effective_ms: int,
    now: datetime,
) -> Said:
    """Tell the flow and keep the word; the same word once more writes nothing."""
    said = judged(store, incident, word, effective_ms, request_id(now))
    if said.command is not None:
        tell(log, store, said.command, word.said_ms)
    return said


def judged(
    store: FeedbackStore, incident: Incident, word: Word, effective_ms: int, request: str
) -> Said:
    """Return what the flow is to be told by a word; nothing if it was said before."""
    before = next(iter(store.words(incident.id)), None)
    targets: Targets = targets_of(incident)
    if (
        before is not None and word.verdict == "real"
    ):  # what was said is undone, not what it grew to
        targets = _over(before.targets, targets)
    word = msgspec.structs.replace(word, targets=targets)
    if before is not None and before == msgspec.structs.replace(word, said_ms=before.said_ms):
        return Said(len(targets), None)
    return Said(
        len(targets),
        Feedback(incident.id, word.verdict, targets, effective_ms, word.actor, word.note, request),
    )


def tell(log: ControlLog, store: FeedbackStore, told: Feedback, said_ms: int) -> None:
    """Tell the flow, then keep the word: if it is not kept then, to say it again does no harm."""
    log.append(told)
    word = Word(told.incident, told.verdict, told.actor, told.reason, said_ms, told.targets)
    store.say(word)


def _over(these: Targets, others: Targets) -> Targets:
    """Return `others` with what `these` say of the same series instead."""
    return tuple({each[:3]: each for each in (*others, *these)}.values())


def counts_from_ms(incident: Incident, tick_s: int, now: datetime, *, live: bool) -> int:
    """Return the event time from which a word of `now` counts.

    In a live flow as soon as can be; in a replay from the tick after the incident's newest event,
    as if it had been said then.
    """
    if live:
        return soonest_ms(now, tick_s)
    tick_ms = tick_s * 1000
    return (incident.updated_ms // tick_ms + 1) * tick_ms
