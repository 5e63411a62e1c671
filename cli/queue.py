"""`foreshock queue`: what to do next."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.incident_named import DEFAULT_URL, Store, open_store
from cli.tables import clock, print_table, write

if TYPE_CHECKING:
    from connectors.incident_store import IncidentStore

HELP = """Say what to do next: the incidents that go on, the most urgent first, with why.

It goes by severity, the time left until the next deadline, whether somebody has it, who is hit, and
age; incidents that are told to nobody come last. Time is now, or where the store's newest event is
more than a day old, as after a replay, the time of that event.

\b
Examples:
  foreshock queue
  foreshock queue --store sqlite:///.foreshock/demo.db --limit 5
  foreshock queue --json
"""
OLD_MS = 86_400_000
MOST = 100_000  # incidents that go on


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("queue", help=HELP)(queue)


def queue(
    store: Store = DEFAULT_URL,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 20,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print an object a line, the most urgent first.")
    ] = False,
) -> None:
    """Print the queue."""
    from connectors.incident_query import IncidentFilter
    from operators.queue import work_queue

    opened = open_store(store)
    try:
        going_on = opened.list_incidents(IncidentFilter(("open", "acknowledged")), limit=MOST)
        now_ms, said = _now(opened)
    finally:
        opened.close()
    tasks = work_queue(going_on, now_ms)
    if as_json:
        for place, task in enumerate(tasks[:limit], 1):
            row = {
                "place": place,
                "id": task.incident.id,
                "severity": task.incident.severity.name,
                "state": task.incident.state,
                "points": task.points,
                "why": task.why,
                "due_ms": task.due_ms,
                "left_s": None if task.due_ms is None else (task.due_ms - now_ms) / 1000,
                "assignee": task.incident.assignee,
                "title": task.incident.title,
            }
            write(msgspec.json.encode(row).decode())
        return
    if not tasks:
        write("nothing to do")
        return
    rows = [
        (
            str(place),
            task.incident.id,
            task.incident.severity.name,
            "" if task.due_ms is None else clock(task.due_ms),
            task.incident.assignee,
            task.incident.title,
            "; ".join(task.why),
        )
        for place, task in enumerate(tasks[:limit], 1)
    ]
    header = ("#", "id", "severity", "due (UTC)", "who", "title", "why")
    print_table(header, rows, title=said)
    if len(tasks) > limit:
        write(f"{len(tasks) - limit:,} more: --limit {len(tasks)}")


def _now(store: "IncidentStore") -> tuple[int, str]:
    """Return the time to judge by, and what to say of it."""
    from connectors.source import wall_clock

    now_ms = int(wall_clock().timestamp() * 1000)
    newest = store.events_after(store.last_sequence() - 1, limit=1)
    if newest and now_ms - newest[0].transition.ts_ms > OLD_MS:
        last_ms = newest[0].transition.ts_ms
        return last_ms, f"as of {clock(last_ms)} UTC, the store's newest event"
    return now_ms, ""
