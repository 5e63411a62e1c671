"""What the review says of a span of time, as reports and screens show it."""

from collections.abc import Mapping

import msgspec

from schema.desk import SeverityName
from schema.review import AnomalyRecord, AnomalyType, RecordMetadata, RecordState, Summaries


class Forecast(msgspec.Struct, frozen=True):
    """How many incidents will open in the next days, with nine chances in ten."""

    days: int
    expected: float
    low: float
    high: float


class Worsening(msgspec.Struct, frozen=True):
    """A service's last four weeks are worse than those before."""

    service: str
    measure: str
    off: float  # in deviations
    words: str


class Recurring(msgspec.Struct, frozen=True):
    """The same cause again and again: a candidate for a permanent fix."""

    cause: str
    incidents: int
    days: int  # on which it came
    services: tuple[str, ...]
    hours: float  # until they were resolved, all together
    last_ms: int
    last: str  # id of the newest


class Noisy(msgspec.Struct, frozen=True):
    """A rule or a resource that many incidents are of."""

    name: str
    incidents: int
    false_positives: int
    untouched: int  # that were resolved and that nobody had acknowledged


class Response(msgspec.Struct, frozen=True):
    """How soon incidents of a severity were taken up and mended; None: nothing known, no target."""

    severity: str
    incidents: int
    acknowledge_s: float | None  # median
    acknowledge_target_s: float | None
    acknowledged_in_time: float | None  # share
    resolve_s: float | None
    resolve_target_s: float | None
    resolved_in_time: float | None


class Outlook(msgspec.Struct, frozen=True):
    """All of it."""

    forecasts: tuple[Forecast, ...]  # none where there is too little history
    services: Mapping[str, Forecast]  # of each, the week
    worsening: tuple[Worsening, ...]
    recurring: tuple[Recurring, ...]
    noisy_rules: tuple[Noisy, ...]
    noisy_resources: tuple[Noisy, ...]
    responses: tuple[Response, ...]


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    """An `AnomalyRecord` as screens show it: its severity by name."""

    id: str
    revision: int
    model: str
    version: int
    type: AnomalyType
    severity: SeverityName
    confidence: float
    score: float
    threshold: float
    raw_score: float
    raw_confidence: float
    window_start_ms: int
    window_end_ms: int
    service: str
    team: str
    description: str
    affected_services: tuple[str, ...]
    affected_metrics: tuple[str, ...]
    metadata: RecordMetadata
    state: RecordState

    @classmethod
    def of(cls, record: AnomalyRecord) -> "RecordView":
        """Return a record's view."""
        shown = {name: getattr(record, name) for name in cls.__struct_fields__}
        return cls(**{**shown, "severity": record.severity.name})


class ReviewView(msgspec.Struct, frozen=True):
    """What the review found in a span of time, and what comes next."""

    summary: Summaries
    records: tuple[RecordView, ...]  # the newest first; bounded
    outlook: Outlook  # as of the span's end
