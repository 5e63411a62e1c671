"""What a recovery store was made for: kept beside the state, and compared at every start."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

FILE = "store.json"

Plain = bool | int | float | str | tuple[str, ...]


class RecoveryError(ValueError):
    """The recovery store cannot be gone on with; the message says what to do."""


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What state depends on: it means nothing to a flow of another shape."""

    flow: str
    release: str  # of Foreshock, the last that has started on the store
    formats: dict[str, str]  # what holds state: the version of its snapshots
    settings: dict[str, Plain]  # dotted names, as in the settings file


def settle(folder: Path, shape: Shape, older: Sequence[str] = ()) -> None:
    """Compare the store in `folder` with the flow that is to go on from it, and note its release.

    A folder without a note, as a new one, gets it. `older` are formats of earlier releases that
    this one reads.

    Raises: RecoveryError, which names what differs and what to do.
    """
    check_shape(folder, shape, older)
    if read_shape(folder) != shape:
        fresh = folder / f"{FILE}.{os.getpid()}"
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(shape, order="sorted")) + b"\n")
        fresh.replace(folder / FILE)


def check_shape(folder: Path, shape: Shape, older: Sequence[str] = ()) -> None:
    """Compare and change nothing; see `settle`."""
    found = read_shape(folder)
    if found is not None:
        _compare(folder, found, shape, older)


def read_shape(folder: Path) -> Shape | None:
    """Return what the store was made for; None where nothing is noted.

    Raises: RecoveryError for a note that is not one of ours.
    """
    file = folder / FILE
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(raw, type=Shape)
    except msgspec.DecodeError as ex:
        raise RecoveryError(f"{file}: must say what the store was made for: {ex}") from ex


def _compare(folder: Path, found: Shape, now: Shape, older: Sequence[str]) -> None:
    anew = "or start with another recovery.dir, which learns anew"
    if found.flow != now.flow:
        raise RecoveryError(
            f"{folder}: holds the state of {found.flow!r}, this is {now.flow!r}: give each flow "
            "a recovery.dir of its own"
        )
    for part, version in sorted(found.formats.items()):
        reads = now.formats.get(part)
        if version != reads and version not in older:
            raise RecoveryError(
                f"{folder}: {part} is kept as {version} by Foreshock {found.release}, "
                f"{now.release} reads {reads or 'no such state'}: go on with {found.release}, "
                f"{anew}"
            )
    for name, value in sorted(found.settings.items()):
        wanted = now.settings.get(name)
        if name in now.settings and _plain(value) != _plain(wanted):
            raise RecoveryError(
                f"{folder}: the store was made with {name} {_shown(value)}, the settings say "
                f"{_shown(wanted)}: set it back, {anew}"
            )


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list | tuple) else value


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
