"""Which open incidents are told to nobody, and why: silences and inhibition, over all that is open.

An incident is silenced when every alert that is open in it is. With none open nothing is left to
be heard, so it stays as it was until it is resolved. What was silenced is kept, and shown like any
other.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from operators.case import Case
from operators.inhibition import Facts, Inhibition
from operators.matching import labels_of
from operators.members import AlertRecord
from operators.occurrences import OccurrenceSettings, is_waiting
from operators.silences import Silences, silenced_by
from operators.telling import first_suspect, say
from operators.topology import Topology
from schema import Expire, Silence, Transition
from schema.life import LIVE


class Quiet:
    """Keeps `silenced_by` and `inhibited_by` of the open cases true.

    They follow from what is open, what is in force and the topology, and so are the same after a
    restart. Memory: the facts of the open cases.
    """

    def __init__(
        self,
        silences: Silences,
        inhibition: Inhibition,
        topology: Topology,
        occurrences: OccurrenceSettings,
    ) -> None:
        self._silences = silences
        self._occurrences = occurrences
        self._inhibition = inhibition
        self._topology = topology
        self._revision = -1  # of the topology by which the facts were found
        self._facts: dict[str, Facts] = {}
        self._turn_due = True
        self._maybe_inhibited = True  # some case may be, from before

    @property
    def due_ms(self) -> int | None:
        """Return when `judge` is to be called at the latest; None: when anything else happens."""
        return self._silences.due_ms

    def obey(self, command: Silence | Expire, now_ms: int) -> None:
        """Take a command; it counts from the next `judge` on."""
        self._silences.obey(command, now_ms)
        self._turn_due = True

    def forget(self, case: Case) -> None:
        """Look at a case anew at the next `judge`."""
        self._facts.pop(case.id, None)

    def judge(self, cases: Mapping[str, Case], touched: Sequence[Case], now_ms: int) -> list[Case]:
        """Bring all open cases up to date; return those for which it is different now.

        `touched` are those that have changed in any other way since the last call.
        """
        due_ms = self.due_ms
        turned = self._turn_due or (due_ms is not None and now_ms >= due_ms)
        if turned:
            self._silences.turn(now_ms)
            self._turn_due = False
        changed = []
        for case in cases.values() if turned else touched:
            if case.state in LIVE and case.open_count > 0:
                found = self._silenced_by(case)
                if found != case.silenced_by:
                    case.silenced_by = found
                    changed.append(case)
        for case in touched:
            self.forget(case)
        return changed + self._inhibit(cases, now_ms)

    def tell(self, case: Case, now_ms: int) -> list[Transition]:
        """Return the word that a case is no longer heard, or is again; none if nothing changed.

        What opens at this time says so itself.
        """
        if case.state not in LIVE or case.news in ("opened", "reopened", "split"):
            return []
        if case.hushed == case.said_hushed:
            return []
        reason = "heard again"
        if case.silenced_by:
            reason = "; ".join(map(self._silences.words, case.silenced_by))
        elif case.inhibited_by:
            reason = f"inhibited by {case.inhibited_by}"
        return [say(case, "silenced", now_ms, reason)]

    def _silenced_by(self, case: Case) -> tuple[str, ...]:
        in_force = self._silences.in_force
        if not in_force or not silenced_by(alert_labels(case, 1), in_force):
            return ()  # most are not, and one alert is enough to see it
        return silenced_by(alert_labels(case), in_force)

    def _inhibit(self, cases: Mapping[str, Case], now_ms: int) -> list[Case]:
        """Return those that are hidden or heard now; who waits to be told of hides nobody."""
        if not (self._inhibition.is_needed or self._maybe_inhibited):
            return []
        if self._revision != self._topology.revision:
            self._facts.clear()
            self._revision = self._topology.revision
        live = [
            case
            for case in cases.values()
            if case.state in LIVE and not is_waiting(case, now_ms, self._occurrences)
        ]
        by: dict[str, str] = {}
        if len(live) > 1 and self._inhibition.is_needed:
            known = self._facts
            self._facts = {case.id: known.get(case.id) or self._fact(case) for case in live}
            by = self._inhibition.judge(self._facts.values())
        changed = []
        for case in live:
            found = by.get(case.id, "")
            if case.open_count > 0 and found != case.inhibited_by:
                case.inhibited_by = found
                changed.append(case)
        self._maybe_inhibited = any(case.inhibited_by for case in live)
        return changed

    def _fact(self, case: Case) -> Facts:
        alerts = alert_labels(case) if self._inhibition.has_rules else []
        sources, targets = self._inhibition.sides(alerts)
        node = self._topology.node
        return Facts(
            case.id,
            case.opened_ms,
            case.standing.severity,
            node(first_suspect(case)),
            lambda: (node(record.resource) for record in _alerting(case)),
            sources,
            targets,
        )


def alert_labels(case: Case, most: int | None = None) -> list[dict[str, str]]:
    """Return what matchers see of each alert that is open, or of so many of them."""
    severity, pattern = case.standing.severity, case.pattern
    return [
        labels_of(record.resource, record.kind, record.metric, severity, pattern)
        for record in islice(_alerting(case), most)
    ]


def _alerting(case: Case) -> Iterator[AlertRecord]:
    return (record for record in case.members.values() if record.closed_ms is None)
