"""From a notice to the words that people read.

Names in an event come from untrusted producers: text templates write them as they are, a channel
that has a markup escapes them; templates of HTML escape by themselves.
"""

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import asdict

from config.notify import NotifySettings
from connectors.channels.channel import PICTURE, Message, Picture
from flows.offers import Offers
from flows.sample_incidents import DIGEST, TOLD
from flows.templates import Templates
from operators.quantity import clock, span
from schema import Event, Incident, Notice, Severity, Transition
from schema.life import LIVE

TITLE_CHARS = 140
MAX_LINES = 20  # of a digest
COLOURS = {
    Severity.CRITICAL: "#b3001b", Severity.HIGH: "#d1480f", Severity.MEDIUM: "#b58100",
    Severity.LOW: "#2f6fb3",
}  # fmt: skip
ENDED_COLOUR = "#1a7f37"
WORDS: dict[Event, str] = {"breach_predicted": "deadline at risk", "breached": "deadline missed"}


Actions = Sequence[tuple[str, str]]  # label, and link, or what a button asks for
Offer = Callable[[Notice, Incident], Actions]
Find = Callable[[str], Incident | None]
Draw = Callable[[Notice, Incident], Picture | None]


class Shown(msgspec.Struct, frozen=True):
    """A picture, as HTML names it."""

    src: str
    alt: str


class Told(msgspec.Struct, frozen=True):
    """What the templates of an incident are given: names are those that they use."""

    incident: Incident
    title: str
    word: str  # what has happened
    at: str
    since: str
    rows: list[tuple[str, str]]  # what is worth a line of its own: what, and in words
    reason: str  # why it is told, and by which route
    link: str  # to the incident's page; "": there is none
    colour: str  # of the severity, as CSS
    actions: Actions  # what people may do about it; may be none
    picture: Shown | None  # for HTML alone


class Renderer:
    """Renders all notices of a run."""

    def __init__(
        self,
        link: str = "",
        find: Find = lambda _: None,
        *,
        templates: Templates | None = None,
        actions: Offer = lambda _notice, _incident: (),
        buttons: Offer = lambda _notice, _incident: (),
        draw: Draw = lambda _notice, _incident: None,
    ) -> None:
        """Take the incidents' address, and how one is found as it stands: for digests.

        `actions` says what whom the notice tells may do about the incident, by links, and `buttons`
        where the channel has some of its own; `draw` shows what was seen of it.
        """
        self._link = link
        self._find = find
        self._templates = Templates() if templates is None else templates
        self._actions = actions
        self._buttons = buttons
        self._draw = draw

    def render(self, notice: Notice, said: Transition | None, receipt: str = "") -> Message:
        """Return the message of a notice; `said` is the event that it tells, None of a digest."""
        if said is None:
            title = f"{len(notice.about)} more incidents" if notice.about else notice.reason
            text = self._templates.render("digest.txt.j2", self._digest(notice))
            return Message(notice, None, title, text, receipt=receipt)
        picture = self._draw(notice, said.incident)
        told = self._told(notice, said, picture)
        return Message(
            notice,
            said,
            told.title[:TITLE_CHARS],
            self._templates.render("incident.txt.j2", asdict(told)),
            html=self._templates.render("incident.html.j2", asdict(told)),
            link=told.link,
            receipt=receipt,
            actions=tuple(told.actions),
            buttons=tuple(self._buttons(notice, said.incident)),
            picture=picture,
        )

    def check(self) -> None:
        """Try templates of one's own on made-up incidents. Raises: ValueError with file and line.

        What only some incidents have is tried with it and without.
        """
        self._templates.check("digest.txt.j2", self._digest(DIGEST))
        for notice, said in TOLD:
            for picture in (None, Picture(b"", "a plot")):
                told = asdict(self._told(notice, said, picture))
                for name in ("incident.txt.j2", "incident.html.j2"):
                    self._templates.check(name, told)

    def _digest(self, notice: Notice) -> dict[str, object]:
        lines = [_line(name, self._find(name)) for name in notice.about[:MAX_LINES]]
        return {"reason": notice.reason, "lines": lines, "count": len(notice.about)}

    def _told(self, notice: Notice, said: Transition, picture: Picture | None) -> Told:
        incident = said.incident
        shown = incident.severity.name if incident.state == "open" else incident.state
        passed_ms = max(said.ts_ms - incident.onset_ms, 0)
        return Told(
            incident=incident,
            title=f"[{shown}] {incident.title}",
            word=WORDS.get(said.event, said.event.replace("_", " ")),
            at=clock(said.ts_ms, said.ts_ms),
            since=f"{clock(incident.onset_ms, said.ts_ms)} ({span(passed_ms)})",
            rows=_rows(incident, said.ts_ms),
            reason=notice.reason,
            link=self._link.replace("{id}", incident.id),
            colour=_colour(incident),
            actions=self._actions(notice, incident),
            picture=None if picture is None else Shown(PICTURE, picture.alt),
        )


def renderer_of(
    settings: NotifySettings,
    find: Find = lambda _: None,
    draw: Draw = lambda _notice, _incident: None,
    failed: Callable[[str], None] = lambda _: None,
    *,
    permits: bool = True,
) -> Renderer:
    """Return the renderer of settings; `failed` hears which of one's own templates failed.

    Without `permits` links by which a reader could act are good for nothing: to look at.
    Raises: ValueError for a template that is none, and for a key of links that is not there.
    """
    offers = Offers(settings, permits=permits)
    renderer = Renderer(
        settings.link, find, templates=Templates(settings.templates, failed),
        actions=offers.links, buttons=offers.buttons, draw=draw,
    )  # fmt: skip
    renderer.check()
    return renderer


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
