"""What becomes of callbacks, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter

from connectors.callbacks.callback import Via


class CallbackMeters:
    """The numbers of a process that listens. Memory: a number a provider and outcome."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._taken = Counter(
            "foreshock_callbacks",
            "What people asked for from where they were told, by what came of it",
            ["provider", "outcome"],
            registry=self.registry,
        )

    def took(self, via: Via, outcome: str) -> None:
        """Count a request by what came of it: a status of `flows.callbacks`, or a reason."""
        self._taken.labels(via, outcome).inc()
