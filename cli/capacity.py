"""`foreshock capacity`: how large a cluster must be."""

from typing import Annotated

import msgspec
import typer

CAPACITY_HELP = """Say how many workers, how much memory and how large snapshots an estate takes.

From measured costs; docs/scaling.md says how they were measured, and what breaks first.

\b
Examples:
  foreshock capacity --resources 100000
  foreshock capacity --resources 1000000 --metrics 8 --interval 300 --groups 96 --json
"""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("capacity", help=CAPACITY_HELP, no_args_is_help=True)(capacity)


def capacity(
    resources: Annotated[int, typer.Option(help="Resources watched at once.", min=1)],
    metrics: Annotated[int, typer.Option(help="Series of a resource.", min=1)] = 5,
    interval: Annotated[float, typer.Option(help="Seconds between a series' samples.")] = 60.0,
    services: Annotated[int, typer.Option(help="Services they are of.", min=1)] = 10,
    groups: Annotated[int, typer.Option(help="As ingest.groups.", min=1)] = 16,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what an estate takes."""
    from cli.errors import bad_input
    from flows.capacity import BUSY, Estate, capacity_of

    with bad_input():
        estate = Estate(resources, metrics, interval, services, groups)
    found = capacity_of(estate)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    gib = 1 << 30
    typer.echo(f"samples     {found.samples_per_s:,.0f} a second")
    typer.echo(f"workers     {found.workers:,} processes, a core each, {BUSY:.0%} busy")
    each = found.memory_a_worker_bytes / gib
    typer.echo(f"memory      {found.memory_bytes / gib:,.1f} GiB, {each:,.1f} GiB a worker")
    typer.echo(
        f"snapshots   {found.snapshot_bytes / gib:,.2f} GiB, "
        f"{found.snapshot_s_a_worker:,.2f} s of each worker's time"
    )
    for note in found.notes:
        typer.echo(f"note        {note}")
