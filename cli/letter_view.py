"""A refused payload as people read it: JSON indented, other text as it is, binary as hex."""

from collections.abc import Iterator

import msgspec

from cli.tables import printable
from flows.dead_letters import is_text

MOST_LINES = 60
MOST_COLUMNS = 500
DUMPED_BYTES = 256
_ROW = 16


def payload_lines(raw: bytes) -> list[str]:
    """Return the lines to show, the last of which says how much was left out."""
    if not is_text(raw):
        return _dumped(raw)
    lines = [line for part in _documents(raw) for line in part.splitlines()]
    shown = [printable(line[:MOST_COLUMNS]) for line in lines[:MOST_LINES]]
    if any(len(line) > MOST_COLUMNS for line in lines[:MOST_LINES]):
        shown.append(f"... long lines end after {MOST_COLUMNS} characters")
    if len(lines) > MOST_LINES:
        shown.append(f"... and {len(lines) - MOST_LINES:,} more lines")
    return shown


def _documents(raw: bytes) -> Iterator[str]:
    """Yield the payload indented if it is JSON, else line by line, each one that is indented."""
    try:
        yield _indented(raw)
    except (ValueError, RecursionError):
        lines = raw.splitlines()
        if len(lines) <= 1:
            yield raw.decode("utf-8", "backslashreplace")
            return
        for line in lines[:MOST_LINES]:
            yield from _documents(line)
        yield from ("" for _ in lines[MOST_LINES:])


def _indented(raw: bytes) -> str:
    msgspec.json.decode(raw)  # or faults inside strings would go unnoticed
    return msgspec.json.format(raw, indent=2).decode()


def _dumped(raw: bytes) -> list[str]:
    lines = []
    for at in range(0, min(len(raw), DUMPED_BYTES), _ROW):
        row = raw[at : min(at + _ROW, DUMPED_BYTES)]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{at:08x}  {row.hex(' '):<{3 * _ROW - 1}}  {text}")
    if len(raw) > DUMPED_BYTES:
        lines.append(f"... and {len(raw) - DUMPED_BYTES:,} more bytes")
    return lines
