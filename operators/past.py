"""What triage remembers of effects: enough to judge what began before an alert did."""

from collections.abc import Iterable, Iterator

import msgspec

from schema import Effect, Felt, Labels, Resource

SWEEP = 32  # ticks between sweeps through all that is held


class Point(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One effect, without what it shares with the others of its series."""

    tick_ms: int
    value: float
    expected: float
    lower: float
    upper: float
    strength: float
    onset_ms: int
    requests: float | None


class Trace(msgspec.Struct, array_like=True, gc=False):
    """The effects of one series, oldest first."""

    metric: str
    labels: Labels
    unit: str
    felt: Felt
    load: bool
    points: list[Point] = []


class Held(msgspec.Struct, array_like=True, gc=False):
    """The effects of one resource."""

    resource: Resource
    traces: list[Trace] = []


class Past(msgspec.Struct):
    """The effects of the last while, by resource.

    Memory: at most `most` points; where there would be more, the while gets shorter.
    """

    held: dict[str, Held] = {}  # by resource key
    names: dict[str, list[str]] = {}  # name, uid or key -> keys, in the order in which they came
    points: int = 0
    since_ms: int = 0  # all effects from here on are held
    ticks: int = 0  # since the last sweep

    def take(self, effects: Iterable[Effect], now_ms: int, keep_ms: int, most: int) -> None:
        """Take in the effects of one tick; forget those older than `keep_ms`."""
        for effect in effects:
            key = effect.resource.key
            held = self.held.get(key)
            if held is None:
                held = self.held[key] = Held(effect.resource)
                for name in _names(effect.resource):
                    self.names.setdefault(name, []).append(key)
            held.resource = effect.resource
            _trace(held, effect).points.append(
                Point(
                    effect.tick_ms,
                    effect.value,
                    effect.expected,
                    effect.lower,
                    effect.upper,
                    effect.strength,
                    effect.onset_ms,
                    effect.requests,
                )
            )
            self.points += 1
        self.ticks += 1
        if self.points > most:
            kept = now_ms - max(self.since_ms, now_ms - keep_ms)
            self._forget(now_ms - kept // 2)
        elif self.ticks >= SWEEP:
            self._forget(now_ms - keep_ms)

    def of(self, name: str) -> Iterator[Held]:
        """Yield the resources that a node of the topology can be."""
        for key in self.names.get(name, ()):
            yield self.held[key]

    def _forget(self, before_ms: int) -> None:
        """Forget what is older; what has nothing left is forgotten whole."""
        self.ticks, self.points = 0, 0
        self.since_ms = max(self.since_ms, before_ms)
        for key, held in list(self.held.items()):
            for trace in held.traces:
                trace.points = [point for point in trace.points if point.tick_ms >= before_ms]
                self.points += len(trace.points)
            held.traces = [trace for trace in held.traces if trace.points]
            if not held.traces:
                del self.held[key]
                for name in _names(held.resource):
                    self.names[name].remove(key)
                    if not self.names[name]:
                        del self.names[name]


def _names(resource: Resource) -> set[str]:
    return {resource.name, resource.uid, resource.key} - {""}


def _trace(held: Held, effect: Effect) -> Trace:
    for trace in held.traces:
        if trace.metric == effect.metric and trace.labels == effect.labels:
            return trace
    trace = Trace(effect.metric, effect.labels, effect.unit, effect.felt, effect.load)
    held.traces.append(trace)
    return trace
