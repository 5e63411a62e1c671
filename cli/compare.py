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

_IN_WORDS = {
    "precision": "precision",
    "recall": "recall",
    "f1": "f1",
    "false_alarms_per_day": "false a day",
    "delay_median_s": "delay, median (min)",
    "delay_p90_s": "delay, p90 (min)",
    "incidents_per_fault": "incidents a caught fault",
    "incidents_per_day": "incidents a day",
}


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
    rows = [_row(side) for side in figures]
    print_table(("figure", "before", "after", "difference", "95 % interval", ""), rows)


def _list(title: str, lines: list[str]) -> None:
    for line in lines[:MAX_SHOWN]:
        write(f"{title:<8} {line}")
    if len(lines) > MAX_SHOWN:
        write(f"... and {len(lines) - MAX_SHOWN} more {title}")


def _line(incident: "IncidentLine") -> str:
    return f"{clock(incident.opened_ms)}  {incident.severity:<8} {incident.title}"


def _row(side: "Side") -> tuple[str, ...]:
    scale = 60.0 if side.name.endswith("_s") else 1.0

    def shown(value: float | None, sign: str = "") -> str:
        return "-" if value is None else f"{value / scale:{sign}.2f}"

    known = side.low is not None
    interval = f"{shown(side.low, '+')} to {shown(side.high, '+')}" if known else "-"
    verdict = "not clear" if side.verdict == "unclear" else side.verdict
    return (
        _IN_WORDS[side.name],
        shown(side.before),
        shown(side.after),
        shown(side.difference, "+"),
        interval,
        verdict,
    )
