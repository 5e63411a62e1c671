"""What people said of incidents, by service and detector, for Prometheus."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter

from schema import Transition


class FeedbackMeters:
    """Counts words, one that takes back another too; the incident store knows the last alone."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(f"foreshock_{name}", words, labels, registry=registry)

        self._words = counter("feedback", "Words on incidents", "service", "verdict")
        self._by_detector = counter(
            "detector_feedback",
            "The same, for each detector that found a member",
            *("service", "detector", "verdict"),
        )

    def take(self, events: Sequence[Transition]) -> None:
        """Count the words among events."""
        for event in events:
            if event.event != "judged":
                continue
            incident = event.incident
            for service in sorted({m.resource.service for m in incident.members}):
                self._words.labels(service, incident.verdict).inc()
            for service, detector in sorted(
                {(m.resource.service, name) for m in incident.members for name in m.detectors}
            ):
                self._by_detector.labels(service, detector, incident.verdict).inc()
