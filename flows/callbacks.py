"""From a verified callback to a command: asked of the flow once, in the name of who asks.

What is to be asked is kept before the flow is told, and that it was told is kept afterwards. So a
crash in between is made good when the provider tries again, by the very same command, which the
flow obeys once; and a copy of what was taken is known for one, also by another process.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec

from connectors.callback_store import Told
from connectors.callbacks.callback import Asked, Callback
from connectors.feedback_store import Word
from flows.acting import NotFound, NotLegal, as_it_is_now, check_legal
from flows.asking import request_id_of
from flows.desk_stores import DeskStores, OpenStores
from flows.feedback import counts_from_ms, judged, tell
from flows.running import RunningFlow
from operators.quantity import clock
from schema import Act, Incident

Status = Literal[
    "requested",  # the flow was told
    "refused",  # it is not legal as the incident is now
    "unknown",  # there is no such incident here
    "repeated",  # it was taken before, and nothing more comes of it
    "busy",  # it may be that somebody is at it: it is to come again
]
AT_IT_MS = 10_000  # so long whoever has begun to tell the flow is left to it
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
    """Takes callbacks for a flow. Used by several threads."""

    def __init__(
        self, flow: Callable[[], RunningFlow], stores: DeskStores, places: Places = lambda _: ()
    ) -> None:
        self._flow = flow
        self._stores = stores
        self._places = places

    def take(self, callback: Callback, now_ms: int) -> Taken:
        """Ask the flow for what the callback says.

        Raises: StoreAway, ConnectionError where it cannot be found out which incident is meant, and
        what the log raises that is away: it is to come again.
        """
        with self._stores.open() as stores:
            held = stores.callbacks.find(callback.id)
            if held is not None and held.answer:
                return Taken("repeated", held.answer)
            if held is None:
                made = self._made(stores, callback, now_ms)
                if made.status == "unknown":
                    return Taken(made.status, made.words)
                until_ms, commands = callback.until_ms, made.commands
                held = stores.callbacks.claim(callback.id, until_ms, commands, now_ms)
                if held is None:  # nobody was there before
                    self._tell(stores, commands, now_ms)
                    stores.callbacks.finish(callback.id, made.words)
                    return Taken(made.status, made.words)
                if held.answer:
                    return Taken("repeated", held.answer)
            if now_ms - held.made.at_ms < AT_IT_MS:
                return Taken("busy", "it is being taken; try again in a moment")
            self._tell(stores, held.made.commands, now_ms)  # whoever began was cut short
            answer = f"{WORDS[callback.asked]} was asked for before"
            stores.callbacks.finish(callback.id, answer)
            return Taken("repeated", answer)

    def seen(self, callback: Callback) -> tuple[Incident | None, str]:
        """Return the incident that it is about as it is now, and what was said if it was taken.

        Raises: StoreAway.
        """
        with self._stores.open() as stores:
            held = stores.callbacks.find(callback.id)
            try:
                incident = as_it_is_now(stores.incidents, callback.incidents[0])
            except NotFound:
                incident = None
        return incident, "" if held is None else held.answer or "it was asked for before"

    def _made(self, stores: OpenStores, callback: Callback, now_ms: int) -> "_Made":
        found = _found(stores, callback.incidents)
        if not found and callback.place:
            found = _found(stores, self._places(callback.place))
        if not found:
            return _Made("unknown", "there is no such incident here", ())
        commands: list[Told] = []
        words: list[str] = []
        for incident in found.values():
            try:
                command = self._command(stores, callback, incident, now_ms)
            except NotLegal as ex:
                words.append(str(ex))
                continue
            commands.append(command)
            at = clock(command.effective_ms, now_ms)
            words.append(f"{WORDS[callback.asked]} of {incident.id} is requested, in force at {at}")
        status: Status = "requested" if commands else "refused"
        return _Made(status, "; ".join(words), tuple(commands))

    def _command(
        self, stores: OpenStores, callback: Callback, incident: Incident, now_ms: int
    ) -> Told:
        flow, now = self._flow(), datetime.fromtimestamp(now_ms / 1000, UTC)
        effective_ms = counts_from_ms(incident, flow.tick_s, now, live=flow.live)
        request = request_id_of(f"{callback.id} {incident.id}", callback.at_ms)
        if callback.asked == "false_positive":
            word = Word(incident.id, "false_positive", callback.actor, callback.note, now_ms)
            told = judged(stores.feedback, incident, word, effective_ms, request).command
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

    def _tell(self, stores: OpenStores, commands: Sequence[Told], now_ms: int) -> None:
        flow = self._flow()
        for command in commands:
            if isinstance(command, Act):
                flow.log.append(command)
                stores.requests.ask(command, now_ms)
            else:
                tell(flow.log, stores.feedback, command, now_ms)


def _found(stores: OpenStores, names: Iterable[str]) -> dict[str, Incident]:
    """Return those of the incidents that are here, as they are now, by id."""
    found: dict[str, Incident] = {}
    for name in names:
        try:
            incident = as_it_is_now(stores.incidents, name)
        except NotFound:
            continue
        found[incident.id] = incident
    return found


class _Made(msgspec.Struct, frozen=True):
    status: Status
    words: str
    commands: tuple[Told, ...]
