"""A desk in memory: what a store or an API would say, and how it may fail."""

from collections.abc import Callable
from threading import Event

import msgspec

from schema.asks import ActionAsk, FeedbackAsk, SilenceAsk
from schema.desk import (
    AuditEntry,
    Change,
    Changes,
    DetectorView,
    DriftView,
    EdgeView,
    IncidentDetail,
    IncidentFull,
    IncidentPage,
    IncidentRow,
    Me,
    ModelsPage,
    QueuePage,
    RequestView,
    ServiceModels,
    SilencePage,
    SilenceView,
    TaskView,
    ToldView,
    TopologyView,
)
from schema.plots import HeatCell, HeatMap, LiveState, Plot
from terminal.backend import Away, Refused, Wanted
from tests.terminal.made_incidents import LEVELS, MIN_MS, NOW_MS, live_state, plot_of, resource


class MadeDesk:
    """Answers at once; `gone` lets it be away, `hold` lets it hang until it is set."""

    def __init__(self, incidents: list[IncidentFull]) -> None:
        self.all = {each.id: each for each in incidents}
        self.where = "memory"
        self.gone = ""
        self.hold: Event | None = None
        self.who = Me(name="oncall", role="admin", auth="off", can_act=True)
        self.plots: tuple[Plot, ...] = (plot_of(),)
        self.log: list[Change] = []
        self.asked: dict[str, RequestView] = {}
        self.kept_silences: list[SilenceView] = []
        self.now_ms = NOW_MS
        self.calls = 0

    @property
    def place(self) -> str:
        return self.where

    def _answer(self) -> None:
        self.calls += 1
        if self.hold is not None:
            self.hold.wait(30)
        if self.gone:
            raise Away(self.gone)

    def me(self) -> Me:
        self._answer()
        return self.who

    def incidents(self, wanted: Wanted, cursor: str | None, limit: int) -> IncidentPage:
        self._answer()
        found = [each for each in self.all.values() if _fits(each, wanted)]
        order: Callable[[IncidentFull], tuple[int, ...]] = {
            "-opened": lambda each: (-each.opened_ms,),
            "opened": lambda each: (each.opened_ms,),
            "-severity": lambda each: (LEVELS.index(each.severity), -each.opened_ms),
        }[wanted.sort]
        found.sort(key=order)
        start = int(cursor or 0)
        more = start + limit < len(found)
        return IncidentPage(
            incidents=tuple(map(_row, found[start : start + limit])),
            next=str(start + limit) if more else None,
            now_ms=self.now_ms,
        )

    def incident(self, incident_id: str) -> IncidentDetail:
        self._answer()
        if incident_id not in self.all:
            raise Refused(f"there is no incident {incident_id}")
        found = self.all[incident_id]
        opened = AuditEntry(
            revision=1,
            event="opened",
            ts_ms=found.opened_ms,
            actor="foreshock",
            reason="first alert",
            state="open",
            severity=found.severity,
        )
        asked = tuple(each for each in self.asked.values() if each.incident == incident_id)
        return IncidentDetail(
            incident=found,
            now_ms=self.now_ms,
            points=85,
            points_why=("CRITICAL (+60)", "5 min left to acknowledge (+15)", "nobody has it (+10)"),
            audit=(opened,),
            requests=asked,
            told=(
                ToldView(
                    incident=incident_id,
                    channel="ops",
                    kind="trigger",
                    cause="transition:1",
                    at_ms=found.opened_ms + 2_000,
                    status="sent",
                    why="route databases",
                ),
            ),
            topology=TopologyView(
                around=("orders-db-0",),
                nodes=(),
                edges=(EdgeView(source="checkout", target="orders-db-0", type="calls"),),
            ),
            plots=self.plots,
        )

    def queue(self, limit: int) -> QueuePage:
        self._answer()
        rows = [each for each in self.all.values() if each.state in {"open", "acknowledged"}]
        rows.sort(key=lambda each: LEVELS.index(each.severity))
        return QueuePage(
            tasks=tuple(
                TaskView(
                    place=place,
                    points=90 - place,
                    why=("nobody has it (+10)",),
                    due_ms=row.ack_by_ms,
                    incident=_row(row),
                )
                for place, row in enumerate(rows[:limit], 1)
            ),
            total=len(rows),
            by_severity={name: sum(each.severity == name for each in rows) for name in LEVELS},
            unacknowledged=sum(each.acked_ms is None for each in rows),
            now_ms=self.now_ms,
        )

    def silences(self) -> SilencePage:
        self._answer()
        return SilencePage(silences=tuple(self.kept_silences), now_ms=self.now_ms)

    def models(self) -> ModelsPage:
        self._answer()
        detector = DetectorView(
            name="discord",
            rows=90_000,
            mean_surprise=0.43,
            anomaly_rate=0.002,
            precision=0.9,
            real=9,
            false_positive=1,
        )
        drift = DriftView(
            state="suspected", since_ms=NOW_MS - 90 * MIN_MS, share=0.4, drifts=2, until_ms=NOW_MS
        )
        return ModelsPage(
            services=(
                ServiceModels(
                    service="aws.rds",
                    until_ms=NOW_MS,
                    resources=14,
                    scored=90_000,
                    anomalous=180,
                    anomaly_rate=0.002,
                    precision=0.9,
                    real=9,
                    false_positive=1,
                    scores=(("1", 80_000), ("2", 9_000), ("more", 1_000)),
                    detectors=(detector,),
                    drift=drift,
                ),
            ),
            registry=False,
        )

    def live(self) -> LiveState:
        self._answer()
        return live_state()

    def heat(self, from_ms: int, to_ms: int) -> HeatMap:
        self._answer()
        key = resource("orders-db-0").key
        cells = tuple(HeatCell(key, to_ms - each * 300_000, each % 4) for each in range(1, 20))
        return HeatMap(from_ms, to_ms, 300_000, cells)

    def changes(self, after: int | None) -> Changes:
        self._answer()
        if after is None:
            return Changes(sequence=len(self.log), changes=())
        return Changes(sequence=len(self.log), changes=tuple(self.log[after:]))

    def request(self, request_id: str) -> RequestView:
        self._answer()
        if request_id not in self.asked:
            raise Refused(f"there is no request {request_id}")
        return self.asked[request_id]

    def act(self, incident_id: str, asked: ActionAsk) -> RequestView:
        self._answer()
        words = " ".join(filter(None, (asked.action, incident_id, asked.assignee)))
        return self._ask("act", incident_id, asked.action, words, asked.note)

    def feedback(self, incident_id: str, asked: FeedbackAsk) -> RequestView:
        self._answer()
        if self.all[incident_id].verdict == asked.verdict:
            raise Refused(f"that was said of {incident_id} before; nothing is changed")
        words = f"{asked.verdict} {incident_id}"
        return self._ask("feedback", incident_id, asked.verdict, words, asked.note)

    def silence(self, asked: SilenceAsk) -> SilenceView:
        self._answer()
        made = SilenceView(
            id=f"sil-{len(self.kept_silences)}",
            purpose="silence",
            state="requested",
            matchers=asked.matchers,
            starts_ms=NOW_MS,
            ends_ms=NOW_MS + round(1000 * (asked.for_s or 0)),
            change_ms=NOW_MS + 2 * MIN_MS,
            actor=self.who.name,
            reason=asked.reason,
            origin="log",
        )
        self.kept_silences.append(made)
        return made

    def end_silence(self, silence_id: str) -> SilenceView:
        self._answer()
        for place, each in enumerate(self.kept_silences):
            if each.id == silence_id:
                self.kept_silences[place] = msgspec.structs.replace(each, state="expired")
                return self.kept_silences[place]
        raise Refused(f"there is no silence {silence_id}")

    def close(self) -> None:
        """Nothing is open."""

    def _ask(self, kind: str, about: str, action: str, what: str, reason: str) -> RequestView:
        made = RequestView(
            id=f"req-{len(self.asked)}",
            kind=kind,
            incident=about,
            action=action,
            what=what,
            actor=self.who.name,
            reason=reason,
            requested_ms=NOW_MS,
            effective_ms=NOW_MS + 2 * MIN_MS,
            status="requested",
        )
        self.asked[made.id] = made
        return made

    # ------------------------------------------------------------------ what a flow would do

    def obey(self, request_id: str, **changes: object) -> None:
        """Apply what was asked: the incident changes so."""
        asked = self.asked[request_id]
        self.asked[request_id] = msgspec.structs.replace(
            asked, status="applied", answer="on it", answered_ms=NOW_MS
        )
        self.change(asked.incident, **changes)

    def refuse(self, request_id: str, why: str) -> None:
        asked = self.asked[request_id]
        self.asked[request_id] = msgspec.structs.replace(asked, status="refused", answer=why)

    def change(self, incident_id: str, **changes: object) -> None:
        """Let an incident be another, or let a new one be there."""
        before = self.all[incident_id]
        self.put(msgspec.structs.replace(before, revision=before.revision + 1, **changes))

    def put(self, made: IncidentFull) -> None:
        self.all[made.id] = made
        self.log.append(
            Change(
                sequence=len(self.log) + 1,
                event="updated",
                ts_ms=NOW_MS,
                actor="foreshock",
                reason="",
                incident=_row(made),
            )
        )


def _row(full: IncidentFull) -> IncidentRow:
    return msgspec.convert(full, IncidentRow, from_attributes=True)


def _fits(each: IncidentFull, wanted: Wanted) -> bool:
    return (
        (not wanted.states or each.state in wanted.states)
        and LEVELS.index(each.severity) <= LEVELS.index(wanted.least)
        and wanted.words in each.title
        and wanted.assignee in ("", each.assignee)
    )
