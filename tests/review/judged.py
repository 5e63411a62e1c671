"""Reviews a simulated year and says which model found what."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from operators.review import Group, Reviewer
from operators.review_settings import ReviewSettings
from schema import AnomalyRecord, IncidentEvent, ModelFailure, ModelRecord, ReviewBatch
from tests.review.year import DAY_MS, DAYS, KINDS, START_MS, Kind, Oddity, Year

GRACE_DAYS = 7  # after its end, an oddity is still in the last week's windows


class Found(NamedTuple):
    """How one model, or several together, did in one year."""

    alarms: int  # records
    true_alarms: int  # that hit an oddity
    oddities: int
    caught: int
    by_kind: dict[Kind, tuple[int, int]]  # caught, of

    @property
    def precision(self) -> float:
        return self.true_alarms / self.alarms if self.alarms else 1.0

    @property
    def recall(self) -> float:
        return self.caught / self.oddities if self.oddities else 1.0

    @property
    def false_a_month(self) -> float:
        return (self.alarms - self.true_alarms) / 12.0


def batches(events: Sequence[IncidentEvent], days: int = 1) -> Iterator[ReviewBatch]:
    """Cut a year into batches of some days."""
    at = 0
    for day in range(days, DAYS + days, days):
        until = START_MS + day * DAY_MS
        end = at
        while end < len(events) and events[end].ts_ms < until:
            end += 1
        yield ReviewBatch(tuple(events[at:end]), until)
        at = end


def reviewed(
    year: Year, models: Sequence[ModelRecord], settings: ReviewSettings
) -> tuple[list[AnomalyRecord], list[ModelFailure]]:
    """Return the newest revision of each record of a year, as they were found."""
    rule, group = Reviewer(settings, models), Group()
    records: dict[str, AnomalyRecord] = {}
    failures: list[ModelFailure] = []
    for batch in batches(year.events):
        for told in rule.step(group, batch):
            if isinstance(told, AnomalyRecord):
                records[told.id] = told
            elif isinstance(told, ModelFailure):
                failures.append(told)
    return list(records.values()), failures


def hits(record: AnomalyRecord, odd: Oddity) -> bool:
    """Whether a record is of an oddity: of its service and team, and in its time."""
    return (
        (record.service, record.team) == (odd.service, odd.team)
        and record.window_end_ms > odd.start_ms
        and record.window_start_ms < odd.end_ms + GRACE_DAYS * DAY_MS
    )


def judged(year: Year, records: Sequence[AnomalyRecord]) -> Found:
    """Compare records with the truth."""
    true = [any(hits(record, odd) for odd in year.oddities) for record in records]
    caught = [any(hits(record, odd) for record in records) for odd in year.oddities]
    by_kind = {}
    for kind in KINDS:
        mine = [found for odd, found in zip(year.oddities, caught, strict=True) if odd.kind == kind]
        by_kind[kind] = sum(mine), len(mine)
    return Found(len(records), sum(true), len(year.oddities), sum(caught), by_kind)
