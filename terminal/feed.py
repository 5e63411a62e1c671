"""Lists of incidents: the feed, and the queue of what to do next."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from schema import Severity
from schema.desk import IncidentRow, QueuePage, RequestView, TaskView
from terminal.lines import Table
from terminal.palette import BADGES, Line, Part, Role
from terminal.words import brief, clean, clock, count, fit, minutes

WIDE, FULL = 96, 150  # from so many cells on there is room for more columns
STATES = {"open": "open", "acknowledged": "ack", "resolved": "resolved", "closed": "closed",
          "merged": "merged"}  # fmt: skip
STATE_ROLES: dict[str, Role] = {"open": "strong", "acknowledged": "plain"}
Asked = Mapping[str, RequestView]  # by incident: what was asked last, if it is not yet answered


class Column(NamedTuple):
    """A column's heading and width; a negative width has its text at the right."""

    name: str
    width: int


def feed_table(
    rows: Sequence[IncidentRow], asked: Asked, now_ms: int, width: int, empty: str = ""
) -> Table:
    """Return the feed as a list; `empty` is said where there is none."""
    columns = [Column("sev", 4), Column("state", 8), *_when(width), Column("left", -6)]
    columns += [Column("hit", -4)]
    columns += [Column("who", 10)] if width >= WIDE else []
    columns += [Column("where", 26)] if width >= FULL else []

    def line(place: int) -> Line:
        row = rows[place]
        parts = [_badge(row), _state(row, asked), *_opened(row, now_ms, width)]
        parts += [_left(row, now_ms), Part(fit(count(row.member_count), 4, right=True))]
        parts += [Part(fit(row.assignee, 10))] if width >= WIDE else []
        parts += [Part(fit(_where(row), 26), "dim")] if width >= FULL else []
        return _line(parts, row, width)

    return Table(
        _header(columns, "title", width),
        tuple(row.id for row in rows),
        line,
        empty,
    )


def queue_table(page: QueuePage, asked: Asked, width: int) -> Table:
    """Return the queue as a list."""
    tasks, minute_ms = page.tasks, page.now_ms - page.now_ms % 60_000
    columns = [Column("#", -3), Column("pts", -4), Column("sev", 4), Column("state", 8)]
    columns += [Column("left", -6)]
    columns += [Column("who", 10)] if width >= WIDE else []
    columns += [Column("why", 44)] if width >= FULL else []

    def line(place: int) -> Line:
        task = tasks[place]
        row = task.incident
        parts = [
            Part(fit(str(task.place), 3, right=True), "dim"),
            Part(fit(str(task.points), 4, right=True), "strong"),
            _badge(row),
            _state(row, asked),
            _due(task, minute_ms),
        ]
        parts += [Part(fit(row.assignee, 10))] if width >= WIDE else []
        parts += [Part(fit("; ".join(task.why), 44), "dim")] if width >= FULL else []
        return _line(parts, row, width)

    keys = tuple(task.incident.id for task in tasks)
    return Table(_header(columns, "title", width), keys, line, "nothing to do")


def time_left(row: IncidentRow, now_ms: int) -> tuple[int, str] | None:
    """Return how long until the next deadline, below 0 since when it is over, and to do what."""
    if row.state not in {"open", "acknowledged"}:
        return None
    what, by_ms = "resolve", row.resolve_by_ms
    is_late = by_ms is not None and by_ms <= now_ms
    if row.acked_ms is None and row.ack_by_ms is not None and not is_late:
        what, by_ms = "acknowledge", row.ack_by_ms
    return None if by_ms is None else (by_ms - now_ms, what)


def left_role(left_ms: int, *, predicted: bool) -> Role:
    """Return how time that is left looks."""
    if left_ms <= 0:
        return "bad"
    return "warn" if predicted or left_ms <= 300_000 else "plain"


def left_words(left_ms: int, what: str) -> str:
    """Return time that is left, in words."""
    if left_ms > 0:
        return f"{minutes(left_ms)} left to {what}"
    return f"{minutes(-left_ms)} late to {what}"


def badge(severity: str) -> Part:
    """Return a severity as four letters in its colour."""
    return BADGES[Severity[severity]]


def _line(parts: Sequence[Part], row: IncidentRow, width: int) -> Line:
    cells: list[Part] = []
    for part in parts:
        cells += [part, Part(" ")]
    flags = _flags(row)
    title = Part(clean(row.title[:400]), "dim" if flags else "plain")
    return (*cells, Part(flags, "warn"), title)


def _flags(row: IncidentRow) -> str:
    """Return what keeps an incident from people, or makes it less than it seems."""
    said = ["silenced"] if row.silenced_by else []
    said += ["inhibited"] if row.inhibited_by else []
    said += ["false positive"] if row.verdict == "false_positive" else []
    said += ["flapping"] if row.flapping else []
    return f"({', '.join(said)}) " if said else ""


def _badge(row: IncidentRow) -> Part:
    if row.state in {"open", "acknowledged"}:
        return badge(row.severity)
    return Part(badge(row.severity).text, "dim")


def _state(row: IncidentRow, asked: Asked) -> Part:
    """Return the state, or what was asked for and has not been answered."""
    waiting = asked.get(row.id)
    if waiting is not None:
        word = waiting.action.replace("_", " ") or waiting.kind
        return Part(fit(word[:7] + "?", 8), "warn")
    return Part(fit(STATES[row.state], 8), STATE_ROLES.get(row.state, "dim"))


def _when(width: int) -> list[Column]:
    return [Column("opened", 11)] if width >= WIDE else [Column("age", -6)]


def _opened(row: IncidentRow, now_ms: int, width: int) -> list[Part]:
    if width >= WIDE:
        return [Part(fit(clock(row.opened_ms, now_ms), 11))]
    return [Part(fit(brief(max(0, now_ms - row.opened_ms)), 6, right=True), "dim")]


def _left(row: IncidentRow, now_ms: int) -> Part:
    left = time_left(row, now_ms)
    if left is None:
        return Part(" " * 6)
    role = left_role(left[0], predicted=row.breach_ms is not None)
    return Part(fit(brief(left[0]), 6, right=True), role)


def _due(task: TaskView, now_ms: int) -> Part:
    if task.due_ms is None:
        return Part(" " * 6)
    left_ms = task.due_ms - now_ms
    role = left_role(left_ms, predicted=task.incident.breach_ms is not None)
    return Part(fit(brief(left_ms), 6, right=True), role)


def _where(row: IncidentRow) -> str:
    named = (row.scope.get(name, "") for name in ("service", "region", "account"))
    return " ".join(filter(None, named))


def _header(columns: Sequence[Column], last: str, width: int) -> Line:
    cells = (fit(each.name, abs(each.width), right=each.width < 0) + " " for each in columns)
    return (Part(fit("".join(cells) + last, width), "title"),)
