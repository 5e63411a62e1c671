"""The control log as one more partition of the source: when it is read, and its watermark."""

import logging
import math
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec
from bytewax.inputs import StatefulSourcePartition

from connectors.control_log import IdleMark
from connectors.control_source import ControlSource
from connectors.origin import Item
from connectors.pace import Pace
from connectors.partition import NEVER_MS, Standing
from schema import Command, Promotion

logger = logging.getLogger(__name__)

MARGIN_MS = 5_000  # by which a writer's clock may be behind the flow's
PULL_S = 5.0  # between two looks at what pipelines have announced
WAIT_S, LIVE_WAIT_S = 0.002, 0.1  # between two looks at the frontier and the clock


class Held(msgspec.Struct, frozen=True, tag="control.v1"):
    """Snapshot of what the partition itself must remember."""

    stage: bytes = b""
    newest_ms: int = NEVER_MS  # highest watermark of the others
    start_ms: int = NEVER_MS  # what stands for the frontier until the first tick is judged


class ControlPartition(StatefulSourcePartition[Item, bytes]):
    """The open log."""

    def __init__(
        self,
        source: ControlSource[Item],
        standing: Standing,
        pace: Pace,
        stop: threading.Event,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        held = Held() if not standing.stage else msgspec.msgpack.decode(standing.stage, type=Held)
        self._settings = source.settings
        self._guide = source.guide
        self._standing = standing
        self._log = source.log
        self._tail = source.log.tail(standing.position)
        self._stage = source.stage(standing.index, held.stage or None)
        self._pace = pace
        self._frontier = source.frontier
        self._stop = stop
        self._clock = clock
        self._monotonic = monotonic
        self._newest_ms = held.newest_ms
        self._start_ms = held.start_ms
        self._next_look_s = monotonic()
        self._answered = True  # by the log; else it is asked less often
        self._behind = False  # the flow is further back than the clock lets it be
        self._held_since: dict[str, float] = {}  # requests that stop everything, since when
        self._eof = False
        self._deploys = None if source.deploys is None else source.deploys()
        self._next_pull_s = monotonic()
        pace.rest(standing.index, self._stage.watermark_ms)

    def next_batch(self) -> list[Item]:
        """Return an item if commands have come or another tick may close."""
        if self._eof or self._stop.is_set():
            raise StopIteration  # a stop emits no end
        passed_ms = self._passed_ms()  # before the log is read: what was found so far is in it
        target_ms = self._target_ms(passed_ms)
        now_s = self._monotonic()
        tick_ms = self._guide.tick_ms
        ticks = target_ms // tick_ms - self._stage.watermark_ms // tick_ms
        if now_s < self._next_look_s and not (ticks > 0 and self._answered):
            return []
        self._next_look_s = now_s + self._settings.poll_s
        if not self._pull_deploys(now_s):
            return []
        records = self._tail.read()
        self._answered = records is not None
        if records is None:
            return []
        commands = [record for record in records if not isinstance(record, IdleMark)]
        self._tell_late(commands)
        item = self._stage.take(commands, self._stage.watermark_ms)
        items = [] if item is None else [item]
        item = self._move(self._target_ms(passed_ms))
        return items if item is None else [*items, item]

    def next_awake(self) -> datetime | None:
        """Return when to be called again: soon, since others wait for this watermark.

        At once in a replay, and in a live flow that catches up: there it is the frontier that holds
        it back, which moves with each word of the flow, and not the clock.
        """
        wait_s = LIVE_WAIT_S if self._guide.live and not self._behind else WAIT_S
        return self._clock() + timedelta(seconds=wait_s)

    def snapshot(self) -> bytes:
        """Return where the log is to be read on, and what is known of its records."""
        held = Held(self._stage.snapshot(), self._newest_ms, self._start_ms)
        standing = msgspec.structs.replace(
            self._standing,
            position=self._tail.position,
            eof=self._eof,
            stage=msgspec.msgpack.encode(held),
        )
        return msgspec.msgpack.encode(standing)

    def close(self) -> None:
        """Close the log."""
        self._tail.close()
        if self._deploys is not None:
            self._deploys.close()

    def _pull_deploys(self, now_s: float) -> bool:
        """Write what was announced into the log, now and then; return whether to go on.

        A replay takes all of it before anything else, once. A live flow waits for nobody.
        """
        if self._deploys is None or now_s < self._next_pull_s:
            return True
        live = self._guide.live
        answered = self._deploys.pull(self._clock())
        if live or answered:
            self._next_pull_s = now_s + PULL_S if live else math.inf
        return live or answered

    # ------------------------------------------------------------------ the watermark

    def _passed_ms(self) -> int | None:
        """Return the frontier, or what stands for it until the flow has judged its first tick."""
        newest_ms = self._pace.highest_besides_ms(self._standing.index)
        if newest_ms is not None:
            self._newest_ms = max(self._newest_ms, newest_ms)
        passed_ms = self._frontier.lowest_ms()
        if passed_ms is not None:
            return passed_ms
        if self._start_ms <= NEVER_MS:
            lowest_ms = self._pace.lowest_besides_ms(self._standing.index)
            if self._pace.ended_besides(self._standing.index):
                lowest_ms = self._newest_ms
            if lowest_ms is not None:
                self._start_ms = lowest_ms
        return self._start_ms if self._start_ms > NEVER_MS else None

    def _target_ms(self, passed_ms: int | None) -> int:
        """Return how far the watermark may go."""
        guide = self._guide
        limits = []
        if guide.live:
            limits.append(int(self._clock().timestamp() * 1000) - MARGIN_MS)
        if guide.lead_ms is not None:
            ahead_ms = NEVER_MS if passed_ms is None else passed_ms + guide.lead_ms
            self._behind = passed_ms is not None and ahead_ms < min(limits, default=ahead_ms)
            limits.append(ahead_ms)
        if guide.waits:
            limits += [request.retrain_by_ms for request in self._stage.unanswered()]
        return min(limits, default=self._stage.watermark_ms)

    def _move(self, target_ms: int) -> Item | None:
        if self._guide.ends or self._is_over(target_ms):
            self._eof = True
            self._pace.end(self._standing.index)
            return self._stage.end()
        self._give_up_waiting(target_ms)
        item = self._stage.take((), max(target_ms, self._stage.watermark_ms))
        self._pace.rest(self._standing.index, self._stage.watermark_ms)
        return item

    def _is_over(self, target_ms: int) -> bool:
        """Whether nothing that is still to be judged can ask for anything."""
        if not self._pace.ended_besides(self._standing.index):
            return False
        nothing = self._newest_ms <= NEVER_MS
        return self._guide.live or nothing or target_ms > self._newest_ms + self._guide.slack_ms

    def _give_up_waiting(self, target_ms: int) -> None:
        """Answer, in the log, a request that nobody has answered for too long."""
        waiting = self._stage.unanswered() if self._guide.waits else []
        held = {r.id: r for r in waiting if r.retrain_by_ms <= target_ms}
        now_s = self._monotonic()
        self._held_since = {id_: self._held_since.get(id_, now_s) for id_ in held}
        for id_, since_s in self._held_since.items():
            if now_s - since_s > self._settings.wait_s:
                request = held[id_]
                logger.warning("%s: no model came within %g s", id_, self._settings.wait_s)
                self._held_since[id_] = now_s
                self._log.append(
                    Promotion(request.service, "", request.retrain_by_ms, id_, "timed out")
                )

    def _tell_late(self, commands: Sequence[Command]) -> None:
        for command in commands:
            if command.effective_ms < self._stage.watermark_ms:
                logger.warning(
                    "%s of %d ms came when ticks up to %d ms could have closed: it takes effect "
                    "there, a replay may differ",
                    type(command).__name__,
                    command.effective_ms,
                    self._stage.watermark_ms,
                )
