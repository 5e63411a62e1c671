"""`foreshock backtest`: the same flow over history, at full speed."""

import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.backtest_report import report_in, report_of_both_in
from cli.compare import print_compared
from cli.errors import BadInput
from cli.history import Window, settings_for, walk_forward, window, with_control_log
from cli.places import Brokers, Properties, Reach
from cli.report import print_summary

if TYPE_CHECKING:
    from config.app import App
    from flows.labels import Labels

BACKTEST_HELP = """Run the flow over history at full speed; print what it found.

PATHS are files, folders or patterns (JSON lines, also .gz, .zst; CSV; Parquet), exports, or topics:
kafka:NAME is always one. Without PATHS the sources of -c FILE are read. A folder made by `foreshock
simulate` says its formats and topology itself. Of topics --from and --to are times of records, of
files event times. Nothing is written anywhere, and nobody is told.

Ctrl-C ends with a report on what has been judged so far.

\b
Examples:
  foreshock backtest sim
  foreshock backtest sim --labels sim/truth.json --workers 2
  foreshock backtest 'metrics/*.jsonl.gz' --format cloudwatch-json --json
  foreshock backtest -c config/kafka.yaml --from 2026-11-01T00:00Z --to 2026-11-08T00:00Z
  foreshock backtest kafka:metrics.aws --brokers localhost:9092 --from 2026-11-01T00:00Z
  foreshock backtest sim --labels sim/truth.json --compare other.yaml --report report
  foreshock backtest sim --train-to 2026-01-08T00:00Z --from 2026-01-08T00:00Z
"""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("backtest", help=BACKTEST_HELP, no_args_is_help=True)(backtest)


def backtest(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Files, folders, patterns, topics.")
    ] = None,
    format_name: Annotated[
        str | None,
        typer.Option("--format", help="Of lines and topics: cloudwatch-json, azure-monitor, "
                     "gcp-timeseries, foreshock-json, ... Default: as manifest.json says."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="Begin here: 2026-11-01T00:00Z. Default: as far back as it "
                     "goes.", metavar="TIME"),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", help="End before here. Default: where it ends now.", metavar="TIME"),
    ] = None,
    brokers: Brokers = None,
    properties: Properties = None,
    config: Annotated[
        str | None,
        typer.Option("-c", "--config", help="Settings; its sources too, if no PATHS are given."),
    ] = None,
    control_log: Annotated[
        str | None,
        typer.Option("--control-log", help="Idle marks and commands of the live flow: a file, or "
                     "kafka:TOPIC. Default: that of -c.", metavar="LOG"),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A registry's folder, whose models serve as they did; or a version in "
                     "it, or in that of -c, which serves throughout. May be repeated."),
    ] = None,
    train_from: Annotated[
        str | None,
        typer.Option(help="Train on the same sources, from here.", metavar="TIME"),
    ] = None,
    train_to: Annotated[
        str | None,
        typer.Option(help="And up to before here. Default: --from.", metavar="TIME"),
    ] = None,
    retrain: Annotated[
        bool,
        typer.Option("--retrain", help="Train anew whenever a service drifts, for this run alone."),
    ] = False,
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
    batch: Annotated[int, typer.Option(help="Payloads read of a file at once.", min=1)] = 10_000,
    resume: Annotated[
        Path | None,
        typer.Option(help="Keep the run's state in this folder; the same command goes on there.",
                     metavar="DIR"),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(help="Other settings: run by both, say what differs.", metavar="FILE"),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write report.html and report.json here; with --compare of both runs.",
                     metavar="DIR"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:  # fmt: skip
    """Run over history."""
    from flows.backtest import Plan, run
    from flows.compare import both
    from flows.replay import Stopped

    if compare is not None and resume is not None:
        raise BadInput("--compare and --resume: one of the two")
    judged = window(("--from", "--to"), start, end)
    learned: Window | None = None
    if train_from or train_to:
        given = window(("--train-from", "--train-to"), train_from, train_to)
        judged, learned = walk_forward(judged, given)

    def planned(config: str | None) -> "Plan":
        reach = Reach(brokers, config, properties)

        def read(times: Window) -> "App":
            return settings_for(paths or [], format_name, topology, batch, reach, times)

        app = with_control_log(read(judged), control_log, reach)
        app, versions = with_models(app, model or [])
        if versions and learned:
            raise BadInput("--model names versions, --train-from trains them: one of the two")
        return Plan(app, versions, None if learned is None else read(learned), retrain)

    plan = planned(config)
    other = None if compare is None else planned(compare).over_the_data_of(plan)
    known = None if labels is None else labels_in(labels, labels_format)
    try:
        if other is not None:
            names = (config or "default settings", str(compare))
            page = report_of_both_in(report, paths or [])
            print_compared(both(plan, other, names, known, workers, follow, page), as_json)
            return
        wanted = report_in(report, paths or [])
        summary = run(
            plan, workers=workers, labels=known, folder=resume, show=follow, report=wanted
        )
    except Stopped as ex:  # while it was training
        raise KeyboardInterrupt from ex
    print_summary(summary, as_json)
    if summary.partial:
        raise KeyboardInterrupt


def follow(folder: Path) -> AbstractContextManager[None]:
    """Show on standard error how far the run has got."""
    from rich.console import Console

    from flows.progress import Progress, shown

    console = Console(stderr=True) if sys.stderr.isatty() else None
    return shown(Progress(folder), "backtest", console)


def with_models(app: "App", models: list[str]) -> "tuple[App, tuple[str, ...]]":
    """Return the settings with the registry that was named, and the versions that were."""
    from connectors.model_registry import INDEX

    folders = [name for name in models if (Path(name) / INDEX).is_file()]
    if len(folders) > 1:
        raise BadInput(f"--model must name one registry, got {', '.join(folders)}")
    versions = tuple(name for name in models if name not in folders)
    if folders:
        app = msgspec.structs.replace(app, models=folders[0])
    if versions and app.models is None:
        raise BadInput(
            f"--model: {versions[0]}: neither a registry's folder, nor is it said which registry "
            "has this version: name its folder too, or -c FILE"
        )
    return app, versions


def labels_in(labels: str, form: str) -> "Labels":
    """Read what is known to have been wrong."""
    from flows.label_forms import read_label_file

    try:
        return read_label_file(labels, form)
    except FileNotFoundError as ex:
        raise BadInput(f"--labels: {labels}: no such file") from ex
    except (OSError, ValueError) as ex:
        raise BadInput(f"--labels: {labels}: {ex}") from ex
