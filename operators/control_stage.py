"""From the control log to the key groups: each command once to every group, then the watermark."""

from collections.abc import Sequence

import msgspec
import numpy as np

from operators.groups import group_names
from operators.ingest import FOREVER_MS, NEVER_MS, Ingested, IngestSettings
from operators.packing import Packed, pack
from schema import Command, Drift, Promotion, Tally, stable_id

_NO_U64, _NO_I64, _NO_F64 = np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0)


class ControlState(msgspec.Struct, frozen=True, tag="commands.v1"):
    """What must be remembered over a restart."""

    watermark_ms: int = NEVER_MS
    said: tuple[int, ...] = ()  # names of the commands sent on, sorted
    waiting: tuple[Drift, ...] = ()  # requests without an answer


class Broadcast:
    """The stage of the control log; see `connectors.control_source.ControlStage`.

    A command is sent on once, however often it stands in the log: a flow that goes on after a
    crash writes what it had written. Of several answers to one request the first counts.
    Memory: 8 bytes a command.
    """

    def __init__(self, settings: IngestSettings, index: int, resume: bytes | None = None) -> None:
        state = ControlState()
        if resume is not None:
            state = msgspec.msgpack.decode(resume, type=ControlState)
        self._tick_ms = settings.tick_s * 1000
        self._keys = group_names(settings.groups)
        self._index = index
        self._watermark = state.watermark_ms
        self._sent_tick = NEVER_MS
        self._said = set(state.said)
        self._waiting = {request.id: request for request in state.waiting}

    @property
    def watermark_ms(self) -> int:
        """Event time before which every command has been sent on."""
        return self._watermark

    def take(self, commands: Sequence[Command], watermark_ms: int) -> Ingested | None:
        """Send on the commands that are new, and the watermark where a tick may close by it.

        A command whose time the watermark had passed takes effect at the watermark, in all groups.
        """
        fresh = tuple(self._in_time(command) for command in commands if self._is_new(command))
        self._watermark = max(self._watermark, watermark_ms)
        tick = self._watermark // self._tick_ms
        if not fresh and tick == self._sent_tick:
            return None
        self._sent_tick = tick
        return self._to_all(self._watermark, fresh)

    def unanswered(self) -> list[Drift]:
        """Return the requests for a model that nothing has answered yet, by age."""
        return sorted(self._waiting.values(), key=lambda r: (r.retrain_by_ms, r.id))

    def end(self) -> Ingested:
        """Send on that no command follows."""
        return self._to_all(FOREVER_MS, (), end=True)

    def snapshot(self) -> bytes:
        """Return the state."""
        state = ControlState(self._watermark, tuple(sorted(self._said)), tuple(self.unanswered()))
        return msgspec.msgpack.encode(state)

    def _in_time(self, command: Command) -> Command:
        """Return a command, if too late as one of the watermark: no group is ahead of that."""
        if command.effective_ms >= self._watermark:
            return command
        return msgspec.structs.replace(command, effective_ms=self._watermark)

    def _is_new(self, command: Command) -> bool:
        name = stable_id(_name(command))
        if name in self._said:
            return False
        self._said.add(name)
        match command:
            case Drift() if stable_id(f"answer {command.id}") not in self._said:
                self._waiting[command.id] = command
            case Promotion():
                self._waiting.pop(command.request, None)
        return True

    def _to_all(
        self, watermark_ms: int, commands: tuple[Command, ...], end: bool = False
    ) -> Ingested:
        packed = [
            (
                key,
                pack(
                    Packed(
                        group=group,
                        partition=self._index,
                        watermark_ms=watermark_ms,
                        max_event_ms=NEVER_MS,
                        end=end,
                        uid=_NO_U64,
                        ts_ms=_NO_I64,
                        value=_NO_F64,
                        names=(),
                        commands=commands,
                    )
                ),
            )
            for group, key in enumerate(self._keys)
        ]
        return Ingested(packed, Tally("control", "log"))


def _name(command: Command) -> str:
    """Return what two records have in common if they say the same."""
    match command:
        case Drift():
            return f"drift {command.id}"
        case Promotion() if command.request:
            return f"answer {command.request}"
    return msgspec.json.encode(command).decode()
