"""`foreshock store`: look after the incident store."""

from typing import Annotated

import typer

from cli.errors import BadInput, CommandFailed, bad_input
from cli.incident_named import DEFAULT_URL, Store, open_store
from cli.tables import clock, counted, write

MIGRATE_HELP = """Bring a store that an earlier Foreshock made up to date; nothing in it is lost.

A flow that writes to the store does so too when it starts. It is one transaction: stop flows of
the earlier version first, for they cannot write to it afterwards.

\b
Examples:
  foreshock store migrate
  foreshock store migrate --store sqlite:///incidents.db
"""
CHECK_HELP = """Look whether all of the store holds together; change nothing.

Each incident's events must be there from the first to the last, be readable and stand where they
belong; its row, and what it is found by, must be what they say. It reads every event: a flow may
write meanwhile.

\b
Examples:
  foreshock store check
  foreshock store check --store sqlite:///incidents.db
"""
PRUNE_HELP = """Drop the incidents that were closed before a time, with all that is theirs.

That is what `retention_days` of a flow's sink does by itself. What is not closed is never dropped.

\b
Example:
  foreshock store prune --before 2026-01-01
"""


def register(app: typer.Typer) -> None:
    """Add the command group to the command line."""
    group = typer.Typer(help="Look after the incident store.", no_args_is_help=True)
    group.command("migrate", help=MIGRATE_HELP)(migrate)
    group.command("check", help=CHECK_HELP)(check)
    group.command("prune", help=PRUNE_HELP, no_args_is_help=True)(prune)
    app.add_typer(group, name="store")


def migrate(store: Store = DEFAULT_URL) -> None:
    """Bring the store up to date."""
    from connectors.incident_database import upgrade_database

    with bad_input():
        before, now = upgrade_database(store)
    if before == now:
        typer.echo(f"the store is of version {now}, the newest")
    else:
        typer.echo(f"the store was of version {before} and is of version {now} now")


def check(store: Store = DEFAULT_URL) -> None:
    """Check the store."""
    from connectors.store_check import check_store

    with bad_input():
        found = check_store(store)
    for fault in found.faults:
        write(fault)
    looked = f"{counted(found.incidents, 'incident')}, {counted(found.events, 'event')}"
    if found.fault_count:
        raise CommandFailed(f"{counted(found.fault_count, 'fault')} in {looked}")
    write(f"the store is of version {found.version} and holds together: {looked}")


def prune(
    before: Annotated[str, typer.Option(help="Event time, ISO 8601; UTC if it names no zone.")],
    store: Store = DEFAULT_URL,
) -> None:
    """Drop what is old."""
    from cli.silence_add import moment_ms
    from connectors.source import wall_clock

    before_ms = moment_ms("--before", before)
    if before_ms > wall_clock().timestamp() * 1000:
        raise BadInput(f"--before must not be in the future, got {before!r}")
    opened = open_store(store)
    dropped = 0
    try:
        while some := opened.prune(before_ms):
            dropped += some
    finally:
        opened.close()
    write(f"{counted(dropped, 'incident')} dropped, closed before {clock(before_ms)} UTC")
