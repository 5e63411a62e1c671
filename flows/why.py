"""Who is told of an incident and who is not, and why: from what the flow has said of it."""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from config.notify import NotifySettings
from connectors.outbox import OutboxRow
from flows.silences import Known
from operators.dispatch import hidden_by
from operators.matching import labels_of, shown
from operators.quantity import clock
from operators.routes import labels_of_incident, targets_of
from operators.silences import why_not
from schema import Incident, Member, Transition
from schema.life import LIVE

NOT_HIDDEN = "nothing hides it"


class Said(msgspec.Struct, frozen=True):
    """An event, and who heard of it."""

    ts_ms: int
    event: str
    told: bool
    by: str  # what kept it from people, "" if nothing did
    reason: str


class Tried(msgspec.Struct, frozen=True):
    """A silence that is in force, and whether it is about the incident."""

    id: str
    purpose: Literal["silence", "maintenance"]
    matches: bool  # every alert that is open, as far as they are shown
    matchers: tuple[str, ...]
    unlike: str  # the first alert that it does not match, and how; "" if it matches
    until_ms: int
    actor: str
    reason: str


class Heard(msgspec.Struct, frozen=True):
    """What a channel has heard of it, or why it has not."""

    channel: str
    at_ms: int  # wall clock: when it was sent, or else when it was decided
    what: str  # "trigger", "resolve" ...
    status: str  # due, sent, held, dropped, failed; "-": nothing was decided of it
    why: str  # the route, or the rule that held it back, or what went wrong


class Explanation(msgspec.Struct, frozen=True):
    """All that `foreshock why` tells."""

    incident: str
    told: bool
    because: str
    state: str
    severity: str
    reasons: tuple[str, ...]
    silenced_by: tuple[str, ...]
    silences: tuple[Tried, ...]  # in force now, those first that match
    inhibited_by: str
    flapping: bool
    occurrences: int  # opened, and reopened
    said: tuple[Said, ...]
    channels: tuple[Heard, ...] = ()  # in the order in which it was decided


def explain(
    history: Sequence[Transition],
    known: Sequence[Known],
    now_ms: int,
    told: Sequence[OutboxRow] = (),
    notify: NotifySettings | None = None,
) -> Explanation:
    """Explain an incident by its events, in order, the silences that are known, and the outbox.

    With the settings of notification, channels of which nothing was decided say so too.
    """
    incident = history[-1].incident
    by = hidden_by(incident)
    return Explanation(
        incident.id,
        not by,
        by or NOT_HIDDEN,
        incident.state,
        incident.severity.name,
        incident.reasons,
        incident.silenced_by,
        tried(incident, known, now_ms),
        incident.inhibited_by,
        incident.flapping,
        sum(each.event in ("opened", "reopened") for each in history),
        tuple(
            Said(each.ts_ms, each.event, not hidden_by(each.incident), hidden_by(each.incident),
                 each.reason)
            for each in history
        ),
        (*map(_heard, told), *_unheard(incident, told, notify or NotifySettings())),
    )  # fmt: skip


def _heard(row: OutboxRow) -> Heard:
    notice, at_ms = row.notice, row.ended_ms
    why = notice.reason if row.status in ("sent", "held") else row.note or notice.reason
    if row.status == "due" and row.attempts:
        tries = "1 attempt" if row.attempts == 1 else f"{row.attempts} attempts"
        why = f"{why} ({tries}; again at {clock(row.next_ms, notice.decided_ms)})"
    shown_ms = notice.decided_ms if at_ms is None else at_ms
    return Heard(notice.channel, shown_ms, notice.kind, row.status, why)


def _unheard(
    incident: Incident, told: Sequence[OutboxRow], notify: NotifySettings
) -> Iterator[Heard]:
    """Yield the channels that have no row in the outbox."""
    heard = {row.notice.channel for row in told}
    targets = targets_of(notify.tree(), labels_of_incident(incident))
    routes = {name: target.why for target in reversed(targets) for name in target.channels}
    taken = ", ".join(target.why for target in targets)
    for name in notify.channels:
        if name in heard:
            continue
        why = f"no route leads here; taken: {taken}"
        if name in routes:
            why = f"nothing was decided yet; its route: {routes[name]}"
        yield Heard(name, incident.updated_ms, "nothing", "-", why)


def tried(incident: Incident, known: Sequence[Known], now_ms: int) -> tuple[Tried, ...]:
    """Return the silences in force, those first that match the incident."""
    alerting = [each for each in incident.members if each.closed_ms is None]
    alerts = (alerting or list(incident.members)) if incident.state in LIVE else []
    found = [
        _one(incident, alerts, each, now_ms) for each in known if each.state(now_ms) == "active"
    ]
    return tuple(sorted(found, key=lambda each: (not each.matches, each.id)))


def _one(incident: Incident, alerts: Sequence[Member], known: Known, now_ms: int) -> Tried:
    silence = known.silence
    unlike = "" if alerts else "nothing is open"
    for alert in alerts:
        metric = alert.evidence[0].metric if alert.evidence else ""
        labels = labels_of(alert.resource, alert.kind, metric, incident.severity, incident.pattern)
        failing = why_not(silence.matchers, labels)
        if failing:
            value = labels.get(failing[0].label, "")
            unlike = (
                f"{alert.resource.name} has {failing[0].label} {value!r}, not {shown(failing[0])}"
            )
            break
    return Tried(
        silence.id,
        silence.purpose,
        not unlike,
        tuple(map(shown, silence.matchers)),
        unlike,
        known.change_ms(now_ms),
        silence.actor,
        silence.reason,
    )
