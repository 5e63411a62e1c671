"""`foreshock recovery`: make, look into and verify the folder that state is kept in."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cli.errors import CommandFailed

INIT_HELP = """Make the recovery store of a settings file, for its number of partitions.

`foreshock run` does so too when it starts. A store that is there is compared with the settings.

\b
Example:
  foreshock recovery init -c config/kafka.yaml
"""
INSPECT_HELP = """Show what a recovery store holds: starts, steps, and where each partition goes on.

A run may be using it meanwhile.

\b
Examples:
  foreshock recovery inspect .foreshock/recovery
  foreshock recovery inspect .foreshock/recovery --json
"""
VERIFY_HELP = """Read every snapshot of a store; say what is damaged. Exit code 1 if something is.

\b
Example:
  foreshock recovery verify .foreshock/recovery
"""

Config = Annotated[str, typer.Option("-c", "--config", help="Settings file.", metavar="FILE")]
Folder = Annotated[Path, typer.Argument(help="The folder, recovery.dir.", metavar="DIR")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the command group to the command line."""
    group = typer.Typer(help="Look after the state of a flow.", no_args_is_help=True)
    group.command("init", help=INIT_HELP, no_args_is_help=True)(init)
    group.command("inspect", help=INSPECT_HELP, no_args_is_help=True)(inspect)
    group.command("verify", help=VERIFY_HELP, no_args_is_help=True)(verify)
    app.add_typer(group, name="recovery")


def init(config: Config) -> None:
    """Make the store, or compare the one that is there."""
    from cli.errors import BadInput
    from config.app import load_app
    from connectors.recovery_store import held
    from flows.recovery_shape import shape_of

    app = load_app(config)
    if app.recovery.dir is None:
        raise BadInput(f"{config}: recovery.dir must name a folder, got none")
    with held(app.recovery, shape_of(app)):
        typer.echo(f"{app.recovery.dir}: ready for {config}")


def inspect(folder: Folder, as_json: AsJson = False) -> None:
    """Show the store."""
    from flows.recovery import inspect as look

    found = look(folder)
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    made, last = found.made_for, found.last_start
    typer.echo(f"store      {found.folder}, {found.partitions} files, {found.file_bytes:,} bytes")
    if made is not None:
        kept = ", ".join(f"{name} {value}" for name, value in made.settings.items())
        typer.echo(f"made for   {made.flow}, last by Foreshock {made.release}\n           {kept}")
    if last is not None:
        said = f"{found.starts}, the last at {last.at} UTC with {last.workers} workers"
        typer.echo(f"starts     {said}\nnext       goes on from epoch {found.resume_epoch}")
    typer.echo(f"\n{'step':52} {'keys':>6} {'bytes':>14}  written (UTC)")
    for step in found.steps:
        typer.echo(f"{step.step:52} {step.keys:>6} {step.bytes:>14,}  {step.newest}")
    typer.echo(f"\n{'partition':52} {'index':>6} {'goes on at':>14}")
    for place in found.places:
        at = "the end" if place.ended else "its start" if place.position is None else place.position
        typer.echo(f"{place.partition:52} {place.index:>6} {at:>14}")


def verify(folder: Folder, as_json: AsJson = False) -> None:
    """Read everything."""
    from flows.recovery import verify as check

    found = check(folder)
    if as_json:
        typer.echo(msgspec.json.encode(found))
    else:
        for damage in found.damages:
            old = "" if damage.in_use else " (replaced by a newer one)"
            typer.echo(f"{damage.where}: {damage.what}{old}")
    if found.damages:
        said = f"damaged or missing: {len(found.damages)}, snapshots read: {found.snapshots}"
        raise CommandFailed(f"{folder}: {said}")
    if not as_json:
        typer.echo(f"{folder}: {found.snapshots} snapshots read, nothing is damaged")
