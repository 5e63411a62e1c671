"""Prints what lies between two runs over the same data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import typer

from cli.report import MAX_SHOWN
from cli.tables import clock, print_table, write

if TYPE_CHECKING:
    from flows.compare import Compared, Comparison
    from flows.intervals import Side
    from flows.summary import IncidentLine


def print_compared(found: "Compared", as_json: bool) -> None:
    """Print for programs (the first run as without a comparison), or for people."""
    if not as_json:
        print_comparison(found.comparison)
        return
    between = {**msgspec.to_builtins(found.comparison), "after_run": found.after.to_json()}
    whole = {**found.before.to_json(), "comparison": between}
    typer.echo(msgspec.json.encode(whole).decode())


def print_comparison(found: "Comparison") -> None:
    """Print incidents gained, lost and changed, and figures side by side."""
    write(f"before  {found.before}")
    write(f"after   {found.after}")
    _list("gained", [_line(each) for each in found.gained])
    _list("lost", [_line(each) for each in found.lost])
    _list(
        "changed",
        [f"{_line(each.after)} ({', '.join(each.what)})" for each in found.changed],
    )
    write("")
    write(
        f"incidents  {len(found.gained):,} gained, {len(found.lost):,} lost, "
        f"{len(found.changed):,} changed, {found.unchanged:,} the same"
    )
    write("")
    print_sides(found.figures)


def print_sides(figures: "Sequence[Side]") -> None:
    """Print figures side by side."""
    from flows.side_words import HEAD, cells

    print_table(HEAD, [cells(side) for side in figures])


def _list(title: str, lines: list[str]) -> None:
    for line in lines[:MAX_SHOWN]:
        write(f"{title:<8} {line}")
    if len(lines) > MAX_SHOWN:
        write(f"... and {len(lines) - MAX_SHOWN} more {title}")


def _line(incident: "IncidentLine") -> str:
    return f"{clock(incident.opened_ms)}  {incident.severity:<8} {incident.title}"
