"""`foreshock backtest`: the same flow over files, at full speed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.errors import BadInput, bad_input
from cli.report import print_summary

if TYPE_CHECKING:
    from config.app import App
    from flows.labels import Labels

BACKTEST_HELP = """Run the flow over files at full speed; print what it found.

PATHS are files, folders or patterns: JSON lines (also .gz, .zst), CSV, Parquet. A folder made by
`foreshock simulate` says its formats and topology itself.

\b
Examples:
  foreshock backtest sim
  foreshock backtest sim --labels sim/truth.json --workers 2
  foreshock backtest 'metrics/*.jsonl.gz' --format cloudwatch-json --json
"""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("backtest", help=BACKTEST_HELP, no_args_is_help=True)(backtest)


def backtest(
    paths: Annotated[list[str], typer.Argument(help="Files, folders or patterns.")],
    format_name: Annotated[
        str | None,
        typer.Option("--format", help="Of JSON lines: cloudwatch-json, azure-monitor, "
                     "gcp-timeseries, foreshock-json. Default: as manifest.json says."),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="What was wrong: docs/backtest-figures.md.")
    ] = None,
    labels_format: Annotated[
        str, typer.Option(help="truth, nab, points, pagerduty, alertmanager, incidents.")
    ] = "auto",
    topology: Annotated[
        Path | None, typer.Option(help="Who calls whom. Default: topology.yaml of a folder.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1, max=64)] = 1,
    batch: Annotated[int, typer.Option(help="Payloads read at once.", min=1)] = 10_000,
    config: Annotated[
        str | None,
        typer.Option("-c", "--config", help="Settings, apart from sources and sinks."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:  # fmt: skip
    """Run over files."""
    from flows.backtest import run
    from flows.replay import Stopped

    app = settings_for(paths, format_name, topology, batch, config)
    known = None if labels is None else labels_in(labels, labels_format)
    try:
        summary = run(app, workers=workers, labels=known)
    except Stopped as ex:
        raise KeyboardInterrupt from ex
    print_summary(summary, as_json)


def settings_for(
    paths: list[str],
    format_name: str | None,
    topology: Path | None,
    batch: int,
    config: str | None,
) -> "App":
    """Return the settings of a run over files: those of `config`, with these sources, no sinks."""
    from config.app import App, load_app
    from connectors.files import FileOrigin, FileSource

    if topology is None:
        beside = [Path(path) / "topology.yaml" for path in paths]
        topology = next((file for file in beside if file.is_file()), None)
    elif not topology.is_file():
        raise BadInput(f"--topology: {topology}: no such file")
    with bad_input():
        source = FileSource(paths=tuple(paths), format=format_name or "", chunk_payloads=batch)
        FileOrigin(source)  # so that a missing file or format is said before anything starts
        given = App(sources=(source,)) if config is None else load_app(config)
    known = given.topology if topology is None else str(topology)
    return msgspec.structs.replace(given, sources=(source,), sinks=(), topology=known)


def labels_in(labels: str, form: str) -> "Labels":
    """Read what is known to have been wrong."""
    from flows.label_forms import read_label_file

    try:
        return read_label_file(labels, form)
    except FileNotFoundError as ex:
        raise BadInput(f"--labels: {labels}: no such file") from ex
    except (OSError, ValueError) as ex:
        raise BadInput(f"--labels: {labels}: {ex}") from ex
