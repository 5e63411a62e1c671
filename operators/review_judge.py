"""One model judges the windows of one service and team, and makes records of what is odd.

A window is scored by a detector that was fitted on windows before it, and how rare the score is
says the tail of the scores that came before it: there is no look-ahead. Windows that were odd are
not learned from, unless it stays so for long: then it is the new normal.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from models.calibration import EXCESS, QUANTILE, WIDTH, learn_tail, surprise
from models.incident_detectors import AnyIncidentDetector, create_incident_detector
from models.incident_table import TIMESTAMP, Column
from operators.review_features import DAYS, FEATURES, Reading
from operators.review_settings import ReviewSettings
from operators.review_words import described
from schema import F64, UNKNOWN, AnomalyRecord, ModelRecord, RecordMetadata

MEMORY_ROWS = 2_000.0  # scores after which the past fades
FEWEST_ROWS = 20  # windows that a detector is fitted on, at least
NEW_NORMAL = 60  # odd windows in a row, after which they are learned
MAX_METRICS = 3


class Key(NamedTuple):
    """Whose incidents they are."""

    service: str
    team: str


class Row(NamedTuple):
    """A window's features, and what it was made of."""

    window: int  # its number since 1970
    readings: Sequence[Reading]
    incidents: Sequence[tuple[str, ...]]  # ids that opened, of the last windows, this one last
    services: tuple[str, ...]  # that these hit


class Episode(msgspec.Struct, frozen=True):
    """Something strange that may go on."""

    record: AnomalyRecord
    window: int  # in which it was seen last


class Judgement(msgspec.Struct):
    """What a model knows of a service and team beside its windows."""

    tail: list[float]
    episodes: dict[str, Episode] = {}  # by measure
    waiting: list[tuple[int, float]] = []  # scores that are learned when nothing comes of them
    left_out: list[int] = []  # numbers of windows that are not learned from
    odd_in_a_row: int = 0
    error: str = ""  # that was told last


class Past(NamedTuple):
    """Windows that were judged before, oldest first."""

    windows: Sequence[int]
    rows: F64  # (n, FEATURES) deviations; NaN: nothing known


class Judge:
    """A model at work. Fitted detectors are made anew where they are missing: they hold no state.

    Raises: ValueError for an unknown algorithm, or parameters that are not its own.
    """

    def __init__(self, model: ModelRecord, settings: ReviewSettings) -> None:
        self.model = model
        self._settings = settings
        self._priors = np.zeros(WIDTH)
        priors = settings.priors(model.algorithm)
        self._priors[QUANTILE], self._priors[EXCESS] = priors.quantile, priors.excess
        self._fitted: dict[Key, tuple[int, AnyIncidentDetector]] = {}
        detector = self._new()
        self.refit_rows = detector.refit_rows
        # Features of the last weeks share incidents with the window that is judged.
        self._span = settings.windows(MOST_DAYS)
        self._gap = 0 if detector.by_the_last_rows else self._span
        self.kept_rows = settings.fit_rows + self.refit_rows + self._gap

    def start(self) -> Judgement:
        """Return what is known before the first window."""
        return Judgement(self._priors.tolist())

    def judge(self, key: Key, past: Past, row: Row, state: Judgement) -> list[AnomalyRecord]:
        """Judge a window by those before it, learn its score, and return what is to be told.

        Raises: whatever the model does.
        """
        table = _table(
            [row.window], np.array([[each.off for each in row.readings]]), self._settings
        )
        detector = self._detector(key, past, row.window, state)
        if detector is None:
            return []
        raw = float(detector.get_anomaly_scores(table)[0])
        if math.isnan(raw):
            return []
        prior_rows = self._settings.prior_rows
        score = float(surprise(raw, np.array(state.tail), self._priors, prior_rows))
        is_odd = score >= self._settings.odd
        state.odd_in_a_row = state.odd_in_a_row + 1 if is_odd else 0
        if is_odd and state.odd_in_a_row <= NEW_NORMAL:
            state.left_out.append(row.window)
            state.waiting.clear()  # what led up to it is no measure of what is usual
        else:
            state.waiting.append((row.window, raw))
            self._learn(state, row.window)
        self._forget(state, row.window)
        if not is_odd:
            return []
        return [self._told(key, row, detector, raw, score, state)]

    def _row_table(self, row: Row) -> Mapping[str, Column]:
        offs = np.array([[each.off for each in row.readings]])
        return _table([row.window], offs, self._settings)

    def _new(self) -> AnyIncidentDetector:
        return create_incident_detector(self.model.algorithm, self.model.parameters)

    def _detector(
        self, key: Key, past: Past, window: int, state: Judgement
    ) -> AnyIncidentDetector | None:
        """Return the detector as it was fitted last, which a resumed run does again."""
        fitted_at = window - window % self.refit_rows
        held = self._fitted.get(key)
        if held is not None and held[0] == fitted_at:
            return held[1]
        out = set(state.left_out)
        first = fitted_at - self._settings.fit_rows
        taken = [
            i for i, at in enumerate(past.windows) if first <= at < fitted_at and at not in out
        ]
        if len(taken) < FEWEST_ROWS:
            return None
        rows = past.rows[taken]
        detector = self._new().fit(_table([past.windows[i] for i in taken], rows, self._settings))
        self._fitted[key] = fitted_at, detector
        return detector

    def _learn(self, state: Judgement, window: int) -> None:
        tail = np.array(state.tail)
        while state.waiting and state.waiting[0][0] <= window - self._span:
            learn_tail(tail, state.waiting.pop(0)[1], MEMORY_ROWS)
        state.tail = tail.tolist()

    def _forget(self, state: Judgement, window: int) -> None:
        oldest = window - self.kept_rows
        state.left_out = [each for each in state.left_out if each >= oldest]
        quiet = window - self._settings.windows(self._settings.quiet_days)
        state.episodes = {
            name: each for name, each in state.episodes.items() if each.window >= quiet
        }

    def _told(
        self,
        key: Key,
        row: Row,
        detector: AnyIncidentDetector,
        raw: float,
        score: float,
        state: Judgement,
    ) -> AnomalyRecord:
        """Return the record of an odd window: a new one, or the one that it goes on with."""
        table = _table(
            [row.window], np.array([[each.off for each in row.readings]]), self._settings
        )
        shares = detector.shares(table)[0]
        order = np.argsort(-shares, kind="stable")
        named = [detector.columns[i] for i in order[:MAX_METRICS] if 2 * shares[i] >= shares.max()]
        made = self._record(key, row, named, raw, score)
        measure = _BY_NAME[named[0]][0].measure
        held = state.episodes.get(measure)
        if held is not None:
            made = _grown(held.record, made, self._settings)
        state.episodes[measure] = Episode(made, row.window)
        return made

    def _record(
        self, key: Key, row: Row, named: Sequence[str], raw: float, score: float
    ) -> AnomalyRecord:
        settings, model = self._settings, self.model
        feature, place = _BY_NAME[named[0]]
        span = settings.windows(feature.days)
        end_ms = (row.window + 1) * settings.window_ms
        ids = tuple(name for names in row.incidents[-span:] for name in names)
        return AnomalyRecord(
            id=_record_id(model, key, feature.measure, row.window),
            revision=1,
            model=model.name,
            version=model.version,
            type=create_incident_detector(model.algorithm).kind,
            severity=settings.levels.severity(score),
            confidence=1.0 / (1.0 + math.exp(-settings.steepness * (score - settings.even_at))),
            score=score,
            threshold=settings.odd,
            raw_score=raw,
            raw_confidence=min(max(raw / 10.0, 0.0), 1.0),
            window_start_ms=end_ms - span * settings.window_ms,
            window_end_ms=end_ms,
            service=key.service,
            team=key.team,
            description=described(key.service, key.team, feature, row.readings[place]),
            affected_services=row.services or (UNKNOWN,),
            affected_metrics=tuple(named),
            metadata=RecordMetadata(
                incident_id=ids[0] if ids else "",
                detection_algorithm=model.algorithm,
                time_window_hours=settings.window_hours,
                incidents=ids[-settings.max_incidents :],
            ),
        )


_BY_NAME = {feature.name: (feature, place) for place, feature in enumerate(FEATURES)}
MOST_DAYS = max(DAYS)


def _table(windows: Sequence[int], rows: F64, settings: ReviewSettings) -> Mapping[str, Column]:
    """Return windows as a table, with the time at which each was over."""
    columns: dict[str, Column] = {
        feature.name: rows[:, place] for place, feature in enumerate(FEATURES)
    }
    columns[TIMESTAMP] = (np.array(windows) + 1) * settings.window_ms
    return columns


def _grown(held: AnomalyRecord, made: AnomalyRecord, settings: ReviewSettings) -> AnomalyRecord:
    """Return a record that goes on: the worst of it is told, and all that made it."""
    worst = made if made.score > held.score else held
    ids = tuple(dict.fromkeys((*held.metadata.incidents, *made.metadata.incidents)))
    metadata = msgspec.structs.replace(
        held.metadata,
        incident_id=held.metadata.incident_id or made.metadata.incident_id,
        incidents=ids[: settings.max_incidents],
    )
    return msgspec.structs.replace(
        worst,
        id=held.id,
        revision=held.revision + 1,
        window_start_ms=min(held.window_start_ms, made.window_start_ms),
        window_end_ms=made.window_end_ms,
        affected_services=tuple(sorted({*held.affected_services, *made.affected_services})),
        metadata=metadata,
    )


def _record_id(model: ModelRecord, key: Key, measure: str, window: int) -> str:
    named = "\n".join((model.id, key.service, key.team, measure, str(window)))
    return "anom-" + hashlib.blake2b(named.encode(), digest_size=8).hexdigest()
