"""What comes of samples: alerts, incidents, and what the limits refused."""

import logging
import time
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge

from schema import Closed, Transition

_log = logging.getLogger(__name__)

MAX_ACCOUNTS = 100  # that have a series of their own
OTHERS = "(others)"
SAY_EVERY_S = 600.0  # a limit of an account


class OutcomeMeters:
    """The outcomes of one process. Memory: a number an account and limit, for 100 accounts."""

    def __init__(
        self, registry: CollectorRegistry, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(f"foreshock_{name}", words, labels, registry=registry)

        self._anomalies = counter("anomalies", "Alerts that opened", "service", "kind")
        self._events = counter("incident_events", "Events of incidents", "event", "severity")
        self._refused = counter("limit_names", "Names that a limit refused", "limit", "account")
        self._over = counter("limit_samples", "Samples of names that a limit refused")
        self._forgotten = counter("limit_forgotten", "Resources forgotten to make room")
        self._closed = Gauge(
            "foreshock_closed_timestamp_seconds",
            "Event time that the slowest key group of the process has closed, since 1970",
            registry=registry,
        )
        self._until_ms: dict[int, int] = {}  # by key group
        self._monotonic = monotonic
        self._said_s: dict[tuple[str, str], float] = {}

    def closed(self, words: Sequence[Closed]) -> None:
        """Count what key groups say when they close ticks."""
        for word in words:
            self._until_ms[word.group] = word.until_ms
            for anomaly in word.anomalies:
                if anomaly.edge == "open":
                    self._anomalies.labels(anomaly.resource.service, anomaly.kind).inc()
            self._over.inc(word.over)
            self._forgotten.inc(word.forgotten)
            for account, limit, names in word.refused:
                self._refuse(account, limit, names)
        if self._until_ms:
            self._closed.set(min(self._until_ms.values()) / 1000)

    def transitions(self, found: Sequence[Transition]) -> None:
        """Count incident events."""
        for each in found:
            self._events.labels(each.event, each.incident.severity.name).inc()

    def _refuse(self, account: str, limit: str, names: int) -> None:
        known = {known for known, _ in self._said_s}
        if account not in known and len(known) >= MAX_ACCOUNTS:
            account = OTHERS
        self._refused.labels(limit, account).inc(names)
        now_s = self._monotonic()
        if now_s - self._said_s.get((account, limit), -SAY_EVERY_S) >= SAY_EVERY_S:
            self._said_s[account, limit] = now_s
            _log.warning("limits.%s reached by account %r: new names are refused", limit, account)
