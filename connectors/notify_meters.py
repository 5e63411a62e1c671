"""What becomes of messages, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from schema import Notice

# seconds from a decision to the provider's answer: a second or two is usual, hours an outage
LATENCIES_S = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1_800.0, 7_200.0, 21_600.0)


class NotifyMeters:
    """The numbers of a process that notifies. Memory: some numbers a channel."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(f"foreshock_notify_{name}", words, labels, registry=self.registry)

        def gauge(name: str, words: str, *labels: str) -> Gauge:
            return Gauge(f"foreshock_notify_{name}", words, labels, registry=self.registry)

        self.sent = counter("sent", "Messages that a channel has taken", "channel", "kind")
        self.retried = counter("retried", "Attempts that failed and are made again", "channel")
        self.failed = counter("failed", "Messages given up: dead letters", "channel")
        self.dropped = counter("dropped", "Messages that were not needed any more", "channel")
        self.held = counter("held", "Messages kept from a channel by a rule", "channel")
        self.waiting = gauge("waiting", "Messages that are due and not sent yet", "channel")
        self.closed = gauge("channel_closed", "1 while a failing channel is left alone", "channel")
        self.latency = Histogram(
            "foreshock_notify_latency_seconds",
            "From the decision to the channel's answer",
            ["channel"],
            buckets=LATENCIES_S,
            registry=self.registry,
        )
        self.store_up = gauge("store_up", "Whether the database answers, 1 or 0")
        self.store_up.set(1)
        self.decided = gauge("decided_timestamp_seconds", "When time was last let pass, since 1970")
        self.starts = counter("restarts", "Times that `foreshock run` had to start it again")
        self._failed_templates = counter(
            "template_failures", "Templates that gave way to the shipped ones", "template"
        )
        ProcessCollector(registry=self.registry)

    def open(self, channel: str) -> None:
        """Show a channel of which nothing is to be told yet."""
        for each in (self.retried, self.failed, self.dropped, self.held, self.latency):
            each.labels(channel)
        self.waiting.labels(channel).set(0)
        self.closed.labels(channel).set(0)

    def template_failed(self, name: str) -> None:
        """Count a template of one's own that could not be rendered."""
        self._failed_templates.labels(name).inc()

    def took(self, notice: Notice, now_ms: int) -> None:
        """Count a message that was sent."""
        self.sent.labels(notice.channel, notice.kind).inc()
        waited_s = max(now_ms - notice.decided_ms, 0) / 1000
        self.latency.labels(notice.channel).observe(waited_s)
