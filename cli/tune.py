"""`foreshock tune`: which settings would have done better."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.backtest import follow, labels_in
from cli.compare import print_sides
from cli.errors import BadInput, bad_input, say
from cli.history import Window, settings_for
from cli.places import Reach
from cli.tables import clock, print_table, write

if TYPE_CHECKING:
    from config.app import App
    from flows.outcome import Outcome
    from flows.tune import Settings, Tuned

TUNE_HELP = """Search a few settings on an earlier part of history, confirm the best on a later one.

Each combination is a backtest of its own; how many that will be is said first. What is better on
the earlier part by chance is not confirmed on the later one, and then says so.

\b
Examples:
  foreshock tune sim --labels sim/truth.json --try detect.fusion.threshold=3.5,4.1,5
  foreshock tune sim --labels sim/truth.json --try triage.quiet_s=600,1200 --split 2026-01-06T00:00Z
"""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("tune", help=TUNE_HELP, no_args_is_help=True)(tune)


def tune(
    paths: Annotated[list[str], typer.Argument(help="Files, folders or patterns.")],
    labels: Annotated[str, typer.Option(help="What was wrong: docs/backtest-figures.md.")],
    tries: Annotated[
        list[str], typer.Option("--try", help="KEY=VALUE,VALUE ... May be repeated.")
    ],
    labels_format: Annotated[
        str, typer.Option(help="truth, nab, points, pagerduty, alertmanager, incidents.")
    ] = "auto",
    split: Annotated[
        str | None,
        typer.Option(help="Where the later part begins. Default: after 60 % of the time.",
                     metavar="TIME"),
    ] = None,
    objective: Annotated[str, typer.Option(help="f1, precision or recall.")] = "f1",
    max_runs: Annotated[int, typer.Option(help="Refuse to start more.", min=1)] = 30,
    format_name: Annotated[str | None, typer.Option("--format", help="Of lines.")] = None,
    topology: Annotated[
        Path | None, typer.Option(help="Who calls whom. Default: topology.yaml of a folder.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1, max=64)] = 1,
    config: Annotated[
        str | None, typer.Option("-c", "--config", help="The present settings.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:  # fmt: skip
    """Search and confirm."""
    from connectors.instants import bound_ms
    from flows.backtest import Plan, replayed
    from flows.tune import OBJECTIVES, Objective, settings_of, with_settings
    from flows.tune import tune as search

    if objective not in OBJECTIVES:
        raise BadInput(f"--objective must be one of {', '.join(OBJECTIVES)}, got {objective!r}")
    app = settings_for(paths, format_name, topology, 10_000, Reach(None, config, None), Window())
    with bad_input():
        combinations = settings_of(tries)
        for each in combinations:
            with_settings(app, each)  # so that a bad value is said before anything starts
        split_ms = bound_ms("--split", split or "")
    runs = len(combinations) + 1
    if runs > max_runs:
        raise BadInput(f"--try gives {runs} runs, more than --max-runs {max_runs}")
    known = labels_in(labels, labels_format)
    say(f"{runs} runs over the data, the present settings first")

    def replay(each: "App") -> "Outcome":
        outcome = replayed(Plan(each), workers=workers, show=follow)
        if outcome.partial:
            raise KeyboardInterrupt
        return outcome

    found = search(
        app,
        combinations,
        known,
        replay,
        split_ms=split_ms,
        objective=msgspec.convert(objective, Objective),
        on_run=lambda number, each: say(f"run {number + 1} of {runs}: {_named(each)}"),
    )
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    print_tuned(found)


def print_tuned(found: "Tuned") -> None:
    """Print for people what was found."""
    write(f"training    {clock(found.training[0])} to {clock(found.training[1])}")
    rows = [
        (
            _named(each.settings),
            _shown(each.measures.precision),
            _shown(each.measures.recall),
            _shown(each.measures.f1),
            _shown(each.measures.false_alarms_per_day),
        )
        for each in found.tried
    ]
    print_table(("settings", "precision", "recall", "f1", "false a day"), rows)
    write("")
    if not found.best:
        write(f"the present settings have the best {found.objective}: nothing to change")
        return
    write(f"best        {_named(found.best)}")
    write(f"confirming  {clock(found.confirming[0])} to {clock(found.confirming[1])}")
    print_sides(found.figures)
    write("")
    if found.confirmed:
        write(f"{found.objective} is better there too. Use:")
        write("")
        write(found.settings.rstrip())
    else:
        write("not confirmed better there: keep the present settings")


def _named(settings: "Settings") -> str:
    return " ".join(f"{key}={value}" for key, value in settings.items()) or "present settings"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
