"""`foreshock export`: a topic's range as Parquet files, for the archive."""

from pathlib import Path
from typing import Annotated

import typer

from cli.errors import BadInput, bad_input
from cli.history import end_of, window
from cli.places import PREFIX, Brokers, Properties, Reach, Settings, topic_source

EXPORT_HELP = """Write a range of a topic into Parquet files, for the archive.

Payloads, keys, headers, offsets and time stamps are kept: `foreshock backtest DIR` reads them in
the topic's place, to the same outcome. The range is that of --from and --to, by the times of the
records; each partition's end is fixed at the start. An export that was broken off is gone on with
by the same command.

\b
Examples:
  foreshock export metrics.aws --brokers localhost:9092 --out archive/aws-11 \\
      --from 2026-11-01T00:00Z --to 2026-12-01T00:00Z
  foreshock export metrics.aws -c config/kafka.yaml --out archive/aws
"""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("export", help=EXPORT_HELP, no_args_is_help=True)(export)


def export(
    topic: Annotated[str, typer.Argument(help="Its name.", metavar="TOPIC")],
    out: Annotated[Path, typer.Option(help="Folder to write, new or of the same export.")],
    start: Annotated[
        str | None, typer.Option("--from", help="From this time on.", metavar="TIME")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Up to before this time.", metavar="TIME")
    ] = None,
    brokers: Brokers = None,
    config: Settings = None,
    properties: Properties = None,
    format_name: Annotated[
        str | None,
        typer.Option("--format", help="Of the payloads. Default: as -c says, else by looking."),
    ] = None,
) -> None:
    """Export a topic."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from connectors.kafka_export import export as write
    from connectors.source import wall_clock

    times = window(("--from", "--to"), start, end)
    name = topic.removeprefix(PREFIX)
    reach = Reach(brokers, config, properties)
    unknown = "say where its brokers are: --brokers, KAFKA_BROKERS or -c FILE"
    source = topic_source(
        name, format_name, reach, times.start or "earliest", end_of(times), unknown
    )
    columns = (TextColumn("exporting"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown, bad_input():
        task = shown.add_task("", total=1.0)
        if out.exists() and not out.is_dir():
            raise BadInput(f"--out: {out}: must be a folder")
        done = write(source, out, wall_clock, lambda share: shown.update(task, completed=share))
    typer.echo(
        f"{out}: {done.records:,} records of {done.partitions} partitions of {name}, "
        f"in {done.files} new files"
    )
