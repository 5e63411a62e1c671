"""Get what is due to one channel out of the outbox: retry, breaker, fallback, dead letters."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from connectors.channels.channel import Channel, Later, Message, Outcome, Refused, Sent
from connectors.incident_wire import decode_transition
from connectors.notify_meters import NotifyMeters
from connectors.outbox import Outbox, OutboxRow
from operators.backlog import settle_backlog
from operators.redelivery import RedeliverySettings
from schema import ChannelOptions, Notice, Transition

_log = logging.getLogger(__name__)

Render = Callable[[Notice, Transition | None, str], Message]
"""Makes a message of a notice, the event that it tells, and the receipt of the one before."""


@dataclass(frozen=True)
class Office:
    """What all couriers share."""

    outbox: Outbox
    render: Render
    settings: RedeliverySettings
    clock: Callable[[], int]  # ms
    meters: NotifyMeters = field(default_factory=NotifyMeters)
    stop: threading.Event = field(default_factory=threading.Event)  # after the message at hand


class Courier:
    """The one who serves a channel."""

    def __init__(
        self, name: str, channel: Channel, options: ChannelOptions, office: Office
    ) -> None:
        self._name = name
        self._channel = channel
        self._options = options
        self._outbox = office.outbox
        self._render = office.render
        self._settings = office.settings
        self._clock = office.clock
        self._meters = office.meters
        self._stop = office.stop
        self._failures = 0  # in a row
        self._closed_until_ms = 0
        self._meters.open(name)

    def deliver(self) -> int | None:
        """Send what can be sent now; return when to come again, None: not before something new."""
        now_ms = self._clock()
        rows = {row.notice.id: row for row in self._outbox.waiting(self._name)}
        self._meters.waiting.labels(self._name).set(len(rows))
        if not rows:
            return None
        self._ask_fallback(list(rows.values()), now_ms)
        if now_ms < self._closed_until_ms:
            return self._closed_until_ms
        incidents = sorted({row.notice.incident for row in rows.values() if row.notice.incident})
        delivered = self._outbox.delivered(self._name, incidents)
        backlog = settle_backlog(
            [row.notice for row in rows.values()],
            delivered.known,
            self._options.rate_messages,
            delivered.perhaps,
        )
        if backlog.digest:  # kept first: a crash between the two tells a thing twice, not never
            cause = f"digest:{now_ms}:{len(backlog.digest)}:{backlog.digest[-1]}"
            why = f"{len(backlog.digest)} incidents waited for the channel"
            digest = Notice("", 0, self._name, "digest", cause, now_ms, why, about=backlog.digest)
            self._outbox.decide({}, [(digest, "")])
        for notice_id, why in backlog.dropped:
            self._end(notice_id, "dropped", now_ms, why)
        if backlog.digest:
            return now_ms
        due: list[int] = []
        for notice in backlog.send:
            if self._stop.is_set():
                return now_ms
            row = rows[notice.id]
            if row.next_ms > now_ms:
                due.append(row.next_ms)
                continue
            again_ms = self._try(notice, row)
            if again_ms is not None:
                due.append(again_ms)
            if now_ms < self._closed_until_ms:
                return self._closed_until_ms
        return min(due, default=None)

    def _try(self, notice: Notice, row: OutboxRow) -> int | None:
        transition = decode_transition(row.body) if row.body else None
        receipt = self._outbox.receipt(self._name, notice.incident) if notice.incident else ""
        self._outbox.trying(row)
        outcome = self._send(self._render(notice, transition, receipt))
        now_ms = self._clock()
        if not isinstance(outcome, Later):
            self._answers()
        match outcome:
            case Sent():
                self._outbox.sent(notice, now_ms, outcome.receipt)
                self._meters.took(notice, now_ms)
                self._meters.waiting.labels(self._name).dec()
                return None
            case Refused():
                self._give_up(row, now_ms, outcome.error)
                return None
            case Later():
                return self._put_off(row, now_ms, outcome)

    def _send(self, message: Message) -> Outcome:
        try:
            return self._channel.send(message)
        except Exception as ex:  # noqa: BLE001  # a notifier that breaks must not stop the others
            _log.exception("channel %s broke", self._name)
            return Later(f"{type(ex).__name__} in the notifier", maybe=True)

    def _answers(self) -> None:
        self._failures = 0
        self._meters.closed.labels(self._name).set(0)

    def _put_off(self, row: OutboxRow, now_ms: int, outcome: Later) -> int | None:
        self._failures += 1
        if now_ms - row.notice.decided_ms >= self._settings.give_up_s * 1000:
            self._give_up(row, now_ms, outcome.error)
            return None
        wait_ms = self._settings.wait_ms(row.notice.id, row.attempts, outcome.after_s)
        next_ms = now_ms + wait_ms
        self._outbox.retry(row, next_ms, outcome.error, maybe=outcome.maybe)
        self._meters.retried.labels(self._name).inc()
        if self._failures >= self._settings.breaker_failures:
            self._closed_until_ms = next_ms  # then one attempt, and again
            self._meters.closed.labels(self._name).set(1)
            _log.warning("channel %s: %s; next attempt in %d s", self._name, outcome.error,
                         wait_ms // 1000)  # fmt: skip
        return next_ms

    def _give_up(self, row: OutboxRow, now_ms: int, error: str) -> None:
        _log.error("channel %s: %s is not delivered: %s", self._name, row.notice.id, error)
        # passed on first: a crash between the two passes it on once all the same, by its id
        self._pass_on(row, now_ms, f"{self._name} could not be told: {error}")
        self._end(row.notice.id, "failed", now_ms, error)

    def _end(
        self, notice_id: str, how: Literal["dropped", "failed"], now_ms: int, why: str
    ) -> None:
        self._outbox.end([notice_id], how, now_ms, why)
        counter = self._meters.dropped if how == "dropped" else self._meters.failed
        counter.labels(self._name).inc()
        self._meters.waiting.labels(self._name).dec()

    def _ask_fallback(self, rows: list[OutboxRow], now_ms: int) -> None:
        """Let another channel hear of what has waited for too long; once each."""
        for row in rows:
            waited_ms = now_ms - row.notice.decided_ms
            tried = row.attempts > 0 or now_ms < self._closed_until_ms
            late = waited_ms >= self._settings.fallback_after_s * 1000
            if tried and late and row.notice.kind == "trigger":
                self._pass_on(row, now_ms, f"{self._name} has not been reached: {row.note}")

    def _pass_on(self, row: OutboxRow, now_ms: int, why: str) -> None:
        if not self._options.fallback:
            return
        cause = f"fallback:{self._name}:{row.notice.cause}"
        passed = msgspec.structs.replace(
            row.notice, channel=self._options.fallback, cause=cause, decided_ms=now_ms, reason=why
        )
        self._outbox.decide({}, [(passed, row.body)])
