"""Incident events as a feed that people read: one short block an event."""

import sys
import textwrap
from typing import Literal

import msgspec
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from rich.console import Console
from rich.text import Text

from connectors.incident_wire import rfc3339
from schema import Severity, Transition

STYLES = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
}
RESOLVED_STYLE = "green"
_INDENT = " " * 9


class ConsoleSink(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="console"):
    """How the feed looks. Where the output is no terminal it is plain text, not wrapped."""

    colour: Literal["auto", "always", "never"] = "auto"
    least_severity: Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"] = "LOW"  # of what is shown


def block(transition: Transition) -> list[str]:
    """Return the event's lines: a headline, then what, since when, why, and a hint.

    An update says only what changed; a resolution how long it took. Control characters of names
    that came in from outside are shown as "?".
    """
    incident = transition.incident
    happened = rfc3339(transition.ts_ms)[:16].replace("T", " ")
    lines = [f"{incident.severity.name:<8} {transition.event:<8} {happened} UTC  {incident.title}"]
    where = " ".join(value for _, value in incident.scope if value)
    alerts = f"{incident.member_count} alert{'' if incident.member_count == 1 else 's'}"
    if transition.event in ("opened", "reopened"):
        onset = rfc3339(incident.onset_ms)[:16].replace("T", " ").removeprefix(happened[:11])
        since = f"since {onset} ({_span(transition.ts_ms - incident.onset_ms)})"
        sure = f"confidence {incident.confidence:.2f}"
        lines.append(" · ".join(part for part in (since, alerts, sure, where) if part))
        lines += [f"why  {'; '.join(incident.reasons)}"] if incident.reasons else []
        lines += [f"hint {incident.hint}"] if incident.hint else []
    elif transition.event == "updated":
        lines.append(" · ".join(part for part in (transition.reason, alerts, where) if part))
    else:
        lasted = f"after {_span(transition.ts_ms - incident.onset_ms)}"
        lines.append(" · ".join(part for part in (lasted, transition.reason, where) if part))
    by = [f"silenced by {name}" for name in incident.silenced_by]
    by += [f"inhibited by {incident.inhibited_by}"] if incident.inhibited_by else []
    lines += [f"told to nobody: {', '.join(by)}"] if by else []
    lines[-1] += f"  [{transition.id}]"
    return [_printable(line) for line in lines]


def render(transition: Transition, width: int | None, encoding: str = "utf-8") -> Text:
    """Return the block in the severity's colour, wrapped to `width` columns if there is one.

    What `encoding` cannot write is shown as "?".
    """
    lines = block(transition)
    head, *details = (line.encode(encoding, "replace").decode(encoding) for line in lines)
    incident = transition.incident
    style = RESOLVED_STYLE if incident.state == "resolved" else STYLES[incident.severity]
    name = len(incident.severity.name)
    text = Text()
    text.append(head[:name], style)
    text.append(head[name:] + "\n", "bold")
    for line in details:
        wrapped = [line] if width is None else textwrap.wrap(line, max(20, width - len(_INDENT)))
        for part in wrapped:
            text.append(f"{_INDENT}{part}\n")
    return text


class ConsoleFeed(FixedPartitionedSink[Transition, None]):
    """The Bytewax sink. One partition: one worker of a cluster prints.

    After a crash, what was said since the last snapshot is said again.
    """

    def __init__(self, settings: ConsoleSink, console: Console | None = None) -> None:
        self._settings = settings
        self._console = console

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return ["console"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "ConsolePart":
        """Open the console that was given, else standard output."""
        console = self._console
        if console is None:
            colour = self._settings.colour
            forced = {"auto": None, "always": True, "never": None}[colour]
            console = Console(
                file=sys.stdout, force_terminal=forced, no_color=colour == "never" or None
            )
        return ConsolePart(console, Severity[self._settings.least_severity])


class ConsolePart(StatefulSinkPartition[Transition, None]):
    """The open console."""

    def __init__(self, console: Console, least: Severity) -> None:
        self._console = console
        self._least = least

    def write_batch(self, values: list[Transition]) -> None:
        """Print the events."""
        width = self._console.width if self._console.is_terminal else None
        for transition in values:
            if transition.incident.severity >= self._least:
                text = render(transition, width, self._console.encoding)
                self._console.print(text, soft_wrap=True, highlight=False)

    def snapshot(self) -> None:
        """Keep nothing."""


def _span(ms: int) -> str:
    minutes = ms // 60_000
    if minutes < 1:
        return f"{ms // 1000} s"
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
