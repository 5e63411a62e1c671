"""A desk without a store: what it shows is made, and what is asked of it happens a moment later."""

import atexit
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from msgspec.structs import replace

from connectors.incident_query import IncidentFilter
from connectors.incident_store import IncidentStore
from connectors.outbox_view import OutboxFilter
from flows.acting import NotFound
from flows.desk_stores import DeskStores, StoreAway
from schema import Act, Action, Event, State
from schema.asks import ActionAsk, FeedbackAsk, PromoteAsk, RollbackAsk, SilenceAsk
from schema.desk import (
    Change,
    Changes,
    IncidentDetail,
    IncidentFull,
    IncidentPage,
    IncidentRow,
    ModelsPage,
    NotificationPage,
    Promoted,
    QueuePage,
    RequestView,
    ServiceModels,
    SilencePage,
    SilenceView,
    TaskView,
    TopologyView,
    VersionView,
)
from schema.plots import HeatMap, LiveState
from schema.review_view import ReviewView
from tests.api.made_incidents import (
    HOSTILE,
    LONG,
    SEVERITIES,
    STATES,
    made_audit,
    made_heat,
    made_incident,
    made_live,
    made_models,
    made_plots,
    made_told,
    made_topology,
)
from tests.api.made_review import made_review


def empty_store() -> DeskStores:
    """Return a store that is there, for what is kept beside the incidents."""
    folder = tempfile.TemporaryDirectory(prefix="made-desk-")
    atexit.register(folder.cleanup)
    url = f"sqlite:///{folder.name}/incidents.db"
    IncidentStore(url, create=True).close()
    return DeskStores(url)


LIVE = ("open", "acknowledged")
LEGAL: dict[State, tuple[str, ...]] = {
    "open": ("ack", "resolve", "assign", "note"),
    "acknowledged": ("unack", "resolve", "assign", "note"),
    "resolved": ("reopen", "close", "note"),
}
STEPS: dict[str, tuple[Event, State]] = {
    "ack": ("acknowledged", "acknowledged"),
    "resolve": ("resolved", "resolved"),
    "reopen": ("reopened", "open"),
}


@dataclass
class MadeDesk:
    """As `flows.desk.Desk`, as far as screens go."""

    now: int  # ms
    count: int = 60
    plain: bool = False  # without hostile and endless names
    answers: bool = True  # whether what is asked is obeyed
    away: bool = False
    can_act: bool = True
    incidents_: dict[str, IncidentFull] = field(default_factory=dict)
    silences_: dict[str, SilenceView] = field(default_factory=dict)
    changes_: list[Change] = field(default_factory=list)
    requests_: dict[str, RequestView] = field(default_factory=dict)
    models_: dict[str, ServiceModels] = field(default_factory=dict)
    told_: list[Act] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    notify: None = None
    stores: DeskStores = field(default_factory=empty_store)

    def __post_init__(self) -> None:
        names = {} if self.plain else {1: HOSTILE, 2: LONG}
        for number in range(self.count):
            state = STATES[number % len(STATES)]
            made = made_incident(number, self.now, names.get(number, ""), state=state)
            self.incidents_[made.id] = made
        if self.count:
            self.models_ = {each.service: each for each in made_models(self.now)}
            self.silence(
                SilenceAsk(matchers=('service="azure.vm"',), for_s=7200, reason="index rebuild"),
                "platform",
            )
            self.silence(
                SilenceAsk(
                    matchers=(f'resource="{LONG}"', "account=111122223333"),
                    for_s=86_400,
                    purpose="maintenance",
                    every="sun",
                    reason=HOSTILE,
                ),
                "network",
            )

    # ------------------------------------------------------------------ reading

    def incidents(
        self,
        wanted: IncidentFilter,
        sort: str = "-opened",
        cursor: str | None = None,
        limit: int = 50,
    ) -> IncidentPage:
        self._near()
        words = wanted.title.lower().split()
        found = [
            each
            for each in self.incidents_.values()
            if (not wanted.states or each.state in wanted.states)
            and SEVERITIES.index(each.severity) + 1 >= wanted.least
            and wanted.cloud in ("", each.scope["cloud"])
            and wanted.service in ("", each.scope["service"])
            and wanted.assignee in ("", each.assignee)
            and all(word in each.title.lower() for word in words)
        ]
        if sort == "opened":
            found.reverse()
        if sort == "-severity":
            found.sort(key=lambda each: -SEVERITIES.index(each.severity))
        start = int(cursor.split(".")[1]) if cursor else 0
        more = len(found) > start + limit
        return IncidentPage(
            incidents=tuple(map(lean, found[start : start + limit])),
            next=f"1.{start + limit}.made" if more else None,
            now_ms=self.now,
        )

    def incident(self, incident_id: str) -> IncidentDetail:
        self._near()
        made = self._held(incident_id)
        asked = tuple(each for each in self.requests_.values() if each.incident == incident_id)
        legal = LEGAL.get(made.state, ("note",))
        return IncidentDetail(
            incident=made,
            now_ms=self.now,
            points=95,
            points_why=("CRITICAL (+60)", "nobody has it (+10)"),
            due_ms=made.ack_by_ms,
            actions=legal,
            audit=made_audit(made),
            requests=asked,
            told=made_told([made]),
            topology=made_topology(made),
            plots=made_plots(made),
        )

    def queue(self, limit: int = 50) -> QueuePage:
        self._near()
        going = [each for each in self.incidents_.values() if each.state in LIVE]
        going.sort(key=lambda each: (-SEVERITIES.index(each.severity), each.opened_ms))
        tasks = tuple(
            TaskView(
                place=i,
                points=80,
                why=(
                    f"{each.severity} (+60)",
                    "12 min left to acknowledge (+15)",
                    "nobody has it (+10)",
                ),
                due_ms=each.ack_by_ms,
                incident=lean(each),
            )
            for i, each in enumerate(going[:limit], 1)
        )
        return QueuePage(
            tasks=tasks,
            total=len(going),
            by_severity=dict(Counter(e.severity for e in going)),
            unacknowledged=sum(each.state == "open" for each in going),
            now_ms=self.now,
        )

    def silences(self) -> SilencePage:
        self._near()
        return SilencePage(silences=tuple(self.silences_.values()), now_ms=self.now)

    def topology(self, names: tuple[str, ...] = (), hops: int = 2, most: int = 60) -> TopologyView:
        return made_topology(next(iter(self.incidents_.values())))

    def models(self) -> ModelsPage:
        self._near()
        return ModelsPage(services=tuple(self.models_.values()), registry=True)

    def review(
        self, from_ms: int | None = None, to_ms: int | None = None, days: int = 7
    ) -> ReviewView:
        self._near()
        return made_review(self.now, days, bool(self.count), "" if self.plain else HOSTILE)

    def request(self, request_id: str) -> RequestView:
        if request_id not in self.requests_:
            raise NotFound(f"there is no request {request_id}")
        return self.requests_[request_id]

    def notifications(
        self, wanted: OutboxFilter, cursor: str | None = None, limit: int = 50
    ) -> NotificationPage:
        self._near()
        said = made_told(list(self.incidents_.values())[:12])
        found = [
            e for e in said if wanted.status in ("", e.status) and wanted.channel in ("", e.channel)
        ]
        start = int(cursor or 0)
        counts: dict[str, dict[str, int]] = {}
        for each in said:
            counts.setdefault(each.channel, {}).setdefault(each.status, 0)
            counts[each.channel][each.status] += 1
        more = len(found) > start + limit
        return NotificationPage(
            notifications=tuple(found[start : start + limit]),
            next=str(start + limit) if more else None,
            counts=counts,
        )

    def changes(self, after: int | None, limit: int = 500) -> Changes:
        self._near()
        found = (
            []
            if after is None
            else [each for each in self.changes_ if each.sequence > after][:limit]
        )
        last = found[-1].sequence if found else len(self.changes_) if after is None else after
        return Changes(sequence=last, changes=tuple(found))

    def live(self) -> LiveState:
        self._near()
        return made_live(self.now) if self.count else LiveState()

    def heat(self, from_ms: int | None = None, to_ms: int | None = None) -> HeatMap:
        self._near()
        to_ms = to_ms or self.now
        from_ms = from_ms or to_ms - 86_400_000
        return (
            made_heat(from_ms, to_ms, "" if self.plain else LONG)
            if self.count
            else HeatMap(from_ms, to_ms, 900_000)
        )

    def told(self) -> list[Act]:
        return list(self.told_)

    def answered(self, commands: Sequence[Act]) -> tuple[RequestView, ...]:
        return tuple(self.requests_[each.id] for each in commands)

    # ------------------------------------------------------------------ telling the flow

    def act(
        self, incident_id: str, asked: ActionAsk, actor: str, revision: int | None = None
    ) -> RequestView:
        made = self._held(incident_id)
        event, state = STEPS.get(
            asked.action, ("noted" if asked.action == "note" else "assigned", made.state)
        )
        after = replace(made, state=state, assignee=asked.assignee or made.assignee)
        return self._asked("act", asked.action, after, event, actor, asked.note)

    def feedback(self, incident_id: str, asked: FeedbackAsk, actor: str) -> RequestView | None:
        after = replace(self._held(incident_id), verdict=asked.verdict)
        return self._asked("feedback", asked.verdict, after, "judged", actor, asked.note)

    def silence(self, asked: SilenceAsk, actor: str) -> SilenceView:
        starts_ms = asked.starts_ms or self.now
        made = SilenceView(
            id=f"sil-{len(self.silences_):08x}",
            purpose=asked.purpose,
            state="active",
            matchers=asked.matchers,
            starts_ms=starts_ms,
            ends_ms=starts_ms + int(1000 * (asked.for_s or 0)),
            change_ms=starts_ms + int(1000 * (asked.for_s or 0)),
            recurs=asked.every and f"every {asked.every}",
            actor=actor,
            reason=asked.reason,
            origin="log",
        )
        self.silences_[made.id] = made
        return made

    def end_silence(self, silence_id: str, actor: str, reason: str = "") -> SilenceView:
        ended = replace(
            self.silences_[silence_id], state="expired", ends_ms=self.now, ended_by=actor
        )
        self.silences_[silence_id] = ended
        return ended

    def promote(self, service: str, asked: PromoteAsk, actor: str) -> Promoted:
        return self._serving(service, asked.version)

    def roll_back(self, service: str, asked: RollbackAsk, actor: str) -> Promoted:
        return self._serving(service, self.models_[service].versions[0].version)

    def close(self) -> None:
        self.stores.close()

    # ------------------------------------------------------------------ within

    def _serving(self, service: str, version: str) -> Promoted:
        def as_is(each: VersionView) -> VersionView:
            state = "active" if each.version == version else "retired"
            return replace(each, state=state, effective_from_ms=each.effective_from_ms or self.now)

        held = self.models_[service]
        self.models_[service] = replace(
            held, in_use=(version,), versions=tuple(map(as_is, held.versions))
        )
        return Promoted(
            service=service, version=version, effective_ms=self.now, reason="", told=True
        )

    def _near(self) -> None:
        if self.away:
            raise StoreAway("the store cannot be read: it is locked away")

    def _held(self, incident_id: str) -> IncidentFull:
        if incident_id not in self.incidents_:
            raise NotFound(f"there is no incident {incident_id}")
        return self.incidents_[incident_id]

    def _asked(
        self, kind: str, action: str, after: IncidentFull, event: Event, actor: str, note: str
    ) -> RequestView:
        request = RequestView(
            id=f"req-{len(self.requests_)}",
            kind=kind,
            incident=after.id,
            action=action,
            what=f"{action} {after.id}",
            actor=actor,
            reason=note,
            requested_ms=self.now,
            effective_ms=self.now,
            status="requested",
        )
        self.requests_[request.id] = request
        told = cast("Action", action if kind == "act" else "note")
        self.told_.append(Act(request.id, after.id, told, self.now, actor))
        threading.Timer(0.4, self._obey, (request, after, event)).start()
        return request

    def _obey(self, request: RequestView, after: IncidentFull, event: Event) -> None:
        if not self.answers:
            return
        with self.lock:
            done = replace(after, revision=self.incidents_[after.id].revision + 1)
            self.requests_[request.id] = replace(request, status="applied", answered_ms=self.now)
            self.incidents_[after.id] = done
            self.changes_.append(
                Change(
                    sequence=len(self.changes_) + 1,
                    event=event,
                    ts_ms=self.now,
                    actor=request.actor,
                    reason=request.reason,
                    request=request.id,
                    incident=lean(done),
                )
            )


def lean(full: IncidentFull) -> IncidentRow:
    """Return what a list shows of it."""
    return IncidentRow(**{name: getattr(full, name) for name in IncidentRow.__struct_fields__})
