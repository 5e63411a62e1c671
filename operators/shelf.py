"""The registry's models as a flow takes them up: by service, each from its effective time on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from models.flat_forest import FlatForest
from operators.layout import FEATURES
from schema import F64


@dataclass(frozen=True, slots=True)
class ServiceModel:
    """A trained model of one service: what the registry's arrays become."""

    version: str
    names: tuple[str, ...]  # of the feature columns, five a metric
    forest: FlatForest
    tails: F64  # (detectors, 3), learned on held-back rows; count 0: not learned there

    @property
    def columns(self) -> dict[str, int]:
        """Metric to the block of columns that is its."""
        return {name.rpartition(":")[0]: i for i, name in enumerate(self.names[::FEATURES])}


class Serving(NamedTuple):
    """A version, and from when it serves. One that came back later has another."""

    effective_ms: int  # event time
    version: str


Loader = Callable[[str, str], ServiceModel | None]
"""Returns a service's version; None where it is refused, which the loader has then said.

The same answer each time: all cohorts of a flow keep or change their model alike.
"""


def _refuse_all(_service: str, _version: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Shelf:
    """What served, serves or is to serve of each service, in order; known when a flow starts."""

    servings: Mapping[str, tuple[Serving, ...]] = field(default_factory=dict)  # by service
    load: Loader = _refuse_all


EMPTY_SHELF = Shelf()


class Queue:
    """The models that a cohort is still to take up, in order of their times.

    `passed_ms` is the effective time of the last one that was taken or refused: an older one that
    comes up is one too late.
    """

    def __init__(self, servings: tuple[Serving, ...], tick_ms: int) -> None:
        self._tick_ms = tick_ms
        self._waiting: list[Serving] = []
        self.passed_ms: int | None = None
        for serving in servings:
            self.add(serving)

    def add(self, serving: Serving) -> None:
        """Put a model in; of two from the same time on the later added one serves."""
        if self.passed_ms is not None and serving.effective_ms <= self.passed_ms:
            return
        others = [each for each in self._waiting if each.effective_ms != serving.effective_ms]
        self._waiting = sorted([*others, serving])

    @property
    def next_tick(self) -> int | None:
        """The tick before which the next one is taken up: the first at or after its time."""
        return self._tick_of(self._waiting[0]) if self._waiting else None

    def take(self, tick: int) -> list[Serving]:
        """Take out those due before `tick`; return them, the one that serves last first."""
        due = [serving for serving in self._waiting if self._tick_of(serving) <= tick]
        if due:
            self.passed_ms = due[-1].effective_ms
            self._waiting = self._waiting[len(due) :]
        return due[::-1]

    def resume(self, passed_ms: int | None) -> None:
        """Go on where a snapshot was made."""
        self.passed_ms = passed_ms
        if passed_ms is not None:
            self._waiting = [each for each in self._waiting if each.effective_ms > passed_ms]

    def _tick_of(self, serving: Serving) -> int:
        return -(-serving.effective_ms // self._tick_ms)
