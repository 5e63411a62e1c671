"""What a recovery store holds of the detect flow: shown, and verified."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from connectors.control_partition import Held
from connectors.control_source import NAME as CONTROL
from connectors.partition import Standing
from connectors.recovery_manifest import RecoveryError, Shape, read_shape
from connectors.recovery_reader import (
    Part,
    Snapshot,
    Start,
    check_file,
    opened,
    part_files,
    read_part,
    read_snapshots,
)
from flows.detect import FLOW_ID
from operators.control_stage import ControlState
from operators.drift import DriftState
from operators.ingest import IngestState
from operators.keygroup_state import GroupState, check_arrays
from operators.triage import TriageState

_READ, _GROUPS, _DRIFT, _TRIAGE = (
    f"{FLOW_ID}.{step}" for step in ("read", "detect.group", "drift.drifts", "triage.triage")
)
NEVER = 1 << 62  # an epoch that does not come


class Step(msgspec.Struct, frozen=True):
    """What a step of the flow holds, as a start would find it."""

    step: str
    keys: int
    bytes: int
    newest: str  # UTC, when the last of its snapshots was written


class Place(msgspec.Struct, frozen=True):
    """Where a source partition goes on; what cannot be read is left out."""

    partition: str
    index: int
    position: int | None
    ended: bool


class Inspection(msgspec.Struct, frozen=True):
    """What `foreshock recovery inspect` tells."""

    folder: str
    made_for: Shape | None
    partitions: int
    file_bytes: int
    starts: int
    last_start: Start | None
    resume_epoch: int
    steps: tuple[Step, ...]
    places: tuple[Place, ...]


class Damage(msgspec.Struct, frozen=True):
    """Something that is wrong with a store."""

    where: str
    what: str
    in_use: bool = True  # False: of a snapshot that a newer one has replaced


class Verdict(msgspec.Struct, frozen=True):
    """What `foreshock recovery verify` tells."""

    folder: str
    snapshots: int  # read
    damages: tuple[Damage, ...]


def inspect(folder: Path) -> Inspection:
    """Return what is in a store, which a run may be writing to.

    Raises: RecoveryError if there is none or it cannot be read.
    """
    parts = [read_part(file) for file in part_files(folder)]
    resume = resume_epoch(parts)
    held: dict[str, list[Snapshot]] = {}
    for each in _newest(parts, resume):
        held.setdefault(each.step, []).append(each)
    starts = sorted((start for part in parts for start in part.starts), key=lambda s: s.number)
    return Inspection(
        str(folder),
        read_shape(folder),
        parts[0].count,
        sum(file.stat().st_size for file in folder.glob("part-*")),
        len(starts),
        starts[-1] if starts else None,
        resume,
        tuple(
            Step(step, len(all_), sum(each.size for each in all_), max(e.written for e in all_))
            for step, all_ in sorted(held.items())
        ),
        tuple(place for each in held.get(_READ, ()) if (place := _place(each)) is not None),
    )


def verify(folder: Path) -> Verdict:
    """Read every snapshot of a store and decode it; say what is damaged.

    Raises: RecoveryError if there is no store.
    """
    damages: list[Damage] = []
    parts: list[Part] = []
    for file in part_files(folder):
        try:
            damages += [Damage(file.name, found) for found in check_file(file)]
            parts.append(read_part(file))
        except RecoveryError as ex:
            damages.append(Damage(file.name, str(ex)))
    missing = _missing(parts)
    resume = NEVER if missing else resume_epoch(parts)  # the file that would say may be gone
    damages += missing
    damages += [
        Damage(part.file.name, f"has let go of epoch {resume}, from which the flow would go on")
        for part in parts
        if part.committed is not None and part.committed > resume
    ]
    count = 0
    newest = {(s.part, s.step, s.key): s.epoch for s in _newest(parts, resume, damages)}
    for part in parts:
        for each in _readable(part, []):
            count += 1
            found = _fault(each)
            if found:
                where = f"{part.file.name}: {each.step}, {each.key}, epoch {each.epoch}"
                in_use = newest.get((each.part, each.step, each.key)) == each.epoch
                damages.append(Damage(where, found, in_use))
    return Verdict(str(folder), count, tuple(damages))


def resume_epoch(parts: Sequence[Part]) -> int:
    """Return the epoch that a start would go on from: the least that a worker has not ended."""
    starts = [start for part in parts for start in part.starts]
    if not starts:
        return 1
    last = max(starts, key=lambda start: start.number)
    fronts = {at: epoch for part in parts for at, epoch in part.fronts.items()}
    return min(fronts.get((last.number, i), last.epoch) for i in range(last.workers))


def _newest(
    parts: Sequence[Part], resume: int, damages: list[Damage] | None = None
) -> Iterator[Snapshot]:
    """Yield what each key goes on from, without what it holds."""
    for part in parts:
        last: Snapshot | None = None
        for each in _readable(part, damages):
            if each.epoch >= resume:
                continue
            if last is not None and (last.step, last.key) != (each.step, each.key) and last.size:
                yield last
            last = each
        if last is not None and last.size:
            yield last


def _readable(part: Part, damages: list[Damage] | None) -> Iterator[Snapshot]:
    try:
        yield from read_snapshots(part)
    except RecoveryError as ex:
        if damages is None:
            raise
        damages.append(Damage(part.file.name, str(ex)))


def _missing(parts: Sequence[Part]) -> list[Damage]:
    count = max((part.count for part in parts), default=0)
    gone = sorted(set(range(count)) - {part.index for part in parts})
    return [Damage(f"part-{i}.sqlite3", f"is missing, the store has {count} files") for i in gone]


def _place(snapshot: Snapshot) -> Place | None:
    try:
        standing = msgspec.msgpack.decode(_bytes(snapshot), type=Standing)
    except (msgspec.DecodeError, ValueError):
        return None
    return Place(snapshot.key, standing.index, standing.position, standing.eof)


def _fault(snapshot: Snapshot) -> str:
    """Return what is wrong with a snapshot, "" if nothing is."""
    if snapshot.raw is None:
        return ""
    decode = msgspec.msgpack.decode
    try:
        if snapshot.step == _READ:
            stage = decode(_bytes(snapshot), type=Standing).stage
            if snapshot.key != CONTROL:
                decode(stage, type=IngestState)
            elif stage and (held := decode(stage, type=Held).stage):
                decode(held, type=ControlState)
        elif snapshot.step == _GROUPS:
            check_arrays(decode(_bytes(snapshot), type=GroupState))
        elif snapshot.step == _TRIAGE:
            decode(_bytes(snapshot), type=TriageState)
        elif snapshot.step == _DRIFT:
            decode(_bytes(snapshot), type=DriftState)
        else:
            opened(snapshot.raw)  # a sink's: a number, or nothing
    except (msgspec.DecodeError, ValueError) as ex:
        return " ".join(str(ex).split())
    return ""


def _bytes(snapshot: Snapshot) -> bytes:
    found = opened(snapshot.raw or b"")
    if not isinstance(found, bytes):
        raise ValueError(f"must hold bytes, got {type(found).__name__}")  # noqa: TRY004  # data
    return found
