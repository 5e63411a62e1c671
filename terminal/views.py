"""The screen's parts as lines, made of the picture: the list, what is beside and around it."""

from typing import Literal

from schema.desk import IncidentRow, SeverityName
from terminal.backend import Wanted
from terminal.detail import incident_lines
from terminal.estate import clouds_line, pipeline_line, service_lines, services_table
from terminal.feed import feed_table, queue_table, time_left
from terminal.filter_words import SORTS, spell
from terminal.judges import model_lines, models_table
from terminal.lines import Table
from terminal.palette import Line, Part, Role, plain, text_of
from terminal.picture import Feed, Picture
from terminal.quiet import silence_lines, silences_table
from terminal.words import brief, clean, clock, fit, moment

View = Literal["incidents", "queue", "estate", "models", "silences"]
VIEWS: tuple[View, ...] = ("incidents", "queue", "estate", "models", "silences")
KEYS: dict[View, tuple[tuple[str, str], ...]] = {
    "incidents": (("a", "ack"), ("r", "resolve"), ("s", "silence"), ("f", "false pos."),
                  ("@", "assign"), ("n", "note"), ("/", "search"), ("v", "severity"),
                  ("w", "state"), ("o", "order")),
    "queue": (("a", "ack"), ("r", "resolve"), ("s", "silence"), ("f", "false pos."),
              ("@", "assign"), ("n", "note")),
    "estate": (),
    "models": (),
    "silences": (("e", "end"),),
}  # fmt: skip
LEVELS: tuple[tuple[SeverityName, Role], ...] = (
    ("CRITICAL", "critical"),
    ("HIGH", "high"),
    ("MEDIUM", "medium"),
    ("LOW", "low"),
)
LAST = (("enter", "more"), ("?", "help"), ("q", "quit"))


def table_of(view: View, picture: Picture, width: int) -> Table:
    """Return what a view's list shows."""
    match view:
        case "incidents":
            feed = picture.feed
            minute_ms = picture.now_ms - picture.now_ms % 60_000  # all rows change at once
            return feed_table(feed.rows, picture.waiting(), minute_ms, width, _empty(feed))
        case "queue":
            if picture.queue is None:
                return feed_table((), {}, 0, width, "reading ...")
            return queue_table(picture.queue, picture.waiting(), width)
        case "estate":
            return services_table(picture.live, picture.now_ms, width)
        case "models":
            return models_table(picture.models, picture.now_ms, width)
        case "silences":
            return silences_table(picture.silences, width)


def _empty(feed: Feed) -> str:
    if not feed.is_read:
        return "reading ..."
    if feed.wanted == Wanted(sort=feed.wanted.sort):
        return "nothing goes on. w: what was resolved, and all there was"
    return "nothing that matches. Esc: all that goes on"


def detail_of(view: View, key: str | None, picture: Picture, width: int, height: int) -> list[Line]:
    """Return what is to be read of the row that is chosen."""
    now_ms = picture.now_ms
    if key is None:
        return []
    match view:
        case "incidents" | "queue":
            found = picture.details.get(key)
            if found is None:
                said = "it was not read before" if picture.away else "reading ..."
                return [plain(said, "dim")]
            return incident_lines(found, found.plots, now_ms, width, height)
        case "estate":
            live = picture.live
            return [] if live is None else service_lines(key, live, picture.heat, now_ms, width)
        case "models":
            services = () if picture.models is None else picture.models.services
            named = [each for each in services if each.service == key]
            return model_lines(named[0], now_ms, width) if named else []
        case "silences":
            page = picture.silences
            kept = [] if page is None else [each for each in page.silences if each.id == key]
            return silence_lines(kept[0], now_ms, width) if kept else []


def row_of(view: View, key: str | None, picture: Picture) -> IncidentRow | None:
    """Return the incident that is chosen, if one is."""
    if view == "incidents":
        return next((row for row in picture.feed.rows if row.id == key), None)
    if view == "queue" and picture.queue is not None:
        found = (task.incident for task in picture.queue.tasks)
        return next((row for row in found if row.id == key), None)
    return None


def head_line(place: str, picture: Picture, width: int) -> Line:
    """Return how much goes on, what is looked at, and what time it is, as there is room."""
    parts = [Part("foreshock ", "strong"), *_going_on(picture)]
    now = f"{clock(picture.now_ms, picture.now_ms)} UTC"
    if picture.stands_still:
        now = f"as of {moment(picture.now_ms):%Y-%m-%d %H:%M} UTC"
    room = width - len(text_of(tuple(parts))) - len(now) - 3
    while room < 0 and len(parts) > 2:
        room += len(parts.pop().text)
    shown = clean(place)
    if len(shown) > room:
        shown = "" if room < 12 else "…" + shown[1 - room :]
    gap = " " * max(1, room - len(shown) + 1)
    return (*parts, Part(gap), Part(shown + "  ", "dim"), Part(now))


def _going_on(picture: Picture) -> list[Part]:
    """Return how many incidents go on, the worst first."""
    queue = picture.queue
    if queue is None:
        return []
    if not queue.total:
        return [Part(" all is quiet", "good")]
    found = ((name, role, queue.by_severity.get(name, 0)) for name, role in LEVELS)
    parts: list[Part] = []
    for name, role, number in found:
        parts += [Part(f" {number:,} {name.lower()} ", role), Part(" ")] if number else []
    left = (time_left(task.incident, picture.now_ms) for task in queue.tasks)
    late = sum(each is not None and each[0] <= 0 for each in left)
    parts += [Part(f" {late:,} late", "bad")] if late else []
    parts += [Part(f" {queue.unacknowledged:,} unacked")] if queue.unacknowledged else []
    return parts


def estate_lines(picture: Picture) -> list[Line]:
    """Return pipeline and clouds, a line each."""
    pipeline = pipeline_line(picture.live, picture.wall_ms, picture.now_ms)
    clouds = clouds_line(picture.live)
    return [pipeline, clouds] if clouds else [pipeline]


def tabs_line(view: View, picture: Picture, place: int, width: int) -> Line:
    """Return the views, and of the one that is shown, which part of it."""
    said = ""
    if view == "incidents":
        feed = picture.feed
        total = f"{len(feed.rows):,}{'+' if feed.next else ''}"
        words = spell(feed.wanted)
        said = f"{words + '  ' if words else ''}{SORTS[feed.wanted.sort]}  "
        said += f"{min(place + 1, len(feed.rows)):,}/{total}"
    parts = [_tab(number, each, view, "whole") for number, each in enumerate(VIEWS, 1)]
    if len(text_of(tuple(parts))) + len(said) + 2 > width:
        parts = [_tab(number, each, view, "short") for number, each in enumerate(VIEWS, 1)]
    room = width - len(text_of(tuple(parts))) - 1
    return (*parts, Part(fit(said, max(0, room), right=True), "strong"))


def _tab(number: int, each: View, view: View, form: str) -> Part:
    name = f" {number} {each.capitalize()} " if form == "whole" or each == view else f" {number} "
    return Part(name, "bar" if each == view else "dim")


def banner_line(picture: Picture, width: int, *, slow: bool) -> Line | None:
    """Return what is wrong with what is looked at; None: nothing is."""
    age_s = picture.age_s
    old = "" if age_s is None else f"shown is what was there {brief(int(age_s * 1000))} ago. "
    if picture.away:
        return (Part(fit(f" AWAY, trying again. {old}{picture.away}", width), "critical"),)
    if slow:
        return (Part(fit(f" NO ANSWER YET. {old}", width), "high"),)
    return None


def keys_line(view: View, width: int) -> Line:
    """Return the keys that do something here, as many as there is room for."""
    parts: list[Part] = []
    left = width - sum(len(key) + len(name) + 3 for key, name in LAST)
    for key, name in KEYS[view]:
        left -= len(key) + len(name) + 3
        if left >= 0:
            parts += [Part(key, "key"), Part(f" {name}  ")]
    for key, name in LAST:
        parts += [Part(key, "key"), Part(f" {name}  ", "dim")]
    return tuple(parts)
