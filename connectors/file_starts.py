"""How long each output file was when the flow first began to write it, kept beside the state."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from connectors.line_file import whole_lines

FILE = "files.json"

_LENGTHS = msgspec.json.Decoder(dict[str, int])


def note_starts(folder: Path, files: Iterable[str]) -> None:
    """Note the length of each file that has none noted; `folder` is the recovery store's.

    Raises: ValueError for a note that is not one of ours.
    """
    known = read_starts(folder)
    fresh = {file: whole_lines(Path(file)) for file in files if file not in known}
    if fresh:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{FILE}.{os.getpid()}"
        part.write_bytes(msgspec.json.encode(known | fresh))
        part.replace(folder / FILE)


def read_starts(folder: Path | None) -> dict[str, int]:
    """Return the lengths noted, none where nothing is kept.

    Raises: ValueError for a note that is not one of ours.
    """
    if folder is None or not (folder / FILE).exists():
        return {}
    try:
        return _LENGTHS.decode((folder / FILE).read_bytes())
    except msgspec.DecodeError as ex:
        raise ValueError(f"{folder / FILE}: must be lengths by file: {ex}") from ex
