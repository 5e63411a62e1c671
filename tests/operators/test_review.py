"""Windows by service and team: in any batches, over any stop, without look-ahead, bounded."""

import math
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
import msgspec
import numpy as np
import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, TestingSource, run_main

from models.incident_detectors import Temporal
from operators.review import (
    GROUPS,
    Group,
    Reviewer,
    Told,
    read_group,
    review_incidents,
    spread,
)
from operators.review_models import SHIPPED, chosen, next_version
from operators.review_settings import ReviewSettings
from schema import (
    AnomalyRecord,
    IncidentEvent,
    LateEvent,
    ModelFailure,
    ModelRecord,
    ReviewBatch,
    Severity,
)

DAY_MS = 86_400_000
START_MS = 1_735_689_600_000
SETTINGS = ReviewSettings()
STATISTICAL = SHIPPED[:1]
BURST_DAY = 100


def year(days: int = 110, burst: int = 20, seed: int = 1) -> list[IncidentEvent]:
    """A service with some incidents a day, and a burst on one of them."""
    draw = np.random.default_rng(seed)
    events = []
    for day in range(days):
        number = draw.poisson(3.0) + (burst if day == BURST_DAY else 0)
        for at in sorted(draw.integers(DAY_MS, size=number).tolist()):
            at_ms = START_MS + day * DAY_MS + at
            name = f"inc-{day:03d}-{at}"
            severity = int(draw.integers(1, 5))
            events.append(IncidentEvent(name, "opened", at_ms, at_ms, "pay", "core", severity))
            took = int(3_600_000 * draw.lognormal(0, 0.7))
            events.append(
                IncidentEvent(name, "resolved", at_ms + took, at_ms, "pay", "core", severity)
            )
    return sorted(events, key=lambda each: each.order)


EVENTS = year()
END_MS = START_MS + 110 * DAY_MS


def batches(events: Sequence[IncidentEvent], size: int) -> Iterator[ReviewBatch]:
    for at in range(0, len(events), size):
        part = tuple(events[at : at + size])
        yield ReviewBatch(part, part[-1].ts_ms)
    yield ReviewBatch((), END_MS)


def told(
    events: Sequence[IncidentEvent],
    size: int = 500,
    models: Sequence[ModelRecord] = STATISTICAL,
    settings: ReviewSettings = SETTINGS,
) -> list[Told]:
    rule, group = Reviewer(settings, models), Group()
    return [each for batch in batches(events, size) for each in rule.step(group, batch)]


WHOLE = told(EVENTS)


def test_a_burst_makes_one_record_with_all_that_made_it() -> None:
    record = next(each for each in WHOLE if isinstance(each, AnomalyRecord))
    assert (record.service, record.team, record.type) == ("pay", "core", "STATISTICAL")
    assert record.severity >= Severity.HIGH
    assert record.affected_metrics[0] == "rate_1d"
    assert record.window_end_ms == START_MS + (BURST_DAY + 1) * DAY_MS
    assert record.window_end_ms - record.window_start_ms == DAY_MS
    of_the_day = {e.incident for e in EVENTS if e.incident.startswith(f"inc-{BURST_DAY:03d}")}
    assert set(record.metadata.incidents) == of_the_day
    assert record.metadata.incident_id == min(of_the_day, key=lambda name: int(name[8:]))
    assert record.metadata.time_window_hours == 24
    assert record.affected_services == ("pay",)
    assert record.score >= record.threshold
    assert 0.5 < record.confidence <= 1.0
    assert record.raw_confidence == pytest.approx(min(record.raw_score / 10, 1.0))
    assert "are usual" in record.description


def test_no_other_day_makes_one() -> None:
    records = [each for each in WHOLE if isinstance(each, AnomalyRecord)]
    assert len({each.id for each in records}) == 1
    assert [each.revision for each in records] == list(range(1, len(records) + 1))


@pytest.mark.parametrize("size", [1, 7])
def test_batches_may_be_of_any_size(size: int) -> None:
    assert told(EVENTS, size) == WHOLE


def test_what_comes_later_changes_nothing_that_was_said() -> None:
    cut_ms = START_MS + 102 * DAY_MS
    early = [each for each in EVENTS if each.ts_ms < cut_ms]
    rule, group = Reviewer(SETTINGS, STATISTICAL), Group()
    found = rule.step(group, ReviewBatch(tuple(early), cut_ms))
    ends = [each for each in WHOLE if isinstance(each, AnomalyRecord)]
    assert found == [each for each in ends if each.window_end_ms <= cut_ms]


@pytest.mark.parametrize("models", [STATISTICAL, SHIPPED[1:]])
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(
    models: tuple[ModelRecord, ...], tmp_path: Path
) -> None:
    parts = list(batches(EVENTS, 60))
    whole = told(EVENTS, 60, models)
    stops: list[ReviewBatch | TestingSource.EOF] = list(parts)
    stops.insert(len(parts) - 4, TestingSource.EOF())
    out: list[Told] = []
    init_db_dir(tmp_path, 1)
    flow = Dataflow("review")
    source = op.input("in", flow, TestingSource(stops))
    keyed = review_incidents("r", op.flat_map("s", source, spread), SETTINGS, models)
    op.output("out", op.map("m", keyed, lambda each: each[1]), TestingSink(out))
    for _ in range(2):
        run_main(flow, epoch_interval=timedelta(0), recovery_config=RecoveryConfig(str(tmp_path)))
    assert out == whole


def test_a_snapshot_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must begin with b'review\.v1"):
        read_group(b"review.v0\n")


def test_a_model_that_raises_is_told_of_once_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def raises(*_: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(Temporal, "_learn", raises)
    found = told(EVENTS, models=(*STATISTICAL, SHIPPED[2]))
    failures = [each for each in found if isinstance(each, ModelFailure)]
    assert [(each.model, each.error) for each in failures] == [
        ("temporal-1", "ZeroDivisionError: by nothing")
    ]
    assert [each for each in found if isinstance(each, AnomalyRecord)] == WHOLE


def test_an_event_of_a_window_that_is_over_is_counted_and_changes_nothing() -> None:
    late = EVENTS[0]
    rule, group = Reviewer(SETTINGS, STATISTICAL), Group()
    out: list[Told] = []
    for batch in batches(EVENTS, 500):
        out += rule.step(group, batch)
    assert out == WHOLE
    assert rule.step(group, ReviewBatch((late,), END_MS)) == [LateEvent(late, END_MS)]


def test_nothing_and_one_incident_make_no_record() -> None:
    assert told([]) == []
    assert told(EVENTS[:1]) == []


def test_nobody_is_judged_before_the_warm_up_is_over() -> None:
    young = [each for each in EVENTS if each.ts_ms >= START_MS + (BURST_DAY - 50) * DAY_MS]
    assert not any(isinstance(each, AnomalyRecord) for each in told(young))


def test_unknown_severities_and_strange_numbers_are_judged_like_any_other() -> None:
    odd = [
        msgspec.structs.replace(
            each, severity=(0, 9, -3)[i % 3], users=(math.nan, -1.0, math.inf)[i % 3]
        )
        for i, each in enumerate(EVENTS)
    ]
    (first, *_) = [each for each in told(odd) if isinstance(each, AnomalyRecord)]
    assert first.affected_metrics[0] == "rate_1d"
    assert math.isfinite(first.score)


def test_services_beyond_the_most_are_reviewed_as_one() -> None:
    settings = ReviewSettings(max_keys=1)
    rule, group = Reviewer(settings, ()), Group()
    for number in range(5):
        event = msgspec.structs.replace(EVENTS[0], service=f"s{number}")
        rule.step(group, ReviewBatch((event,), event.ts_ms))
    assert sorted(group.courses) == ["(others)", "s0"]


def test_a_service_that_had_no_incident_for_long_is_forgotten() -> None:
    rule, group = Reviewer(SETTINGS, ()), Group()
    rule.step(group, ReviewBatch((EVENTS[0],), EVENTS[0].ts_ms))
    rule.step(group, ReviewBatch((), EVENTS[0].ts_ms + 100 * DAY_MS))
    assert group.courses
    rule.step(group, ReviewBatch((), EVENTS[0].ts_ms + 160 * DAY_MS))
    assert not group.courses


def test_every_group_hears_how_far_time_has_come() -> None:
    parts = dict(spread(ReviewBatch((EVENTS[0],), 7)))
    assert set(parts) == set(GROUPS)
    assert {each.watermark_ms for each in parts.values()} == {7}
    assert sum(len(each.events) for each in parts.values()) == 1


@pytest.mark.parametrize("hours", [8, 48])
def test_windows_of_other_lengths_are_judged_too(hours: int) -> None:
    settings = ReviewSettings(window_hours=hours)
    (first, *_) = [
        each for each in told(EVENTS, settings=settings) if isinstance(each, AnomalyRecord)
    ]
    assert first.window_end_ms % (hours * 3_600_000) == 0
    burst_ms = START_MS + BURST_DAY * DAY_MS
    assert first.window_start_ms < burst_ms + DAY_MS
    assert first.window_end_ms > burst_ms


def test_models_are_chosen_by_id_or_because_they_are_active() -> None:
    newer = ModelRecord("temporal", 2, "temporal", {"multiplier": 3.0}, active=False)
    known = [*SHIPPED, newer]
    assert [each.id for each in chosen(known, None)] == [each.id for each in SHIPPED]
    assert chosen(known, "temporal") == [newer]
    assert chosen(known, "temporal-1") == [SHIPPED[2]]
    with pytest.raises(ValueError, match=r"must be one of statistical-1, .* got 'oracle'"):
        chosen(known, "oracle")
    with pytest.raises(ValueError, match="no model is active"):
        chosen([newer], None)


def test_other_parameters_are_another_version_and_wrong_ones_none() -> None:
    made = ModelRecord("temporal", 0, "temporal", {"window_rows": 12})
    assert next_version(SHIPPED, "temporal", made).id == "temporal-2"
    with pytest.raises(ValueError, match="window_rows must be"):
        next_version(SHIPPED, "temporal", ModelRecord("t", 0, "temporal", {"window_rows": 1}))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("window_hours", 5, "window_hours must be one of"),
        ("baseline_days", 7, "baseline_days must be in"),
        ("odd", math.nan, "odd must be in"),
        ("lateness_s", -1.0, "lateness_s must be in"),
        ("max_keys", 0, "max_keys must be in"),
        ("storms_from", "AWFUL", "storms_from must be one of LOW"),
    ],
)
def test_settings_out_of_range_are_refused(field: str, value: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        msgspec.structs.replace(SETTINGS, **{field: value})


def test_severity_is_by_the_score() -> None:
    levels = SETTINGS.levels
    assert [levels.severity(score).name for score in (5.0, 4.9, 3.0, 2.0, 1.9)] == [
        "CRITICAL", "HIGH", "HIGH", "MEDIUM", "LOW"
    ]  # fmt: skip
