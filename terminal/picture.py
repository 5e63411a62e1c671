"""All that the screen knows, and from when: what it shows while nobody answers, too."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime

from schema import Severity
from schema.desk import (
    Change,
    IncidentDetail,
    IncidentPage,
    IncidentRow,
    Me,
    ModelsPage,
    QueuePage,
    RequestView,
    SilencePage,
)
from schema.plots import HeatMap, LiveState
from terminal.backend import Wanted

OLD_MS = 86_400_000  # a store whose newest event is so old stands still, as after a replay
PAGE = 200
ASKED = 50  # requests of ours that are remembered
Clock = Callable[[], datetime]


class Feed:
    """The pages of incidents that have been read, in one order, kept up to date in place."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.rows: list[IncidentRow] = []
        self.next: str | None = None
        self.is_read = False

    def begin(self, page: IncidentPage) -> None:
        """Take the first page again. Where more have been read they stay, below it."""
        fresh = {row.id for row in page.incidents}
        deeper = self.rows[PAGE:] if page.next is not None and self.is_read else []
        if not deeper:
            self.rows, self.next = list(page.incidents), page.next
        else:
            old = [row for row in self.rows if row.id not in fresh]
            last = page.incidents[-1]
            self.rows = [*page.incidents, *(row for row in old if self._is_below(row, last))]
        self.is_read = True

    def go_on(self, page: IncidentPage) -> None:
        """Take the next page."""
        held = {row.id for row in self.rows}
        self.rows += [row for row in page.incidents if row.id not in held]
        self.next = page.next

    def take(self, changes: Iterable[Change]) -> None:
        """Bring what has been read up to date; what no longer fits goes."""
        places = {row.id: place for place, row in enumerate(self.rows)}
        gone = set()
        for each in changes:
            place = places.get(each.incident.id)
            if place is not None and each.incident.revision >= self.rows[place].revision:
                self.rows[place] = each.incident
                gone |= set() if self._fits(each.incident) else {each.incident.id}
        if gone:
            self.rows = [row for row in self.rows if row.id not in gone or self._fits(row)]

    def _fits(self, row: IncidentRow) -> bool:
        states, least = self.wanted.states, Severity[self.wanted.least]
        return (not states or row.state in states) and Severity[row.severity] >= least

    def _is_below(self, row: IncidentRow, last: IncidentRow) -> bool:
        match self.wanted.sort:
            case "opened":
                return (row.opened_ms, row.id) > (last.opened_ms, last.id)
            case "-opened":
                return (row.opened_ms, row.id) < (last.opened_ms, last.id)
            case "-severity":
                mine, its = Severity[row.severity], Severity[last.severity]
                return (mine, row.opened_ms, row.id) < (its, last.opened_ms, last.id)


class Picture:
    """It is changed on the screen's thread alone."""

    def __init__(self, clock: Clock, wanted: Wanted | None = None) -> None:
        self._clock = clock
        self.feed = Feed(wanted or Wanted())
        self.me: Me | None = None
        self.queue: QueuePage | None = None
        self.silences: SilencePage | None = None
        self.models: ModelsPage | None = None
        self.live: LiveState | None = None
        self.heat: HeatMap | None = None
        self.details: dict[str, IncidentDetail] = {}  # of those that were looked at last
        self.asked: dict[str, RequestView] = {}  # ours, by id, in their order
        self.away = ""  # why nothing can be read; "": it can
        self._now_ms: int | None = None  # as the store or the API said last
        self._said_s = 0.0
        self.fresh_s: float | None = None  # when something was read last

    def tell_time(self, now_ms: int) -> None:
        """Take the time that deadlines are to be judged by."""
        self._now_ms, self._said_s = now_ms, time.monotonic()

    @property
    def wall_ms(self) -> int:
        """The wall clock here."""
        return int(self._clock().timestamp() * 1000)

    @property
    def stands_still(self) -> bool:
        """Whether what is looked at is over, so that its newest event is now."""
        return self._now_ms is not None and abs(self.wall_ms - self._now_ms) > OLD_MS

    @property
    def now_ms(self) -> int:
        """The time to judge by."""
        if self._now_ms is None:
            return self.wall_ms
        if self.stands_still:
            return self._now_ms
        return self._now_ms + int((time.monotonic() - self._said_s) * 1000)

    @property
    def age_s(self) -> float | None:
        """How old it is."""
        return None if self.fresh_s is None else time.monotonic() - self.fresh_s

    def keep(self, detail: IncidentDetail) -> None:
        """Keep an incident's details, and those of few others."""
        self.details.pop(detail.incident.id, None)
        self.details[detail.incident.id] = detail
        while len(self.details) > 8:
            self.details.pop(next(iter(self.details)))

    def ask(self, request: RequestView) -> None:
        """Remember what was asked, or what came of it."""
        self.asked[request.id] = request
        while len(self.asked) > ASKED:
            self.asked.pop(next(iter(self.asked)))

    def waiting(self) -> dict[str, RequestView]:
        """Return, by incident, what was asked here and is not answered."""
        found = (each for each in self.asked.values() if each.status == "requested")
        return {each.incident: each for each in found if each.incident}
