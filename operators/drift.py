"""A service that has come to another level, and stays there: told once, as no one's page.

The batch forest knows the past, the half-space trees follow the present. What is odd to the first
alone, at most of a service's resources and for long, is no fault of theirs: the service has
drifted. ADWIN says whether that share has risen from what it was for days, so that a service that
was always odd is not taken for one that drifts.
"""

import hashlib
import math

import bytewax.operators as op
import msgspec
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from models.adwin import Adwin, AdwinSettings
from operators.barrier import Barrier
from operators.drift_course import ADWIN_RANGE, Course
from operators.layout import Knobs
from operators.standing import WINDOW_MS
from schema import Closed, Drift, DriftStanding, Pulse

KEY = "drift"
Judged = tuple[int, tuple[Drift, ...]]
"""The frontier, event time before which all is judged, and the drifts that the way to it showed."""
Said = Judged | DriftStanding

MAX_S = 2_592_000.0  # 30 days


class DriftSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `drift`. Times are seconds of event time."""

    enabled: bool = True
    pulse_s: float = 300.0  # windows in which a service's odd resources are counted
    surprise: float = 2.0  # decades from which a row is odd to a forest
    share: float = 0.6  # of the service's resources that must be odd to the batch forest
    trees_share: float = 0.5  # of these that may be odd to the half-space trees too, in the end
    least: int = 4  # resources that a service must have
    for_s: float = 1_800.0  # how long they must stay so
    calm_s: float = 3_600.0  # below half of `share` for as long: over, and the next one counts
    accept_after_s: float = 900.0  # from the decision until the new level is the normal one
    retrain_s: float = 21_600.0  # from the decision until a model of the new level must be there
    adwin: AdwinSettings = AdwinSettings(delta=0.05, clock=1, min_window=2, grace=12)

    def __post_init__(self) -> None:
        for name in ("pulse_s", "for_s", "calm_s", "accept_after_s", "retrain_s"):
            value = getattr(self, name)
            if not 0 < value <= MAX_S:
                raise ValueError(f"{name} must be in (0, {MAX_S}] s, got {value!r}")
        for name in ("share", "trees_share"):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise ValueError(f"{name} must be in (0, 1], got {value!r}")
        if not 0 < self.surprise <= 16:
            raise ValueError(f"surprise must be in (0, 16], got {self.surprise!r}")
        if self.least < 1:
            raise ValueError(f"least must be at least 1, got {self.least!r}")
        if not self.accept_after_s < self.retrain_s:
            raise ValueError(
                "accept_after_s must be below retrain_s, "
                f"got {(self.accept_after_s, self.retrain_s)!r}"
            )

    def accept_after_ms(self, tick_s: int) -> int:
        """Return `accept_after_s`, at least a tick: the word must be there by then."""
        return max(round(self.accept_after_s * 1000), tick_s * 1000)

    def laid_over(self, knobs: Knobs, tick_s: float) -> Knobs:
        """Return the pass's knobs with those of the pulses, which are whole ticks long."""
        if not self.enabled:
            return knobs
        ticks = max(1.0, math.floor(self.pulse_s / tick_s))
        return knobs._replace(pulse_ticks=ticks, pulse_high=self.surprise)


class Counts(msgspec.Struct, array_like=True):
    """A window of a service, from all key groups together."""

    scored: int = 0
    high: int = 0
    both: int = 0

    def add(self, pulse: Pulse) -> None:
        """Add a group's part."""
        self.scored += pulse.scored
        self.high += pulse.high
        self.both += pulse.both


class DriftState(msgspec.Struct, tag="drift.v1"):
    """All that the step holds. The tag is the snapshot's version.

    Memory: the windows between the slowest and the fastest group, and some hundred numbers a
    service.
    """

    barrier: Barrier
    courses: dict[str, Course] = {}
    waiting: dict[int, dict[str, Counts]] = {}  # windows by start, then service


class Drifts:
    """The rule with its state. Knows no I/O, clock or Bytewax."""

    def __init__(
        self, settings: DriftSettings, groups: int, tick_s: int, resume: bytes | None = None
    ) -> None:
        """Start empty, or go on from a snapshot.

        Raises: msgspec.ValidationError for a snapshot of another version, ValueError for one of
        another number of groups.
        """
        self._settings = settings
        self._tick_s = tick_s
        self._pulse_ms = max(1, math.floor(settings.pulse_s / tick_s)) * tick_s * 1000
        if resume is None:
            self._state = DriftState(Barrier.of(groups))
        else:
            self._state = msgspec.msgpack.decode(resume, type=DriftState)
        held = len(self._state.barrier.until_ms)
        if held != groups:
            raise ValueError(f"groups must be {held} as in the recovery store, got {groups!r}")

    def step(self, closed: Closed) -> Judged | None:
        """Take one group's word; return how far all is judged now, None where that stands."""
        for pulse in closed.pulses:
            window = self._state.waiting.setdefault(pulse.start_ms, {})
            window.setdefault(pulse.service, Counts()).add(pulse)
        ready = self._state.barrier.admit(closed)
        if ready is None:
            return None
        found: list[Drift] = []
        over = [at for at in self._state.waiting if at + self._pulse_ms <= ready.frontier_ms]
        for start_ms in sorted(over):
            for service, counts in sorted(self._state.waiting.pop(start_ms).items()):
                drift = self._judge(service, start_ms, counts)
                found += [] if drift is None else [drift]
        return ready.frontier_ms, tuple(found)

    def standings(self) -> tuple[DriftStanding, ...]:
        """Return how each service stands, by name."""
        now_ms = self._state.barrier.frontier_ms or 0
        courses = sorted(self._state.courses.items())
        return tuple(course.standing(service, now_ms) for service, course in courses)

    def snapshot(self) -> bytes:
        """Return the whole state, from which a new one goes on as this one would."""
        return msgspec.msgpack.encode(self._state)

    def _judge(self, service: str, start_ms: int, counts: Counts) -> Drift | None:
        """Take a service's next window; return the drift that it decides, if it does."""
        settings = self._settings
        course = self._state.courses.setdefault(service, Course())
        now_ms = start_ms + self._pulse_ms
        share = counts.high / counts.scored
        window = Adwin(settings.adwin, course.odd)
        before = window.mean
        if window.update(share / ADWIN_RANGE) and before is not None:
            course.changed_ms = now_ms if share / ADWIN_RANGE > before else None
        course.odd = window.state
        if course.lasting:
            self._see_out(course, share, start_ms, now_ms)
            return None
        if counts.scored < settings.least or share < settings.share:
            course.since_ms = None
            return None
        if course.since_ms is None:
            course.since_ms = start_ms
        since_ms = course.since_ms
        if now_ms - since_ms < settings.for_s * 1000 or not self._is_new_normal(course, counts):
            return None
        course.lasting, course.calm_ms, course.since_ms = True, None, None
        course.drifts += 1
        course.last = self._drift(service, since_ms, now_ms, counts)
        return course.last

    def _is_new_normal(self, course: Course, counts: Counts) -> bool:
        """Whether the share has risen for good, and the trees find normal again what it is of."""
        has_risen = course.changed_ms is not None
        return has_risen and counts.both <= self._settings.trees_share * counts.high

    def _see_out(self, course: Course, share: float, start_ms: int, now_ms: int) -> None:
        """End a drift that was told once the service has been calm for long enough."""
        if share > self._settings.share / 2:
            course.calm_ms = None
            return
        course.calm_ms = start_ms if course.calm_ms is None else course.calm_ms
        course.lasting = now_ms - course.calm_ms < self._settings.calm_s * 1000

    def _drift(self, service: str, since_ms: int, now_ms: int, counts: Counts) -> Drift:
        name = hashlib.blake2b(f"{service}@{now_ms}".encode(), digest_size=8).hexdigest()
        return Drift(
            id=f"drift-{name}",
            service=service,
            since_ms=since_ms,
            found_ms=now_ms,
            effective_ms=now_ms + self._settings.accept_after_ms(self._tick_s),
            retrain_by_ms=now_ms + round(self._settings.retrain_s * 1000),
            resources=counts.high,
            share=round(counts.high / counts.scored, 4),
        )


class _DriftLogic(StatefulBatchLogic[Closed, Said, bytes]):
    def __init__(
        self, settings: DriftSettings, groups: int, tick_s: int, resume: bytes | None
    ) -> None:
        self._drifts = Drifts(settings, groups, tick_s, resume)
        self._said = 0  # window of event time in which it last said how all stand

    def on_batch(self, values: list[Closed]) -> tuple[list[Said], bool]:
        out: list[Said] = []
        for closed in values:
            judged = self._drifts.step(closed)
            if judged is None:
                continue
            out.append(judged)
            frontier_ms, found = judged
            window = frontier_ms // WINDOW_MS
            if found or closed.final or window > self._said:
                self._said = window
                out += self._drifts.standings()
        return out, self.RETAIN

    def snapshot(self) -> bytes:
        return self._drifts.snapshot()


@operator
def find_drifts(
    step_id: str, up: KeyedStream[Closed], settings: DriftSettings, groups: int, tick_s: int
) -> KeyedStream[Said]:
    """Find services that have come to another level and stay there; the key is always `KEY`.

    A `Judged` comes whenever the frontier moves, mostly without a drift; how the services stand
    after each drift and at the end, else once in ten minutes of event time and after a start.
    Order: a window is judged when all `groups` have closed past it, services by name, so neither
    arrival nor batching changes what comes out.
    Memory: see `DriftState`; on one worker, since it is one key.
    Raises: ValueError where a group breaks its word or the number of groups has changed.
    """
    words = op.map(
        "to_one_key",
        up,
        lambda item: (KEY, msgspec.structs.replace(item[1], anomalies=(), commands=())),
    )
    return op.stateful_batch(
        "drifts", words, lambda resume: _DriftLogic(settings, groups, tick_s, resume)
    )
