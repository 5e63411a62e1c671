"""Incidents told on a fake clock: (minute, event) in, (minute, message) out."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from operators.dispatch import Dispatch, DispatchState, Policy
from schema import Event, Incident, Member, Notice, Resource, Severity, State, Transition

START_MS = round(datetime(2026, 3, 2, 12, 0, tzinfo=UTC).timestamp() * 1000)  # a Monday
MINUTE_MS = 60_000
STATES: dict[Event, State] = {
    "acknowledged": "acknowledged", "resolved": "resolved", "closed": "closed", "merged": "merged",
}  # fmt: skip

Told = tuple[float, str, str]  # minute, what, to whom


def incident(name: str = "inc-1", resource: str = "db-1", **changes: Any) -> Incident:  # noqa: ANN401  # any field of an incident
    where = Resource("aws", "aws.rds", "1", "eu-west-1", resource, (("team", "shop"),))
    member = Member(where, "metrics", START_MS, START_MS, None, 0.9, 5.0, ())
    made = Incident(
        name, 1, "open", Severity.HIGH, (), "title", "hint", (), START_MS, START_MS, START_MS,
        None, 0.9, 1, (member,),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


class Timeline:
    """A dispatch whose clock is turned by hand; it is saved and read back at every event."""

    def __init__(self, policy: Policy, start_ms: int = START_MS) -> None:
        self._policy, self._start_ms = policy, start_ms
        self._state = DispatchState()
        self._known: dict[str, Incident] = {}
        self.notices: list[Notice] = []

    def tell(
        self,
        minute: float,
        event: Event = "opened",
        name: str = "inc-1",
        **changes: Any,  # noqa: ANN401
    ) -> None:
        """Let time pass, then let an incident say something."""
        self.pass_until(minute)
        before = self._known.get(name)
        now = incident(name, **changes) if before is None else before
        state = STATES.get(event, now.state)
        if event in ("reopened", "unacknowledged"):
            state = "open"
        revision = 1 if before is None else before.revision + 1
        now = msgspec.structs.replace(now, state=state, revision=revision)
        if before is not None:
            changes.pop("resource", None)
            now = msgspec.structs.replace(now, **changes)
        self._known[name] = now
        at_ms = self._ms(minute)
        said = Transition(event, at_ms, "ann", f"it {event}", now)
        dispatch = self._dispatch()
        self.notices += dispatch.take(said, at_ms)
        assert dispatch.take(said, at_ms) == []  # once more
        self.notices += dispatch.pass_until(at_ms)

    def pass_until(self, minute: float) -> None:
        dispatch = self._dispatch()
        while (due_ms := dispatch.next_due_ms()) is not None and due_ms < self._ms(minute):
            said = dispatch.pass_until(due_ms)
            self.notices += said
            assert dispatch.next_due_ms() != due_ms, "it must not ask for the same time for ever"

    def _dispatch(self) -> Dispatch:
        kept = msgspec.msgpack.encode(self._state)
        self._state = msgspec.msgpack.decode(kept, type=DispatchState)
        return Dispatch(self._policy, self._state)

    def _ms(self, minute: float) -> int:
        return self._start_ms + round(minute * MINUTE_MS)

    def messages(self) -> list[Told]:
        return self._shown([notice for notice in self.notices if not notice.held])

    def held(self) -> list[tuple[float, str, str]]:
        return [
            (self._minute(notice), notice.reason, notice.channel)
            for notice in self.notices
            if notice.held
        ]

    def _shown(self, notices: Sequence[Notice]) -> list[Told]:
        return [
            (
                self._minute(notice),
                f"{notice.kind} {notice.incident or '+'.join(notice.about)}",
                notice.channel,
            )
            for notice in notices
        ]

    def _minute(self, notice: Notice) -> float:
        return (notice.decided_ms - self._start_ms) / MINUTE_MS
