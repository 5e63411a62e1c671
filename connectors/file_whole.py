"""Files that are one payload: those of binary formats, whatever they are called."""

from collections.abc import Generator
from pathlib import Path

from connectors.file_lines import Run, head_of, unreadable
from connectors.formats.auto import AUTO
from connectors.formats.registry import BINARY_FORMATS

HEAD_BYTES = 4096

_TEXT = bytes({*range(0x20, 0x100), *b"\t\n\r"})  # JSON and tables have no other controls


def is_whole(format_name: str, head: bytes) -> bool:
    """Say whether a file that begins so is one payload: its format is binary, or `auto` sees it."""
    if format_name != AUTO:
        return format_name in BINARY_FORMATS
    return bool(head.translate(None, _TEXT))


def reads_whole(path: Path, format_name: str) -> bool:
    """Say whether a file is one payload, once gzip and Zstandard are undone.

    Raises: OSError if it cannot be read.
    """
    return is_whole(format_name, head_of(path, HEAD_BYTES) if format_name == AUTO else b"")


def read_whole(path: Path, start: int, max_bytes: int) -> Generator[Run, None, None]:
    """Yield the file as one payload at position 0, as it is: its encoding is for the decoder.

    An empty file has no payload. One longer than `max_bytes` is cut there and marked unreadable.
    Raises: ValueError if `start` is beyond its one payload: it is not the file that was read.
    """
    with path.open("rb") as file:
        payload = file.read(max_bytes + 1)
    count = 1 if payload else 0
    if start > count:
        raise ValueError(f"{path}: must have at least {start} payloads to go on, got {count}")
    if len(payload) > max_bytes:
        size = path.stat().st_size
        payload = unreadable(f"cut at {max_bytes} of {size} bytes", payload[:max_bytes])
    if start < count:
        yield Run(0, [payload], 1)
