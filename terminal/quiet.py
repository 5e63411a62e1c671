"""Silences and maintenance windows."""

from schema.desk import SilencePage, SilenceView
from terminal.detail import pair
from terminal.lines import Table
from terminal.palette import Line, Part, Role, plain
from terminal.words import brief, clean, clock, fit

STATES: dict[str, Role] = {"active": "warn", "requested": "strong", "pending": "plain",
                           "expired": "dim", "refused": "bad"}  # fmt: skip


def silences_table(page: SilencePage | None, width: int) -> Table:
    """Return silences as a list."""
    silences = () if page is None else page.silences
    now_ms = 0 if page is None else page.now_ms
    head = f"{fit('state', 9)} {fit('change', 7, right=True)} {fit('by', 10)} what it is about"

    def line(place: int) -> Line:
        each = silences[place]
        about = ", ".join(each.matchers)[:400] or "everything"
        reason = f"  {each.reason[:400]}" if each.reason else ""
        return (
            Part(fit(each.state, 9) + " ", STATES[each.state]),
            Part(fit(_change(each, now_ms), 7, right=True) + " "),
            Part(fit(each.actor, 10) + " ", "dim"),
            Part(clean(about)),
            Part(clean(reason), "dim"),
        )

    keys = tuple(each.id for each in silences)
    return Table((Part(fit(head, width), "title"),), keys, line, "nothing is silenced")


def silence_lines(each: SilenceView, now_ms: int, width: int) -> list[Line]:
    """Return all that is known of one."""
    lines: list[Line] = [
        (Part(f"{each.state} ", STATES[each.state]), Part(f"{each.purpose} {clean(each.id)}"))
    ]
    lines += pair("about", ", ".join(each.matchers) or "everything", width)
    lines += pair("from", f"{clock(each.starts_ms, now_ms)} UTC", width)
    lines += pair("until", f"{clock(each.ends_ms, now_ms)} UTC", width)
    lines += pair("recurs", each.recurs, width) if each.recurs else []
    lines += pair("by", each.actor, width)
    lines += pair("reason", each.reason or "none given", width)
    lines += pair("ended by", each.ended_by, width) if each.ended_by else []
    lines += pair("refused", each.wrong, width, "bad") if each.wrong else []
    if each.origin == "settings":
        lines.append(plain("it is in the settings: take it out there", "dim"))
    elif each.state in {"active", "pending", "requested"}:
        lines += [(), (Part("e", "key"), Part(" ends it"))]
    return lines


def _change(each: SilenceView, now_ms: int) -> str:
    return "" if each.state in {"expired", "refused"} else brief(max(0, each.change_ms - now_ms))
