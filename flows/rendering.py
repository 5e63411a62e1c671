"""From a notice to the words that people read: shipped templates, in a sandbox.

Names in an event come from untrusted producers: text templates write them as they are, a channel
that has a markup escapes them; templates of HTML escape by themselves.
"""

from collections.abc import Callable
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from connectors.channels.channel import Message
from operators.quantity import clock, span
from schema import Event, Incident, Notice, Severity, Transition
from schema.life import LIVE

TEMPLATES = Path(__file__).resolve().parent.parent / "config" / "templates"
TITLE_CHARS = 140
MAX_LINES = 20  # of a digest
COLOURS = {
    Severity.CRITICAL: "#b3001b", Severity.HIGH: "#d1480f", Severity.MEDIUM: "#b58100",
    Severity.LOW: "#2f6fb3",
}  # fmt: skip
ENDED_COLOUR = "#1a7f37"
WORDS: dict[Event, str] = {"breach_predicted": "deadline at risk", "breached": "deadline missed"}


class Renderer:
    """Renders all notices of a run."""

    def __init__(
        self, link: str = "", find: Callable[[str], Incident | None] = lambda _: None
    ) -> None:
        """Take the incidents' address, and how one is found as it stands: for digests."""
        self._link = link
        self._find = find
        environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=lambda name: name is not None and name.endswith(".html.j2"),
            undefined=StrictUndefined,
            trim_blocks=False,
            keep_trailing_newline=False,
        )
        self._html = environment.get_template("incident.html.j2")
        self._incident = environment.get_template("incident.txt.j2")
        self._digest = environment.get_template("digest.txt.j2")

    def render(self, notice: Notice, said: Transition | None, receipt: str = "") -> Message:
        """Return the message of a notice; `said` is the event that it tells, None of a digest."""
        if said is None:
            title = f"{len(notice.about)} more incidents" if notice.about else notice.reason
            lines = [_line(name, self._find(name)) for name in notice.about[:MAX_LINES]]
            text = self._digest.render(reason=notice.reason, lines=lines, count=len(notice.about))
            return Message(notice, None, title, text, receipt=receipt)
        incident = said.incident
        link = self._link.replace("{id}", incident.id)
        word = WORDS.get(said.event, said.event.replace("_", " "))
        title = f"[{incident.severity.name}] {incident.title}"
        if incident.state != "open":
            title = f"[{incident.state}] {incident.title}"
        told = {
            "incident": incident,
            "word": word,
            "at": clock(said.ts_ms, said.ts_ms),
            "since": f"{clock(incident.onset_ms, said.ts_ms)}"
            f" ({span(max(said.ts_ms - incident.onset_ms, 0))})",
            "rows": _rows(incident, said.ts_ms),
            "reason": notice.reason,
            "link": link,
        }
        return Message(
            notice,
            said,
            title[:TITLE_CHARS],
            self._incident.render(told),
            html=self._html.render(told, title=title, colour=_colour(incident)),
            link=link,
            receipt=receipt,
        )


def _rows(incident: Incident, now_ms: int) -> list[tuple[str, str]]:
    """Return what is worth a line of its own: what, and in words."""
    rows = [("How bad", "; ".join(incident.reasons))]
    for name, suspect in zip(("First suspect", "Then"), incident.suspects, strict=False):
        where = f"{suspect.resource.name} ({suspect.resource.service})"
        rows.append((name, f"{where}: {suspect.why}"))
    rows += [
        ("Who is hit", _hit(incident)),
        ("In hand", incident.assignee),
        ("Deadline", _deadline(incident, now_ms)),
        ("Where", " ".join(value for _, value in incident.scope if value)),
    ]
    return [(name, value) for name, value in rows if value]


def _colour(incident: Incident) -> str:
    return COLOURS[incident.severity] if incident.state in LIVE else ENDED_COLOUR


def _line(name: str, incident: Incident | None) -> str:
    if incident is None:
        return name
    return f"{incident.severity.name} {incident.state}: {incident.title} [{name}]"


def _hit(incident: Incident) -> str:
    impact = incident.impact
    parts = [f"{impact.users:,} users"] if impact.users is not None else []
    if impact.dependants:
        named = ", ".join(impact.names[:3])
        parts.append(f"{impact.dependants:,} that need it" + (f" ({named})" if named else ""))
    if impact.suffering:
        parts.append("suffering: " + ", ".join(impact.suffering[:3]))
    return "; ".join(parts)


def _deadline(incident: Incident, now_ms: int) -> str:
    due = [
        (at_ms, what)
        for at_ms, what in (
            (incident.ack_by_ms if incident.acked_ms is None else None, "acknowledge"),
            (incident.resolve_by_ms, "resolve"),
        )
        if at_ms is not None and incident.state in ("open", "acknowledged")
    ]
    words = [
        f"{what} by {clock(at_ms, now_ms)}" + (" (missed)" if at_ms <= now_ms else "")
        for at_ms, what in due
    ]
    return ", ".join(words)
