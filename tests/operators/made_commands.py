"""Commands of the control log, made by hand; times in minutes."""

from schema import Drift, Feedback

MINUTE_MS = 60_000


def drift(
    found: float, effective: float, retrain_by: float | None = None, service: str = "aws.ec2"
) -> Drift:
    by = effective + 40 if retrain_by is None else retrain_by
    return Drift(
        f"{service}@{found:g}",
        service,
        since_ms=round((found - 30) * MINUTE_MS),
        found_ms=round(found * MINUTE_MS),
        effective_ms=round(effective * MINUTE_MS),
        retrain_by_ms=round(by * MINUTE_MS),
        resources=8,
        share=0.9,
    )


def feedback(effective: float, incident: str = "i-1") -> Feedback:
    return Feedback(incident, "false_positive", (), round(effective * MINUTE_MS), "ann")
