"""`foreshock score`: how odd each row of one's own CSV files is."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.errors import BadInput, CommandFailed, bad_input, say

if TYPE_CHECKING:
    from connectors.csv_series import SeriesColumns
    from flows.score import Judge, Outcome

SCORE_HELP = """Score every row of CSV files, each as a stream: by what came before it in its file.

PATHS are files and folders; a folder's CSV files are found however deep they lie. Each gives one
file at the same relative path in DIR, with the columns timestamp and value as they stood, and
anomaly_score, confidence, is_anomaly (1 where an alert opens), expected, lower and upper. Rows of
the warm-up have no score. Files of other kinds are skipped and named.

\b
Examples:
  foreshock score metrics --format csv --out scores
  foreshock score cpu.csv disk.csv --out scores --time-column at --value-column percent
  foreshock score metrics --out scores -c config/dev.yaml --processes 1
"""


class Format(StrEnum):
    """Of the input."""

    CSV = "csv"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("score", help=SCORE_HELP, no_args_is_help=True)(score)


def score(
    paths: Annotated[list[Path], typer.Argument(help="CSV files, and folders of them.")],
    out: Annotated[Path, typer.Option(help="Folder to write. Not within PATHS.", metavar="DIR")],
    format_name: Annotated[
        Format, typer.Option("--format", help="One series a file, a row a sample.")
    ] = Format.CSV,
    time_column: Annotated[
        str, typer.Option(help="ISO 8601, UTC where no zone stands, or epoch s or ms.")
    ] = "timestamp",
    value_column: Annotated[str, typer.Option(help="The numbers to judge.")] = "value",
    config: Annotated[
        str | None,
        typer.Option("-c", "--config", help="Settings file, for its section detect."),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(help="Files scored at a time. Default: number of cores.", min=1, max=256),
    ] = None,
) -> None:
    """Score files; `format_name` has one value so far."""
    from connectors.csv_series import SeriesColumns
    from flows.score import jobs_of, run

    with bad_input():
        columns = SeriesColumns(time_column, value_column)
        try:
            jobs, others = jobs_of(paths, out)
        except FileNotFoundError as ex:
            raise BadInput(f"{ex.filename}: {ex.strerror}") from ex
    if not jobs:
        raise BadInput(f"no .csv file in {', '.join(map(str, paths))}")
    if out.exists() and not out.is_dir():
        raise BadInput(f"--out must be a folder, {out} is a file")
    logging.getLogger("flows").setLevel(logging.INFO)  # that kernels compile is worth a line
    with _bar(len(jobs)) as on_done:
        done = run(jobs, _judge(config, columns), processes or os.cpu_count() or 1, on_done)
    _tell([*others, *done], out)


def _judge(config: str | None, columns: "SeriesColumns") -> "Judge":
    from config.app import load_app
    from config.catalogue import load_catalogue
    from flows.assemble import catalogue_of
    from flows.score import Judge
    from operators.detect_settings import DetectSettings
    from operators.ingest import IngestSettings

    if config is None:
        return Judge(DetectSettings(), load_catalogue(), IngestSettings().tick_s, columns)
    app = load_app(config)
    return Judge(app.detect, catalogue_of(app), app.ingest.tick_s, columns)


@contextmanager
def _bar(total: int) -> "Iterator[Callable[[Outcome], object]]":
    """Show how far it has got, on a terminal."""
    columns = (
        TextColumn("scoring"), BarColumn(), MofNCompleteColumn(), TextColumn("files"),
        TextColumn("{task.fields[rows]:,} rows"), TimeRemainingColumn(),
    )  # fmt: skip
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=total, rows=0)

        def on_done(outcome: "Outcome") -> None:
            progress.update(task, advance=1, rows=progress.tasks[0].fields["rows"] + outcome.rows)

        yield on_done


def _tell(outcomes: "Sequence[Outcome]", out: Path) -> None:
    """Print what was skipped and why, and what it all came to."""
    skipped = [each for each in outcomes if each.reason]
    scored = [each for each in outcomes if not each.reason]
    for each in sorted(skipped, key=lambda each: each.path):
        say(f"{each.path}: skipped, {each.reason}")
    for (wanted, taken), files in sorted(Counter(t for e in scored for t in e.taken).items()):
        say(f"column {taken!r} was taken for {wanted!r}, which is not there, in {files:,} files")
    silent = [each for each in scored if not each.scored]
    if silent:
        say(
            f"{len(silent):,} files have no score, too short or not in the order of time: "
            f"{silent[0].path}{' ...' if silent[1:] else ''}"
        )
    if not scored:
        raise CommandFailed("no file could be scored")
    rows, judged = sum(e.rows for e in scored), sum(e.scored for e in scored)
    typer.echo(f"files   {len(scored):,} scored, {len(skipped):,} skipped")
    typer.echo(f"rows    {rows:,}, of which {judged:,} have a score")
    typer.echo(f"alerts  {sum(each.alerts for each in scored):,}")
    typer.echo(f"out     {out}")
