"""Tables of text on standard output: drawn by rich on a terminal, plain columns in a pipe."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print rows of cells, whose text came from outside and cannot steer the terminal."""
    cells = [[printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        table = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
        for name in header:
            table.add_column(name, overflow="fold")
        for row in cells:
            table.add_row(*(Text(cell) for cell in row))
        Console(file=sys.stdout).print(table)
        return
    if title:
        write(title)
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    for row in ([*header], *cells):
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        write("  ".join(padded).rstrip())


def write(line: str) -> None:
    """Write a line; what the encoding of the output lacks is shown as "?"."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(line.encode(encoding, "replace").decode(encoding) + "\n")


def clock(ms: int) -> str:
    """Return a time in ms as "2026-03-01 10:00", UTC."""
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms):%Y-%m-%d %H:%M}"


def printable(text: str) -> str:
    """Return text whose control characters are shown as "?"."""
    return "".join(char if char.isprintable() else "?" for char in text)


def counted(count: int, noun: str) -> str:
    """Return "1 payload", "2 payloads"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
