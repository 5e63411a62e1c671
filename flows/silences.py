"""What silences a flow knows: those of its control log and of its settings, as they stand."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec

from connectors.control_log import Record
from operators.silences import SilenceSettings, check_silence, in_force, next_change_ms
from schema import Expire, Silence

State = Literal["requested", "active", "pending", "expired", "refused"]


class Known(NamedTuple):
    """A silence as it is after all that was said of it."""

    silence: Silence
    origin: Literal["log", "settings"]
    expired: Expire | None = None  # who ended it before its time
    wrong: str = ""  # why the flow does not obey it

    def state(self, now_ms: int) -> State:
        """Return where in its life it is; one that recurs is pending between two times.

        Until the flow knows it, which it does at the time that it bears, it is requested.
        """
        if self.wrong:
            return "refused"
        if now_ms >= self.silence.ends_ms:
            return "expired"
        if self.origin == "log" and now_ms < self.silence.effective_ms:
            return "requested"
        return "active" if in_force(self.silence, now_ms) else "pending"

    def change_ms(self, now_ms: int) -> int:
        """Return when its state will be another, or, once it has ended, when it did."""
        silence = self.silence
        if now_ms >= silence.ends_ms:
            return silence.ends_ms
        if self.origin == "log" and now_ms < silence.effective_ms:
            now_ms = silence.effective_ms
            if in_force(silence, now_ms):
                return now_ms
        found = next_change_ms(silence, now_ms)
        if found is not None and not in_force(silence, now_ms) and not in_force(silence, found):
            found = next_change_ms(silence, found)  # it starts between two times of its recurrence
        return silence.ends_ms if found is None else found


def known_silences(
    records: Iterable[Record], settings: Sequence[SilenceSettings] = ()
) -> list[Known]:
    """Return every silence, by id, after the records have been obeyed in the flow's order."""
    known: dict[str, Known] = {}
    for record in sorted(
        (each for each in records if isinstance(each, Silence | Expire)), key=_place
    ):
        if isinstance(record, Silence):
            wrong = not_obeyed(record)
            if not wrong or record.id not in known:
                known[record.id] = Known(record, "log", wrong=wrong)
        elif record.silence in known:
            before, wrong = known[record.silence].silence, known[record.silence].wrong
            if record.effective_ms < before.ends_ms:
                ended = msgspec.structs.replace(before, ends_ms=record.effective_ms)
                known[record.silence] = Known(ended, "log", record, wrong)
    for each in settings:
        known[each.id] = Known(each.silence(), "settings")
    return [known[name] for name in sorted(known)]


def not_obeyed(silence: Silence) -> str:
    """Return why the flow does not obey one that no command of ours has written; "": it does."""
    try:
        check_silence(silence, everything=True)
    except ValueError as ex:
        return str(ex)
    return ""


def _place(record: Silence | Expire) -> tuple[int, str, bytes]:
    return record.effective_ms, type(record).__name__, msgspec.msgpack.encode(record)
