"""`foreshock incidents watch`: follow the incident store as it grows."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from cli.incident_named import DEFAULT_URL, Store, least_severity, open_store
from cli.tables import clock, printable

if TYPE_CHECKING:
    from schema import Transition

WATCH_HELP = """Follow what happens to incidents, as it is stored. Ctrl-C ends it.

\b
Examples:
  foreshock incidents watch
  foreshock incidents watch --severity HIGH --since-start
  foreshock incidents watch --json | jq .incident.title
"""
POLL_S = 0.5


def watch(
    store: Store = DEFAULT_URL,
    severity: Annotated[str, typer.Option(help="At least: LOW, MEDIUM, HIGH, CRITICAL.")] = "LOW",
    since_start: Annotated[
        bool, typer.Option("--since-start", help="Begin with the oldest event in the store.")
    ] = False,
    for_s: Annotated[
        float | None, typer.Option("--for", help="End after so many seconds.", min=0.0)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each event in the wire form.")
    ] = False,
) -> None:
    """Watch."""
    from connectors.incident_wire import encode_transition

    least = least_severity(severity)
    ends = None if for_s is None else time.monotonic() + for_s
    opened = open_store(store)
    try:
        sequence = 0 if since_start else opened.last_sequence()
        while True:
            found = opened.events_after(sequence)
            for event in found:
                sequence = event.sequence
                if event.transition.incident.severity < least:
                    continue
                line = encode_transition(event.transition).decode()
                typer.echo(line if as_json else _line(event.transition))
            if found:
                continue
            if ends is not None and time.monotonic() >= ends:
                return
            time.sleep(POLL_S if ends is None else min(POLL_S, max(0.0, ends - time.monotonic())))
    finally:
        opened.close()


def _line(said: "Transition") -> str:
    incident = said.incident
    what = f"{clock(said.ts_ms)}  {incident.severity.name:<8}  {said.event:<16}  {incident.id}"
    by = "" if said.actor == "foreshock" else f"{said.actor}: "
    return printable(f"{what}  {incident.title}  ({by}{said.reason})")
