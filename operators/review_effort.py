"""What triage saves: how soon the first message is read, and how many there are.

Measured: time from an incident's onset to the first message sent, alerts and messages an incident.
Modelled, as nobody runs both ways at once: one person reads messages one after the other, `READ_S`
each, in the order in which they come. Without triage every alert is a message; with it every
incident is one, and what it is about is read first.
"""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import msgspec

READ_S = 30.0


class Burden(NamedTuple):
    """An incident as its alerts came."""

    onset_ms: int
    opened_ms: int
    alerts_ms: tuple[int, ...]  # when each of its alerts opened
    alerts: int  # all of them, also those whose times are not kept
    told_ms: int | None  # when the first message was sent
    messages: int


class Effort(msgspec.Struct, frozen=True):
    """Over some incidents; None: nothing known."""

    incidents: int
    alerts_an_incident: float | None
    messages_an_incident: float | None  # of those that anybody was told of
    to_first_message_s: float | None  # median, from onset
    to_read_with_triage_s: float | None  # median, modelled
    to_read_without_triage_s: float | None


def effort(burdens: Sequence[Burden]) -> Effort:
    """Return what it took."""
    if not burdens:
        return Effort(0, None, None, None, None, None)
    told = [each for each in burdens if each.told_ms is not None]
    waits = [((each.told_ms or 0) - each.onset_ms) / 1000.0 for each in told]
    return Effort(
        len(burdens),
        sum(each.alerts for each in burdens) / len(burdens),
        sum(each.messages for each in told) / len(told) if told else None,
        median(waits) if waits else None,
        _read(burdens, [(each.opened_ms,) for each in burdens]),
        _read(burdens, [_all_alerts(each) for each in burdens]),
    )


def _all_alerts(burden: Burden) -> tuple[int, ...]:
    """Return when its alerts came; those whose times are not kept, with the last that are."""
    known = burden.alerts_ms or (burden.opened_ms,)
    return (*known, *(known[-1],) * max(0, burden.alerts - len(known)))


def _read(burdens: Sequence[Burden], messages: Sequence[tuple[int, ...]]) -> float:
    """Return the median time from onset until the first message of an incident has been read."""
    queue = sorted((at, place) for place, each in enumerate(messages) for at in each)
    read: dict[int, float] = {}
    free_ms = 0.0
    for at, place in queue:
        free_ms = max(free_ms, at) + READ_S * 1000.0
        read.setdefault(place, free_ms)
    return median((read[i] - each.onset_ms) / 1000.0 for i, each in enumerate(burdens))
