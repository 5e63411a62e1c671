"""A review of an estate as screens get it."""

from schema import AnomalyRecord, Counted, RecordMetadata, RecordState, Severity, Summaries
from schema import summarised as summed
from schema.review_view import (
    Forecast,
    Noisy,
    Outlook,
    RecordView,
    Recurring,
    Response,
    ReviewView,
    Worsening,
)
from tests.api.made_incidents import HOUR_MS, LONG, SERVICES

DAY_MS = 24 * HOUR_MS
NOTHING = Outlook((), {}, (), (), (), (), ())
STATES: tuple[RecordState, ...] = (
    "DETECTED", "INVESTIGATING", "CONFIRMED", "FALSE_POSITIVE", "RESOLVED"
)  # fmt: skip
FOUND = (
    ("rate", "41 incidents in a day, where 9 are usual"),
    ("severity", "incidents of 7 days are more severe: 3.4 on average, where 2.1 is usual"),
    ("time_to_resolve", "resolved after 9 h 20 min, where 1 h 50 min is usual"),
)


def made_record(number: int, now_ms: int, service: str) -> AnomalyRecord:
    metric, words = FOUND[number % len(FOUND)]
    ends_ms = now_ms - number * 9 * HOUR_MS
    ids = tuple(f"inc-{each:012x}" for each in range(number, 2 * number))
    return AnomalyRecord(
        id=f"anom-{number:06x}", revision=1, model=("temporal-1", "statistical-1")[number % 2],
        version=1, type=("TEMPORAL", "STATISTICAL")[number % 2],
        severity=Severity(4 - number % 4), confidence=0.97 - number / 40, score=5.2, threshold=3.1,
        raw_score=7.9, raw_confidence=0.79, window_start_ms=ends_ms - DAY_MS, window_end_ms=ends_ms,
        service=service, team="platform", description=f"{service}, team platform: {words}",
        affected_services=(service,) if number % 3 else (service, *SERVICES[:2]),
        affected_metrics=(metric,),
        metadata=RecordMetadata(ids[0] if ids else "", "temporal", 24, ids),
        state=STATES[number % len(STATES)],
    )  # fmt: skip


def made_review(now_ms: int, days: int, some: bool, name: str) -> ReviewView:
    """Return a view with or without something in it; `name` is a service's and a cause's."""
    services: tuple[str, ...] = (name or SERVICES[0], *SERVICES[1:]) if some else ()
    records = [made_record(i, now_ms, each) for i, each in enumerate(services)]
    now = [Counted(each.severity, each.state, each.confidence, "") for each in records]
    summary = Summaries(now_ms - days * DAY_MS, now_ms, summed(now), summed(now[:2]), {})
    shown = tuple(RecordView.of(each) for each in records)
    if not some:
        return ReviewView(summary, shown, NOTHING)
    long = LONG if name else "orders-db-012"
    return ReviewView(summary, shown, Outlook(
        forecasts=(Forecast(1, 8.6, 4, 14), Forecast(7, 57.3, 43, 72)),
        services={each: Forecast(7, 4.1 + i, i, 9 + i) for i, each in enumerate(services)},
        worsening=(
            Worsening(services[0], "rate", 4.4, "2.9 incidents a day, where 1.1 are usual"),
            Worsening("azure.sql", "time_to_resolve", 2.8, "mended in 3 h, where 1 h is usual"),
        ),
        recurring=(
            Recurring(f"saturation / {long} / db.connections", 9, 6, services[:3], 31.5,
                      now_ms - 5 * HOUR_MS, "inc-000000000000"),
            Recurring(name or "error_burst / checkout-002 / errors", 4, 4, ("aws.lambda",), 2.2,
                      now_ms - 50 * HOUR_MS, "inc-000000000001"),
        ),
        noisy_rules=(Noisy("rule:disk-full", 12, 5, 4),),
        noisy_resources=(Noisy(long, 9, 1, 0), Noisy("web-000", 7, 0, 3)),
        responses=(
            Response("CRITICAL", 3, 240.0, 300.0, 2 / 3, 5400.0, 14_400.0, 1.0),
            Response("LOW", 21, None, None, None, 9000.0, None, None),
        ),
    ))  # fmt: skip
