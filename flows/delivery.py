"""Get what is due to one channel out of the outbox: retry, breaker, fallback, dead letters."""

import logging
import zlib
from collections.abc import Callable

import msgspec

from connectors.channels.channel import Channel, Later, Message, Outcome, Refused, Sent
from connectors.incident_wire import decode_transition
from connectors.outbox import Outbox, OutboxRow
from operators.backlog import settle_backlog
from schema import ChannelOptions, Notice, Transition

_log = logging.getLogger(__name__)

Render = Callable[[Notice, Transition | None, str], Message]
"""Makes a message of a notice, the event that it tells, and the receipt of the one before."""


class DeliverySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `notify.delivery`."""

    backoff_s: float = 2.0  # before the second attempt; doubled each time
    max_backoff_s: float = 300.0
    give_up_s: float = 21_600.0  # after so long a message is a dead letter
    breaker_failures: int = 5  # in a row: the channel is left alone for a while
    fallback_after_s: float = 300.0  # a trigger that waits so long goes to the fallback as well

    def __post_init__(self) -> None:
        if not 0 < self.backoff_s <= self.max_backoff_s <= 86_400:
            raise ValueError(
                "backoff_s and max_backoff_s must be in (0, 86400] s, in this order, "
                f"got {(self.backoff_s, self.max_backoff_s)!r}"
            )
        if not 0 < self.give_up_s <= 2_592_000:
            raise ValueError(f"give_up_s must be in (0, 2592000] s, got {self.give_up_s!r}")
        if self.breaker_failures < 1:
            raise ValueError(f"breaker_failures must be 1 or more, got {self.breaker_failures!r}")
        if not self.fallback_after_s >= 0:
            raise ValueError(f"fallback_after_s must be 0 or more, got {self.fallback_after_s!r}")


class Courier:
    """The one who serves a channel. Knows the time only as it is told."""

    def __init__(
        self,
        name: str,
        channel: Channel,
        options: ChannelOptions,
        outbox: Outbox,
        render: Render,
        settings: DeliverySettings,
    ) -> None:
        self._name = name
        self._channel = channel
        self._options = options
        self._outbox = outbox
        self._render = render
        self._settings = settings
        self._failures = 0  # in a row
        self._closed_until_ms = 0

    def deliver(self, now_ms: int) -> int | None:
        """Send what can be sent now; return when to come again, None: not before something new."""
        rows = {row.notice.id: row for row in self._outbox.waiting(self._name)}
        if not rows:
            return None
        self._ask_fallback(list(rows.values()), now_ms)
        if now_ms < self._closed_until_ms:
            return self._closed_until_ms
        incidents = sorted({row.notice.incident for row in rows.values() if row.notice.incident})
        delivered = self._outbox.delivered(self._name, incidents)
        backlog = settle_backlog(
            [row.notice for row in rows.values()], delivered, self._options.rate_messages
        )
        for notice_id, why in backlog.dropped:
            self._outbox.end([notice_id], "dropped", now_ms, why)
        if backlog.digest:
            cause = f"digest:{rows[backlog.dropped[-1][0]].notice.cause}:{backlog.digest[0]}"
            why = f"{len(backlog.digest)} incidents waited for the channel"
            digest = Notice("", 0, self._name, "digest", cause, now_ms, why, about=backlog.digest)
            self._outbox.decide({}, [(digest, "")])
            return now_ms
        due: list[int] = []
        for notice in backlog.send:
            row = rows[notice.id]
            if row.next_ms > now_ms:
                due.append(row.next_ms)
                continue
            again_ms = self._try(notice, row, now_ms)
            if again_ms is not None:
                due.append(again_ms)
            if now_ms < self._closed_until_ms:
                return self._closed_until_ms
        return min(due, default=None)

    def _try(self, notice: Notice, row: OutboxRow, now_ms: int) -> int | None:
        transition = decode_transition(row.body) if row.body else None
        receipt = self._outbox.receipt(self._name, notice.incident) if notice.incident else ""
        outcome = self._send(self._render(notice, transition, receipt))
        match outcome:
            case Sent():
                self._failures = 0
                self._outbox.sent(notice, now_ms, outcome.receipt)
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
            return Later(f"{type(ex).__name__} in the notifier")

    def _put_off(self, row: OutboxRow, now_ms: int, outcome: Later) -> int | None:
        self._failures += 1
        if now_ms - row.notice.decided_ms >= self._settings.give_up_s * 1000:
            self._give_up(row, now_ms, outcome.error)
            return None
        wait_s = self._backoff_s(row)
        if outcome.after_s is not None:
            wait_s = max(wait_s, min(outcome.after_s, self._settings.max_backoff_s))
        next_ms = now_ms + round(wait_s * 1000)
        self._outbox.retry(row.notice.id, next_ms, outcome.error)
        if self._failures >= self._settings.breaker_failures:
            self._closed_until_ms = next_ms  # then one attempt, and again
            _log.warning("channel %s is left alone for %.0f s: %s", self._name, wait_s,
                         outcome.error)  # fmt: skip
        return next_ms

    def _backoff_s(self, row: OutboxRow) -> float:
        """Return an exponential wait; the jitter is drawn from what is sent."""
        grown = self._settings.backoff_s * 2.0 ** min(row.attempts, 30)
        share = zlib.crc32(f"{row.notice.id} {row.attempts}".encode()) / 2**32
        return min(grown, self._settings.max_backoff_s) * (0.5 + share / 2)

    def _give_up(self, row: OutboxRow, now_ms: int, error: str) -> None:
        _log.error("channel %s: %s is not delivered: %s", self._name, row.notice.id, error)
        self._outbox.end([row.notice.id], "failed", now_ms, error)
        self._pass_on(row, now_ms, f"{self._name} could not be told: {error}")

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
