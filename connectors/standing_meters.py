"""How detection stands, by service and detector, for Prometheus."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge

from schema import Closed, DetectorStanding, Standing


class StandingMeters:
    """The numbers of a process's key groups. Memory: some dozens a service and group."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(f"foreshock_{name}", words, ("service", *labels), registry=registry)

        def gauge(name: str, words: str, *labels: str) -> Gauge:
            return Gauge(f"foreshock_{name}", words, ("service", *labels), registry=registry)

        self._scored = counter("rows_scored", "Rows scored, a resource at a tick")
        self._anomalous = counter("rows_anomalous", "Rows scored at or above the threshold")
        self._scores = counter("scores", "Rows by fused score, up to a bound", "up_to")
        self._judged = counter("detector_rows", "Rows that a detector judged", "detector")
        self._surprise = counter("detector_surprise", "Sum of a detector's surprises", "detector")
        self._odd = counter(
            "detector_anomalous", "Rows that a detector alone found odd enough", "detector"
        )
        self._own_scores = counter(
            "detector_scores", "Rows by a detector's surprise, up to a bound", "detector", "up_to"
        )
        self._resources = gauge("resources", "Resources that are followed")
        self._warming = gauge("resources_warming", "Resources that have no full score yet")
        self._warm = gauge("warm_timestamp_seconds", "When about the last will have; 0: all have")
        self._model = gauge("model_info", "Model of the registry in use", "version")
        self._last: dict[tuple[str, int], Standing] = {}

    def take(self, words: Sequence[Closed]) -> None:
        """Count on to what key groups have come to."""
        for word in words:
            for now in word.standings:
                before = self._last.get((now.service, word.group))
                self._last[now.service, word.group] = now
                self._count(now, before)
                self._show(now.service, "" if before is None else before.version)

    def _count(self, now: Standing, before: Standing | None) -> None:
        """Add what came since; a group that began anew, after a restart, counts from there."""
        if before is None or before.scored > now.scored:
            before = Standing(now.service, "", 0, 0, 0, 0, 0, (), ())
        self._scored.labels(now.service).inc(now.scored - before.scored)
        self._anomalous.labels(now.service).inc(max(now.anomalous - before.anomalous, 0))
        held = dict(before.scores)
        for bound, rows in now.scores:
            more = max(rows - held.get(bound, 0), 0)
            self._scores.labels(now.service, bound).inc(more)
        known = {each.name: each for each in before.detectors}
        for each in now.detectors:
            held_by_it = known.get(each.name, DetectorStanding(each.name, 0, 0.0))
            self._count_detector(now.service, each, held_by_it)

    def _count_detector(
        self, service: str, now: DetectorStanding, before: DetectorStanding
    ) -> None:
        name = now.name
        self._judged.labels(service, name).inc(max(now.rows - before.rows, 0))
        self._surprise.labels(service, name).inc(max(now.surprise - before.surprise, 0.0))
        self._odd.labels(service, name).inc(max(now.anomalous - before.anomalous, 0))
        held = dict(before.scores)
        for bound, rows in now.scores:
            more = max(rows - held.get(bound, 0), 0)
            self._own_scores.labels(service, name, bound).inc(more)

    def _show(self, service: str, version_before: str) -> None:
        """Set what is so now, over the groups of this process."""
        held = [each for (name, _), each in self._last.items() if name == service]
        self._resources.labels(service).set(sum(each.resources for each in held))
        self._warming.labels(service).set(sum(each.warming for each in held))
        self._warm.labels(service).set(max(each.warm_ms for each in held) / 1000)
        versions = {each.version for each in held}
        if version_before and version_before not in versions:
            self._model.remove(service, version_before)
        for version in versions - {""}:
            self._model.labels(service, version).set(1)
