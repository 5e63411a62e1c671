"""`foreshock store`: look after the incident store."""

import typer

from cli.errors import bad_input
from cli.incident_named import DEFAULT_URL, Store

MIGRATE_HELP = """Bring a store that an earlier Foreshock made up to date; nothing in it is lost.

A flow that writes to the store does so too when it starts. It is one transaction: stop flows of
the earlier version first, for they cannot write to it afterwards.

\b
Examples:
  foreshock store migrate
  foreshock store migrate --store sqlite:///incidents.db
"""


def register(app: typer.Typer) -> None:
    """Add the command group to the command line."""
    group = typer.Typer(help="Look after the incident store.", no_args_is_help=True)
    group.callback()(_group)
    group.command("migrate", help=MIGRATE_HELP)(migrate)
    app.add_typer(group, name="store")


def _group() -> None:
    """Look after the incident store."""  # a group of one command stays a group


def migrate(store: Store = DEFAULT_URL) -> None:
    """Bring the store up to date."""
    from connectors.incident_database import upgrade_database

    with bad_input():
        before, now = upgrade_database(store)
    if before == now:
        typer.echo(f"the store is of version {now}, the newest")
    else:
        typer.echo(f"the store was of version {before} and is of version {now} now")
