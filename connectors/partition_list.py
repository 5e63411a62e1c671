"""The list of source partitions, in an order that lasts as long as the recovery store.

Key groups know a partition by its place in the list. Partitions that come later, of a topic that
has grown or of a new source, go behind those that are known.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

FILE = "partitions.json"

_NAMES = msgspec.json.Decoder(list[str])


def lasting_order(folder: Path | None, names: Sequence[str]) -> list[str]:
    """Return `names` in order; what `folder` remembers comes first. None: nothing is remembered.

    Raises: ValueError if a partition is gone, or the file is not one of ours.
    """
    if folder is None:
        return sorted(names)
    file = folder / FILE
    known = _read(file) if file.exists() else []
    gone = sorted(set(known) - set(names))
    if gone:
        raise ValueError(
            f"{file}: the sources must have every partition that the recovery store knows, "
            f"{gone[0]!r} is gone ({len(gone)} in all): bring it back, or start with a new "
            "recovery store"
        )
    order = known + sorted(set(names) - set(known))
    if order != known:
        folder.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f"{FILE}.{os.getpid()}")  # each process of a cluster writes the same
        fresh.write_bytes(msgspec.json.encode(order))
        fresh.replace(file)
    return order


def _read(file: Path) -> list[str]:
    try:
        return _NAMES.decode(file.read_bytes())
    except (msgspec.DecodeError, OSError) as ex:
        raise ValueError(f"{file}: must be a list of partitions: {ex}") from ex
