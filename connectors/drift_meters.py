"""Whether services stand where they stood, for Prometheus."""

from collections.abc import Sequence
from typing import get_args, get_type_hints

from prometheus_client import CollectorRegistry, Counter, Gauge

from schema import DriftStanding

STATES: tuple[str, ...] = get_args(get_type_hints(DriftStanding)["state"])


class DriftMeters:
    """The numbers of the process whose worker judges drift. Memory: some numbers a service."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, words: str, *labels: str) -> Gauge:
            return Gauge(f"foreshock_{name}", words, ("service", *labels), registry=registry)

        self._state = gauge("drift_state", "1 for the state that the service is in", "state")
        self._since = gauge("drift_since_timestamp_seconds", "Since when it is; 0: steady")
        self._window = gauge("drift_window", "Counts in the window that ADWIN keeps")
        self._share = gauge("drift_odd_ratio", "Mean share of its resources odd in that window")
        self._last = gauge("drift_last_timestamp_seconds", "Last drift decided; 0: none")
        self._drifts = Counter("foreshock_drifts", "Drifts told", ("service",), registry=registry)
        self._told: dict[str, int] = {}

    def take(self, words: Sequence[DriftStanding]) -> None:
        """Show what is so now."""
        for word in words:
            service = word.service
            for state in STATES:
                self._state.labels(service, state).set(state == word.state)
            self._since.labels(service).set((word.since_ms or 0) / 1000)
            self._window.labels(service).set(word.window)
            self._share.labels(service).set(word.share)
            found_ms = 0 if word.last is None else word.last.found_ms
            self._last.labels(service).set(found_ms / 1000)
            self._drifts.labels(service).inc(max(word.drifts - self._told.get(service, 0), 0))
            self._told[service] = word.drifts
