"""The review's service over a store: run one model or all that are active, keep what they find."""

from collections.abc import Sequence
from typing import NamedTuple

from connectors.incident_store import IncidentStore
from connectors.review_source import Read, listed, stored
from connectors.review_store import ReviewStore
from flows.review import Reviewed, collected, review
from flows.review_storms import open_storms
from models.incident_detectors import create_incident_detector
from operators.review_models import SHIPPED, chosen
from operators.review_settings import DAY_H, HOUR_MS, ReviewSettings
from operators.review_window import judged_window
from schema import (
    AnomalyRecord,
    Counted,
    IncidentEvent,
    LateEvent,
    ModelFailure,
    ModelRecord,
    ReviewSummary,
    ServiceSummary,
    Summaries,
    summarised,
)

DAY_MS = DAY_H * HOUR_MS
READ_AT_ONCE = 5_000


class ReviewRun(NamedTuple):
    """What a run came to."""

    records: tuple[AnomalyRecord, ...]
    kept: int  # of them new, or newer than what was known
    failures: tuple[ModelFailure, ...]
    late: int
    models: tuple[str, ...]  # ids of those that were run
    storms: tuple[str, ...] = ()  # ids of incidents that it opened


class ReviewService:
    """Models and records of a store. A store without models has the shipped ones from then on."""

    def __init__(self, url: str, settings: ReviewSettings, *, create: bool = False) -> None:
        self._url = url
        self._settings = settings
        self.store = ReviewStore(url, create=create)
        if not self.store.models():
            self.store.put_models(SHIPPED)

    def run(
        self,
        read: Read,
        until_ms: int | None,
        model: str | None = None,
        *,
        workers: int = 1,
        from_ms: int | None = None,
    ) -> ReviewRun:
        """Review everything up to a time, by one model of an id or all that are active.

        Records whose windows end after `from_ms` are kept: what came before is learned from only.
        Raises: ValueError for a model that is unknown.
        """
        models, failures = runnable(chosen(self.store.models(), model))
        found = review(read, until_ms, self._settings, models, workers)
        return self._kept(models, found, failures, from_ms)

    def run_on_window(
        self, events: Sequence[IncidentEvent], from_ms: int, to_ms: int, model: str | None = None
    ) -> ReviewRun:
        """Let models judge a window that they were fitted on, as the first system did."""
        models, failures = runnable(chosen(self.store.models(), model))
        told: list[AnomalyRecord | ModelFailure | LateEvent] = []
        for each in models:
            try:
                told += judged_window(events, from_ms, to_ms, each, self._settings.levels)
            except Exception as ex:  # noqa: BLE001  # of a model: told, and the others go on
                error = f"{type(ex).__name__}: {ex}"
                told.append(ModelFailure(each.id, "", "", to_ms, error))
        return self._kept(models, collected(told), failures, None)

    def _kept(
        self,
        models: Sequence[ModelRecord],
        found: Reviewed,
        failures: Sequence[ModelFailure],
        from_ms: int | None,
    ) -> ReviewRun:
        records = tuple(
            each for each in found.records if from_ms is None or each.window_end_ms > from_ms
        )
        kept = self.store.keep(records)
        storms = open_storms(self._url, records, self._settings) if self._settings.storms else ()
        names = tuple(each.id for each in models)
        return ReviewRun(
            records, kept, (*failures, *found.failures), found.late, names, tuple(storms)
        )

    def summary(self, from_ms: int, to_ms: int) -> Summaries:
        """Return the summary of a span, by service too, and that of the span before it."""
        return summaries(self.store, from_ms, to_ms)

    def close(self) -> None:
        """Close the store."""
        self.store.close()


def summaries(store: ReviewStore, from_ms: int, to_ms: int) -> Summaries:
    """Return the summary of a span, by service too, and that of the span before it."""
    now = store.counted(from_ms, to_ms)
    before = store.counted(2 * from_ms - to_ms, from_ms)
    return Summaries(
        from_ms,
        to_ms,
        summarised([each for _, each in now]),
        summarised([each for _, each in before]),
        {
            name: ServiceSummary(_of(now, name), _of(before, name))
            for name in sorted({name for name, _ in (*now, *before)})
        },
    )


def runnable(
    models: Sequence[ModelRecord],
) -> tuple[list[ModelRecord], list[ModelFailure]]:
    """Return the models that can be made, and of each other what is wrong with it."""
    good, bad = [], []
    for model in models:
        try:
            create_incident_detector(model.algorithm, model.parameters)
        except ValueError as ex:
            bad.append(ModelFailure(model.id, "", "", 0, f"ValueError: {ex}"))
        else:
            good.append(model)
    return good, bad


def steps_of_store(url: str) -> list[IncidentEvent]:
    """Return the steps of all incidents of a store, in order."""
    store = IncidentStore(url)
    try:
        read, position = stored(store), 0
        out: list[IncidentEvent] = []
        while True:
            events, behind = read(position, READ_AT_ONCE)
            if behind == position:
                break
            position = behind
            out += events
    finally:
        store.close()
    return sorted(out, key=lambda each: each.order)


def reader_of(events: Sequence[IncidentEvent]) -> Read:
    """Return a reader of events in any order."""
    return listed(sorted(events, key=lambda each: each.order))


def end_of(events: Sequence[IncidentEvent], settings: ReviewSettings) -> int:
    """Return when the window of the last event is over: a history is taken to be whole."""
    last_ms = max((each.ts_ms for each in events), default=0)
    return (last_ms // settings.window_ms + 1) * settings.window_ms


def _of(counted: Sequence[tuple[str, Counted]], service: str) -> ReviewSummary:
    return summarised([each for name, each in counted if name == service])
