"""What a report of the review is made of: for the page, the mail, the API and programs alike."""

from collections.abc import Sequence

import msgspec

from connectors.incident_store import IncidentStore
from connectors.told_times import told_times
from flows.review_service import ReviewService
from operators.deadlines import Target
from operators.review_effort import Burden, Effort, effort
from operators.review_outlook import outlook
from operators.review_settings import DAY_H, HOUR_MS, ReviewSettings
from schema import AnomalyRecord, IncidentEvent, Summaries
from schema.review_view import Outlook

DAY_MS = DAY_H * HOUR_MS
MAX_RECORDS = 100
HISTORY_MS = 160 * DAY_MS  # as much as a baseline and four weeks need
DAYS_SHOWN = 56


class ReviewFacts(msgspec.Struct, frozen=True):
    """A span of time, half-open, and what is to be said of it."""

    from_ms: int
    to_ms: int
    incidents: int  # that opened in it
    incidents_before: int  # in the span before it
    days: tuple[int, ...]  # incidents a day, of the last weeks up to its end
    summary: Summaries
    records: tuple[AnomalyRecord, ...]  # the newest first
    outlook: Outlook
    effort: Effort


def gather(
    url: str,
    from_ms: int,
    to_ms: int,
    targets: Sequence[Target],
    events: Sequence[IncidentEvent] | None = None,
) -> ReviewFacts:
    """Return the facts of a span; of the store's own incidents where no others are given.

    Raises: ValueError if there is no store, or it has another schema version.
    """
    service = ReviewService(url, ReviewSettings())
    try:
        summary = service.summary(from_ms, to_ms)
        records = service.store.records(from_ms, to_ms, limit=MAX_RECORDS)
        if events is None:
            events = service.store.steps(to_ms - HISTORY_MS, to_ms)
    finally:
        service.close()
    opened = [each.ts_ms for each in events if each.step == "opened"]
    last = to_ms // DAY_MS
    days = [0] * DAYS_SHOWN
    for at_ms in opened:
        place = at_ms // DAY_MS - last + DAYS_SHOWN
        if 0 <= place < DAYS_SHOWN and at_ms < to_ms:
            days[place] += 1
    return ReviewFacts(
        from_ms,
        to_ms,
        sum(from_ms <= each < to_ms for each in opened),
        sum(2 * from_ms - to_ms <= each < from_ms for each in opened),
        tuple(days),
        summary,
        tuple(records),
        outlook(events, to_ms, from_ms, targets),
        effort(_burdens(url, events, from_ms, to_ms)),
    )


def _burdens(url: str, events: Sequence[IncidentEvent], from_ms: int, to_ms: int) -> list[Burden]:
    """Return the alerts and messages of the span's incidents, as far as the store has them."""
    names = [
        each.incident for each in events if each.step == "opened" and from_ms <= each.ts_ms < to_ms
    ]
    told = told_times(url, names)
    store = IncidentStore(url)
    try:
        held = [store.get_incident(name) for name in names]
    finally:
        store.close()
    out = []
    for incident in held:
        if incident is not None:
            said = told.get(incident.id)
            out.append(
                Burden(
                    incident.onset_ms,
                    incident.opened_ms,
                    tuple(sorted(member.opened_ms for member in incident.members)),
                    incident.member_count,
                    None if said is None else said.first_ms,
                    0 if said is None else said.messages,
                )
            )
    return out
