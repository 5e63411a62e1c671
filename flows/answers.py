"""What has become of what people told a flow to do: requested, applied at its tick, or refused."""

from collections.abc import Iterable, Sequence

import msgspec

from connectors.incident_store import IncidentStore
from connectors.obeyed_store import Obeyed, ObeyedStore
from connectors.requests_store import RequestsStore, Status
from flows.silences import not_obeyed
from operators.matching import shown
from schema import (
    Act,
    Command,
    Deploy,
    Expire,
    Feedback,
    Matcher,
    Silence,
    TopologyChange,
    Transition,
    TriageCommand,
)


class Answer(msgspec.Struct, frozen=True):
    """What has come of a command so far."""

    status: Status = "requested"
    reason: str = ""  # the flow's
    at_ms: int | None = None  # event time


class Answers:
    """The incident store's part in it. It stays open, so that it can be asked again.

    Raises: ValueError if there is no store, or it has another schema version.
    """

    def __init__(self, store: str) -> None:
        self._requests = RequestsStore(store)
        self._obeyed = ObeyedStore(store)
        self._incidents = IncidentStore(store)

    def of(self, commands: Sequence[TriageCommand]) -> list[Answer]:
        """Return what has come of each command."""
        ids = [each.id for each in commands if isinstance(each, Act | Feedback) and each.id]
        events = self._requests.answers(ids)
        found = zip(commands, self._obeyed.obeyed(commands), strict=True)
        return [self._of(command, taken, events) for command, taken in found]

    def close(self) -> None:
        """Close every connection."""
        for each in (self._requests, self._obeyed, self._incidents):
            each.close()

    def _of(
        self, command: TriageCommand, taken: Obeyed | None, events: dict[str, Transition]
    ) -> Answer:
        if isinstance(command, Act | Feedback) and command.id in events:
            event = events[command.id]
            status: Status = "refused" if event.event == "refused" else "applied"
            return Answer(status, event.reason, event.ts_ms)
        if taken is None:
            return unheard(command)
        if isinstance(command, Act):
            return self._unsaid(command, taken.tick_ms)
        if wrong := _wrong(command):
            return Answer("refused", wrong, taken.tick_ms)
        return Answer("applied", "", taken.tick_ms)

    def _unsaid(self, act: Act, tick_ms: int) -> Answer:
        """Return what came of an act that was taken up, and that no event names.

        Its event is on its way, or there was no incident that could say a word.
        """
        incident = self._incidents.get_incident(act.incident)
        if incident is None:
            return Answer("refused", f"there is no incident {act.incident}", tick_ms)
        if incident.closed_ms is not None and incident.closed_ms <= tick_ms:
            return Answer("refused", f"{act.incident} was closed by then", tick_ms)
        return Answer()


def unheard(command: TriageCommand) -> Answer:
    """Return what can be said of a command without the flow."""
    wrong = _wrong(command)
    return Answer("refused", wrong) if wrong else Answer()


def told(records: Iterable[object]) -> list[TriageCommand]:
    """Return what people told the flow to do, of a control log's records; once each, in order."""
    found = (record for record in records if isinstance(record, TriageCommand))
    return list(dict.fromkeys(found))


def kind_of(command: Command) -> str:
    """Return the `kind` that it has in the control log."""
    return str(type(command).__struct_config__.tag)


def id_of(command: TriageCommand) -> str:
    """Return the id of the request, of a silence that of the silence."""
    return command.silence if isinstance(command, Expire) else command.id


def words(command: TriageCommand) -> str:
    """Say what was asked for, and why."""
    reason = "" if isinstance(command, TopologyChange) else command.reason
    return ": ".join(filter(None, (_what(command), reason)))


def _what(command: TriageCommand) -> str:
    match command:
        case Act():
            more = [command.assignee] if command.assignee else [*command.others]
            return " ".join((command.action, command.incident, *more))
        case Feedback():
            return f"{command.verdict.replace('_', '-')} {command.incident}"
        case Silence():
            return f"{command.purpose} {_all(command.matchers)}"
        case Expire():
            return f"end {command.silence}"
        case Deploy():
            return f"deploy {command.version} {_all(command.matchers)}"
        case TopologyChange():
            edges = [(" + ", each) for each in command.add] + [(" - ", e) for e in command.remove]
            return "topology" + "".join(
                f"{sign}{e.source} {e.type} {e.target}" for sign, e in edges
            )


def _all(matchers: Sequence[Matcher]) -> str:
    return ", ".join(map(shown, matchers)) or "everything"


def _wrong(command: TriageCommand) -> str:
    return not_obeyed(command) if isinstance(command, Silence) else ""
