"""The first system's way, for comparison: a detector fitted on the very window that it judges.

A row an incident: severity (LOW 1 .. CRITICAL 4, EMERGENCY 5, unknown 0), category, subcategory,
affected users, estimated downtime in hours, status, hour of day, day of week. A record an odd
incident, its severity by the detector's raw score and its confidence a tenth of that.
"""

import hashlib
from collections.abc import Mapping, Sequence

from models.incident_detectors import create_incident_detector
from models.incident_table import TIMESTAMP, Column
from operators.review_settings import HOUR_MS, Levels
from schema import UNKNOWN, AnomalyRecord, IncidentEvent, ModelRecord, RecordMetadata

_SEVERITIES = ("unknown", "LOW", "MEDIUM", "HIGH", "CRITICAL", "EMERGENCY")
_DAY_H = 24


def prepared(
    events: Sequence[IncidentEvent], from_ms: int, to_ms: int
) -> tuple[Mapping[str, Column], list[IncidentEvent]]:
    """Return the incidents that opened in [from, to) as a table, and those of its rows.

    A status is what was known by the end of the window.
    """
    opened = [e for e in events if e.step == "opened" and from_ms <= e.ts_ms < to_ms]
    status = {e.incident: e.step for e in sorted(events, key=lambda e: e.order) if e.ts_ms < to_ms}
    columns: dict[str, Column] = {
        "severity": [float(e.severity) for e in opened],
        "category": [e.category for e in opened],
        "subcategory": [e.subcategory for e in opened],
        "affected_users": [e.users for e in opened],
        "estimated_downtime_hours": [e.downtime_h for e in opened],
        "status": [status[e.incident] for e in opened],
        "hour_of_day": [float(e.ts_ms // HOUR_MS % _DAY_H) for e in opened],
        "day_of_week": [float((e.ts_ms // HOUR_MS // _DAY_H + 3) % 7) for e in opened],
        TIMESTAMP: [e.ts_ms for e in opened],
    }
    return columns, opened


def judged_window(
    events: Sequence[IncidentEvent],
    from_ms: int,
    to_ms: int,
    model: ModelRecord,
    levels: Levels,
) -> list[AnomalyRecord]:
    """Return what a model, fitted on a window, calls odd in it.

    Raises: ValueError for an unknown algorithm or parameters, or fewer than two incidents.
    """
    table, opened = prepared(events, from_ms, to_ms)
    parameters = dict(model.parameters)
    if model.algorithm == "temporal":
        parameters.setdefault("with_itself", True)
    detector = create_incident_detector(model.algorithm, parameters).fit(table)
    odd = detector.predict(table)
    scores = detector.get_anomaly_scores(table)
    shares = detector.shares(table)
    hours = round((to_ms - from_ms) / HOUR_MS)
    out = []
    for row, event in enumerate(opened):
        if not odd[row]:
            continue
        score = float(scores[row])
        confidence = min(max(score / 10.0, 0.0), 1.0)
        metric = detector.columns[int(shares[row].argmax())]
        named = f"{model.id}\n{from_ms}\n{to_ms}\n{event.incident}"
        out.append(
            AnomalyRecord(
                id="anom-" + hashlib.blake2b(named.encode(), digest_size=8).hexdigest(),
                revision=1,
                model=model.name,
                version=model.version,
                type=detector.kind,
                severity=levels.severity(score),
                confidence=confidence,
                score=score,
                threshold=detector.threshold,
                raw_score=score,
                raw_confidence=confidence,
                window_start_ms=from_ms,
                window_end_ms=to_ms,
                service=event.service,
                team=event.team,
                description=(
                    f"{event.service}, team {event.team}: incident {event.incident}, "
                    f"{_SEVERITIES[event.severity]}, is odd among {len(opened)} of {hours} h "
                    f"by its {metric.replace('_', ' ')}"
                ),
                affected_services=event.services or (UNKNOWN,),
                affected_metrics=(metric,),
                metadata=RecordMetadata(event.incident, model.algorithm, hours, (event.incident,)),
            )
        )
    return out
