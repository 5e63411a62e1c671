"""What a flow was told, as its control log says it, followed from where it was left off."""

import threading
from collections.abc import Sequence

from connectors.control_log import ControlLog, ControlTail
from flows.answers import Answer, Answers, id_of, kind_of, told, words
from schema import Act, Feedback, Silence, TopologyChange, TriageCommand
from schema.desk import RequestView


class Commands:
    """The commands of a control log. Memory: a record each, as the log itself has them."""

    def __init__(self, log: ControlLog) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._tail: ControlTail | None = None
        self._told: dict[TriageCommand, None] = {}

    def all(self) -> list[TriageCommand]:
        """Return them, oldest first."""
        with self._lock:
            if self._tail is None:
                self._tail = self._log.tail(None)
            for record in told(self._tail.read() or ()):
                self._told[record] = None
            return list(self._told)

    def close(self) -> None:
        """Let go of the log."""
        with self._lock:
            if self._tail is not None:
                self._tail.close()
            self._tail = None
            self._told.clear()


def requests_of(commands: Sequence[TriageCommand], answers: Answers) -> tuple[RequestView, ...]:
    """Return commands with what has come of them."""
    return tuple(map(request_of, commands, answers.of(commands)))


def request_of(
    command: TriageCommand, answer: Answer, requested_ms: int | None = None
) -> RequestView:
    """Return a command with what has come of it."""
    incident = action = ""
    if isinstance(command, Act):
        incident, action = command.incident, command.action
    elif isinstance(command, Feedback):
        incident, action = command.incident, command.verdict
    elif isinstance(command, Silence):
        action = command.purpose
    return RequestView(
        id=id_of(command),
        kind=kind_of(command),
        incident=incident,
        action=action,
        what=words(command),
        actor=command.actor,
        reason="" if isinstance(command, TopologyChange) else command.reason,
        requested_ms=requested_ms,
        effective_ms=command.effective_ms,
        status=answer.status,
        answer=answer.reason,
        answered_ms=answer.at_ms,
    )
