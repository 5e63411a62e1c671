"""The review: incident events into windows by service and team, judged by every model.

A flow of its own beside detection. Records have derived ids and go into the store by upsert, so a
run over what was reviewed before changes nothing.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import DynamicSink, Sink, StatelessSinkPartition
from bytewax.testing import cluster_main

from connectors.review_source import Read, ReviewSource
from operators.review import Told, review_incidents, spread
from operators.review_settings import ReviewSettings
from schema import AnomalyRecord, LateEvent, ModelFailure, ModelRecord, ReviewBatch


class Reviewed(NamedTuple):
    """What a run over a bounded input came to."""

    records: tuple[AnomalyRecord, ...]  # the newest revision of each, by window and id
    failures: tuple[ModelFailure, ...]
    late: int  # events that came when their window was over


def build(
    source: Source[ReviewBatch],
    sink: Sink[Told],
    settings: ReviewSettings,
    models: Sequence[ModelRecord],
) -> Dataflow:
    """Return the flow."""
    flow = Dataflow("review")
    batches = op.input("events", flow, source)
    parts = op.flat_map("spread", batches, spread)
    told = review_incidents("review", parts, settings, models)
    op.output("told", op.map("unkey", told, lambda keyed: keyed[1]), sink)
    return flow


def review(
    read: Read,
    until_ms: int | None,
    settings: ReviewSettings,
    models: Sequence[ModelRecord],
    workers: int = 1,
) -> Reviewed:
    """Review all that there is, up to a time; the number of workers changes nothing.

    Raises: ValueError for a model of an unknown algorithm, or with parameters that are not its own.
    """
    told: list[Told] = []
    source = ReviewSource(read, round(settings.lateness_s * 1000), until_ms)
    flow = build(source, Handing(told.append), settings, models)
    cluster_main(flow, [], 0, worker_count_per_proc=workers)
    return collected(told)


def collected(told: Sequence[Told]) -> Reviewed:
    """Return what was told, in an order that does not depend on who told it first."""
    newest: dict[str, AnomalyRecord] = {}
    for each in told:
        if isinstance(each, AnomalyRecord):
            held = newest.get(each.id)
            if held is None or held.revision < each.revision:
                newest[each.id] = each
    records = sorted(newest.values(), key=lambda each: (each.window_end_ms, each.id))
    failures = [each for each in told if isinstance(each, ModelFailure)]
    failures.sort(key=lambda each: (each.window_end_ms, each.model, each.service, each.team))
    late = sum(isinstance(each, LateEvent) for each in told)
    return Reviewed(tuple(records), tuple(failures), late)


class Handing(DynamicSink[Told]):
    """Hands on what is told, within this process."""

    def __init__(self, take: Callable[[Told], None]) -> None:
        self._take = take

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> "HandingPart":
        """Open."""
        return HandingPart(self._take)


class HandingPart(StatelessSinkPartition[Told]):
    """Of one worker."""

    def __init__(self, take: Callable[[Told], None]) -> None:
        self._take = take

    def write_batch(self, items: list[Told]) -> None:
        """Hand them on."""
        for each in items:
            self._take(each)
