"""Cut incident events into windows by service and team, and let every model judge each window.

The key of the flow is a group of services and teams. A batch brings events and how far time has
come in all of the input; what ends before that is closed, for every service and team, in the order
of their names, so that nothing depends on how the input was cut into batches.
"""

import bisect
from collections.abc import Sequence

import bytewax.operators as op
import msgspec
import numpy as np
import numpy.typing as npt
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from operators.review_counts import WIDTH, count
from operators.review_features import DAYS, FEATURES, features
from operators.review_judge import Judge, Judgement, Key, Past, Row
from operators.review_settings import ReviewSettings
from schema import (
    F64,
    AnomalyRecord,
    IncidentEvent,
    LateEvent,
    ModelFailure,
    ModelRecord,
    ReviewBatch,
    stable_id,
)

GROUPS = tuple(f"review-{number:02d}" for number in range(16))
OTHERS = Key("(others)", "(others)")  # that came when there were too many to keep apart
VERSION = b"review.v1\n"  # leads a snapshot
Told = AnomalyRecord | ModelFailure | LateEvent


class Window(msgspec.Struct):
    """One that is still open."""

    counts: bytes  # (WIDTH,) float64
    incidents: list[tuple[int, str]] = []  # time and id, the first of them
    services: list[str] = []


class Course(msgspec.Struct):
    """All that is known of one service and team."""

    next: int  # number of the window that is closed next
    counts: bytes = b""  # (n, WIDTH) float32 of the windows before it
    incidents: list[tuple[str, ...]] = []  # that opened in the last of them
    open: dict[int, Window] = {}
    windows: list[int] = []  # numbers of those whose features are kept
    rows: bytes = b""  # (n, FEATURES) float64
    judgements: dict[str, Judgement] = {}  # by model


class Group(msgspec.Struct):
    """The state of a group."""

    closed_ms: int | None = None  # how far time has come
    courses: dict[str, dict[str, Course]] = {}  # by service and team


class Reviewer:
    """The rule. Knows no I/O, clock or Bytewax."""

    def __init__(self, settings: ReviewSettings, models: Sequence[ModelRecord]) -> None:
        self._settings = settings
        self._judges = {model.id: Judge(model, settings) for model in models}
        self._kept_rows = max((judge.kept_rows for judge in self._judges.values()), default=1)
        self._kept_counts = settings.windows(settings.baseline_days) + settings.windows(max(DAYS))
        self._kept_incidents = settings.windows(max(DAYS))
        self._most_keys = max(1, settings.max_keys // len(GROUPS))

    def step(self, group: Group, batch: ReviewBatch) -> list[Told]:
        """Take events in, then close what is over; return what is to be told."""
        out: list[Told] = []
        for event in batch.events:
            at = event.ts_ms // self._settings.window_ms
            if (
                group.closed_ms is not None
                and (at + 1) * self._settings.window_ms <= group.closed_ms
            ):
                out.append(LateEvent(event, group.closed_ms))
                continue
            self._take(self._course(group, event, at), event, at)
        if group.closed_ms is None or batch.watermark_ms > group.closed_ms:
            group.closed_ms = batch.watermark_ms
        until = group.closed_ms // self._settings.window_ms  # number of the first that is not over
        for service in sorted(group.courses):
            for team in sorted(group.courses[service]):
                out += self._pass(group, Key(service, team), until)
        return out

    def _pass(self, group: Group, key: Key, until: int) -> list[Told]:
        """Close a course's windows up to one; forget it if nothing has happened for long."""
        teams = group.courses[key.service]
        course = teams[key.team]
        if course.next >= until:
            return []
        out: list[Told] = []
        while course.next < until:
            out += self._close(key, course)
        if not course.open and not np.frombuffer(course.counts, np.float32).any():
            del teams[key.team]
            if not teams:
                del group.courses[key.service]
        return out

    def _course(self, group: Group, event: IncidentEvent, at: int) -> Course:
        key = Key(event.service, event.team)
        known = group.courses.get(key.service, {}).get(key.team)
        if known is None:
            if sum(map(len, group.courses.values())) >= self._most_keys:
                key = OTHERS
            teams = group.courses.setdefault(key.service, {})
            known = teams.setdefault(key.team, Course(next=at))
        known.next = min(known.next, at) if not known.counts else known.next
        return known

    def _take(self, course: Course, event: IncidentEvent, at: int) -> None:
        window = course.open.get(at)
        if window is None:
            window = course.open[at] = Window(np.zeros(WIDTH).tobytes())
        counts = np.frombuffer(window.counts).copy()
        count(counts, event)
        window.counts = counts.tobytes()
        if event.step == "opened":
            bisect.insort(window.incidents, (event.ts_ms, event.incident))
            del window.incidents[self._settings.max_incidents :]
            named = {*window.services, *event.services} or {event.service}
            window.services = sorted(named)[: self._settings.max_incidents]

    def _close(self, key: Key, course: Course) -> list[Told]:
        at = course.next
        window = course.open.pop(at, None) or Window(np.zeros(WIDTH).tobytes())
        last = np.frombuffer(window.counts).astype(np.float32)
        before = np.frombuffer(course.counts, np.float32).reshape(-1, WIDTH)
        counts = np.concatenate((before, last[np.newaxis]))[-self._kept_counts :]
        course.counts = counts.tobytes()
        kept = (*course.incidents, tuple(name for _, name in window.incidents))
        course.incidents = list(kept[-self._kept_incidents :])
        course.next = at + 1
        readings = features(counts.astype(np.float64), at, self._settings)
        past = Past(course.windows, _rows(course.rows))
        out: list[Told] = []
        if self._is_warm(counts):
            row = Row(at, readings, course.incidents, tuple(window.services))
            for judge in self._judges.values():
                out += self._judged(judge, key, past, row, course)
        offs = np.array([[each.off for each in readings]])
        if not np.isnan(offs).all():
            course.windows = [*course.windows, at][-self._kept_rows :]
            course.rows = np.concatenate((past.rows, offs))[-self._kept_rows :].tobytes()
        return out

    def _is_warm(self, counts: npt.NDArray[np.float32]) -> bool:
        return len(counts) > self._settings.windows(self._settings.warm_days)

    def _judged(
        self, judge: Judge, key: Key, past: Past, row: Row, course: Course
    ) -> Sequence[Told]:
        """Let a model judge; one that fails is told of, once an error, and stops no other."""
        name = judge.model.id
        state = course.judgements.setdefault(name, judge.start())
        try:
            found = judge.judge(key, past, row, state)
        except Exception as ex:  # noqa: BLE001  # of a model: told, and the others go on
            error = f"{type(ex).__name__}: {ex}"
            if error == state.error:
                return []
            state.error = error
            end_ms = (row.window + 1) * self._settings.window_ms
            return [ModelFailure(name, key.service, key.team, end_ms, error)]
        state.error = ""
        return found


def group_of(event: IncidentEvent) -> str:
    """Return the group of an event's service and team."""
    return GROUPS[stable_id(f"{event.service}\n{event.team}") % len(GROUPS)]


def spread(batch: ReviewBatch) -> list[tuple[str, ReviewBatch]]:
    """Return each group's part of a batch: its events, and how far time has come."""
    parts: dict[str, list[IncidentEvent]] = {name: [] for name in GROUPS}
    for event in batch.events:
        parts[group_of(event)].append(event)
    return [
        (name, ReviewBatch(tuple(events), batch.watermark_ms)) for name, events in parts.items()
    ]


def _rows(kept: bytes) -> F64:
    return np.frombuffer(kept).reshape(-1, len(FEATURES))


class _ReviewLogic(StatefulBatchLogic[ReviewBatch, Told, bytes]):
    def __init__(
        self, settings: ReviewSettings, models: Sequence[ModelRecord], resume: bytes | None
    ) -> None:
        self._rule = Reviewer(settings, models)
        self._state = Group() if resume is None else read_group(resume)

    def on_batch(self, values: list[ReviewBatch]) -> tuple[list[Told], bool]:
        out: list[Told] = []
        for batch in values:
            out += self._rule.step(self._state, batch)
        return out, self.RETAIN

    def snapshot(self) -> bytes:
        return VERSION + msgspec.msgpack.encode(self._state)


def read_group(resume: bytes) -> Group:
    """Return a group of its snapshot; ValueError where it is of another version."""
    if not resume.startswith(VERSION):
        raise ValueError(f"a snapshot of the review must begin with {VERSION!r}")
    return msgspec.msgpack.decode(resume[len(VERSION) :], type=Group)


@operator
def review_incidents(
    step_id: str,
    up: KeyedStream[ReviewBatch],
    settings: ReviewSettings,
    models: Sequence[ModelRecord],
) -> KeyedStream[Told]:
    """Judge the windows of each service and team of a group, as `spread` has parted them.

    Order: batches of a group in the order of their watermarks; events within an open window in any.
    Memory: about 150 kB a service and team at the default settings; one that has had no incident
    for as long as windows are compared with is forgotten, and `max_keys` bounds how many there are.
    Raises: ValueError on resume from a snapshot of another version.
    """
    return op.stateful_batch("judge", up, lambda resume: _ReviewLogic(settings, models, resume))
