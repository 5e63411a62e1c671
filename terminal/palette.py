"""How things look: a role for each kind of text, and the terminal's own sixteen colours.

Only the terminal's default background is painted on, and text on a colour brings its own, so that
all can be read on light and dark backgrounds alike. Without colour, words and weight say the same.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Literal, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from schema import Severity
from terminal.words import fit

Role = Literal[
    "plain",
    "dim",
    "strong",
    "title",
    "critical",
    "high",
    "medium",
    "low",
    "good",
    "warn",
    "bad",
    "key",
    "line",
    "band",
    "mark",
    "bar",
]


class Part(NamedTuple):
    """Text in one role. It is clean."""

    text: str
    role: Role = "plain"


Line = tuple[Part, ...]

COLOUR: dict[Role, Style] = {
    "plain": Style(),
    "dim": Style(dim=True),
    "strong": Style(bold=True),
    "title": Style(bold=True, underline=True),
    "critical": Style(bold=True, color="bright_red", reverse=True),
    "high": Style(color="black", bgcolor="yellow"),
    "medium": Style(color="black", bgcolor="cyan"),
    "low": Style(),
    "good": Style(color="green"),
    "warn": Style(bold=True, color="magenta"),
    "bad": Style(bold=True, color="red"),
    "key": Style(bold=True),
    "line": Style(bold=True),
    "band": Style(dim=True),
    "mark": Style(bold=True, color="red"),
    "bar": Style(reverse=True),
}
MONO: dict[Role, Style] = {
    **{
        role: Style(bold=style.bold, dim=style.dim, underline=style.underline)
        for role, style in COLOUR.items()
    },
    "critical": Style(bold=True, reverse=True),
    "high": Style(bold=True),
    "medium": Style(),
    "low": Style(dim=True),
    "bar": Style(reverse=True),
}
BADGES: dict[Severity, Part] = {
    Severity.CRITICAL: Part("CRIT", "critical"),
    Severity.HIGH: Part("HIGH", "high"),
    Severity.MEDIUM: Part("MED ", "medium"),
    Severity.LOW: Part("LOW ", "low"),
}
_ASCII = str.maketrans(
    {
        "…": "~", "·": "-", "●": "*", "○": "o", "▲": "^", "▶": ">", "░": ":", "█": "#", "⣿": "#",
        "│": "|", "─": "-", "┊": ":", "├": "|", "└": "+", "┬": "+", "→": ">", "±": "~", "✓": "+",
        "✗": "x", "↑": "^", "↓": "v",
    }
    | {"▁▂▃▄▅▆▇"[step]: "_.-=+*%"[step] for step in range(7)}
    | {chr(0x2801 + dots): "*" for dots in range(254)}
)  # fmt: skip


class Look(NamedTuple):
    """What a terminal can show."""

    colour: bool = True
    ascii: bool = False  # nothing but ASCII

    def strip(self, line: Line, width: int, *, chosen: bool = False) -> Strip:
        """Return a line in exactly `width` cells; one that is chosen stands out as a whole."""
        styles = COLOUR if self.colour else MONO
        segments, left = [], width
        for text, role in _joined(line):
            shown = self._shown(text)
            segment = Segment(shown, styles[role])
            if segment.cell_length > left:
                segment = Segment(self._shown(fit(text, left)), styles[role])
            segments.append(segment)
            left -= segment.cell_length
            if left <= 0:
                break
        segments.append(Segment(" " * left, styles["plain"]))
        if chosen:
            segments = [_chosen(each) for each in segments]
        return Strip(segments, width)

    def _shown(self, text: str) -> str:
        if not self.ascii or text.isascii():
            return text
        mapped = text.translate(_ASCII)
        return "".join(char if char.isascii() else "?" * cell_len(char) for char in mapped)


def _joined(line: Line) -> Iterator[Part]:
    """Yield neighbours that look alike as one, so that little is written."""
    for role, parts in groupby(line, key=lambda part: part.role):
        yield Part("".join(part.text for part in parts), role)


def _chosen(segment: Segment) -> Segment:
    style = segment.style or Style()
    if style.bgcolor is not None or style.reverse:  # a badge keeps its own colours
        return segment
    return Segment(segment.text, Style(bold=style.bold, reverse=True))


def plain(text: str, role: Role = "plain") -> Line:
    """Return a line of one part."""
    return (Part(text, role),)


def text_of(line: Line) -> str:
    """Return what a line says, without its looks."""
    return "".join(part.text for part in line)
