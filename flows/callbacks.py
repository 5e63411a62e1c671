"""From a verified callback to a command: asked of the flow once, in the name of who asks.

What is to be asked is kept before the flow is told, and that it was told is kept afterwards. So a
crash in between is made good when the provider tries again, by the very same command, which the
flow obeys once; and a copy of what was taken is known for one, also by another process.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec

from connectors.callback_store import CallbackStore, Told
from connectors.callbacks.callback import Asked, Callback
from connectors.feedback_store import FeedbackStore, Word
from connectors.incident_store import IncidentStore
from flows.acting import NotFound, NotLegal, as_it_is_now, check_legal
from flows.asking import ask, request_id_of
from flows.feedback import counts_from_ms, judged, tell
from flows.running import RunningFlow
from operators.quantity import clock
from schema import Act, Incident

Status = Literal[
    "requested",  # the flow was told
    "refused",  # it is not legal as the incident is now
    "unknown",  # there is no such incident here
    "repeated",  # it was taken before, and nothing more comes of it
]
Places = Callable[[str], Sequence[str]]  # which incidents are behind a provider's own
WORDS: dict[Asked, str] = {
    "ack": "acknowledgement",
    "unack": "taking the acknowledgement back",
    "resolve": "resolving",
    "reopen": "reopening",
    "assign": "assignment",
    "note": "note",
    "false_positive": "false positive",
}


class Taken(msgspec.Struct, frozen=True):
    """What became of a callback."""

    status: Status
    words: str  # for who asked


class Answering:
    """Takes callbacks. Used by several threads.

    Raises: ValueError if there is no store, or it has another schema version.
    """

    def __init__(self, flow: RunningFlow, places: Places = lambda _: ()) -> None:
        self._flow = flow
        self._places = places
        self._taken = CallbackStore(flow.store)
        self._incidents = IncidentStore(flow.store)
        self._feedback = FeedbackStore(flow.store)

    def take(self, callback: Callback, now_ms: int) -> Taken:
        """Ask the flow for what the callback says.

        Raises: ConnectionError where it cannot be found out which incident is meant, and what the
        store and the log raise that are away: it is to come again.
        """
        held = self._taken.find(callback.id)
        if held is not None and held.answer:
            return Taken("repeated", held.answer)
        if held is None:
            made = self._made(callback, now_ms)
            if made.status == "unknown":
                return Taken(made.status, made.words)
            held = self._taken.claim(callback.id, callback.until_ms, made.commands, now_ms)
            if held is None:  # nobody was there before
                self._tell(made.commands, now_ms)
                self._taken.finish(callback.id, made.words)
                return Taken(made.status, made.words)
        self._tell(held.commands, now_ms)
        answer = held.answer or f"{WORDS[callback.asked]} was asked for before"
        self._taken.finish(callback.id, answer)
        return Taken("repeated", answer)

    def seen(self, callback: Callback) -> tuple[Incident | None, str]:
        """Return the incident that it is about as it is now, and what was said if it was taken."""
        held = self._taken.find(callback.id)
        try:
            incident = as_it_is_now(self._incidents, callback.incidents[0])
        except NotFound:
            incident = None
        return incident, "" if held is None else held.answer or "it was asked for before"

    def close(self) -> None:
        """Close every connection."""
        for each in (self._taken, self._incidents, self._feedback):
            each.close()

    def _made(self, callback: Callback, now_ms: int) -> "_Made":
        names = callback.incidents or tuple(self._places(callback.place))
        found: dict[str, Incident] = {}
        for name in names:
            try:
                incident = as_it_is_now(self._incidents, name)
            except NotFound:
                continue
            found[incident.id] = incident
        if not found:
            return _Made("unknown", "there is no such incident here", ())
        commands: list[Told] = []
        words: list[str] = []
        for incident in found.values():
            try:
                command = self._command(callback, incident, now_ms)
            except NotLegal as ex:
                words.append(str(ex))
                continue
            commands.append(command)
            at = clock(command.effective_ms, now_ms)
            words.append(f"{WORDS[callback.asked]} of {incident.id} is requested, in force at {at}")
        status: Status = "requested" if commands else "refused"
        return _Made(status, "; ".join(words), tuple(commands))

    def _command(self, callback: Callback, incident: Incident, now_ms: int) -> Told:
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        effective_ms = counts_from_ms(incident, self._flow.tick_s, now, live=self._flow.live)
        request = request_id_of(f"{callback.id} {incident.id}", callback.at_ms)
        if callback.asked == "false_positive":
            word = Word(incident.id, "false_positive", callback.actor, callback.note, now_ms)
            told = judged(self._feedback, incident, word, effective_ms, request).command
            if told is None or incident.verdict == "false_positive":
                raise NotLegal(f"{incident.id} was said to be a false positive before")
            return told
        check_legal(incident, callback.asked)
        return Act(
            request,
            incident.id,
            callback.asked,
            effective_ms,
            callback.actor,
            callback.note,
            callback.assignee,
        )

    def _tell(self, commands: Sequence[Told], now_ms: int) -> None:
        for command in commands:
            if isinstance(command, Act):
                now = datetime.fromtimestamp(now_ms / 1000, UTC)
                ask(self._flow.log, self._flow.store, command, now)
            else:
                tell(self._flow.log, self._feedback, command, now_ms)


class _Made(msgspec.Struct, frozen=True):
    status: Status
    words: str
    commands: tuple[Told, ...]
