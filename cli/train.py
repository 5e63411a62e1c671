"""`foreshock train`: fit the batch models and put them into the registry."""

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.errors import BadInput
from cli.history import settings_for
from cli.places import Reach

if TYPE_CHECKING:
    from config.app import App

TRAIN_HELP = """Fit the batch models of each service on recorded metrics, and register them.

The older part of the data is fitted to, the next calibrates, and by the newest a model is judged
beside the one that is active: it is made active if it does no worse, else it stays a candidate.

The data comes from PATHS, or from the sources of a settings file: topics are then read up to where
they end now, and a model serves from a time on that all live flows hear of before they come to it.
Else a model serves from the end of its data on.

--watch goes on until it is stopped: it trains what a flow with the same control log asks for
because a service has drifted, and with --every by a schedule.

\b
Examples:
  foreshock train sim --models .foreshock/models
  foreshock train -c config/kafka.yaml --models .foreshock/models
  foreshock train --watch -c config/kafka.yaml --every 24h --hours 72
"""
DEFAULT_MODELS = Path(".foreshock/models")
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("train", help=TRAIN_HELP, no_args_is_help=True)(train)


def train(
    paths: Annotated[list[str] | None, typer.Argument(help="Files, folders or patterns.")] = None,
    format_name: Annotated[
        str | None, typer.Option("--format", help="Of JSON lines; default: as manifest.json says.")
    ] = None,
    config: Annotated[str | None, typer.Option("-c", "--config", help="Settings file.")] = None,
    models: Annotated[
        Path | None, typer.Option(help=f"The registry's folder. Default: {DEFAULT_MODELS}.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1, max=64)] = 1,
    promote: Annotated[
        bool,
        typer.Option(help="Make models active that do no worse; --no-promote: candidates."),
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Make models active that do worse, too.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on: train when a running flow asks for it.")
    ] = False,
    every: Annotated[
        str | None, typer.Option(help="With --watch: also so often, 30m, 24h or 7d.")
    ] = None,
    hours: Annotated[
        float, typer.Option(help="With --every: train on so much of topics.", min=0.1)
    ] = 72.0,
) -> None:
    """Train and register."""
    if watch and (config is None or paths):
        raise BadInput("--watch needs -c FILE, which names the control log, and no PATHS")
    every_s = None if every is None else seconds(every)
    if every is not None and not watch:
        raise BadInput("--every needs --watch")
    app = _settings(paths, format_name, config)
    folder = str(models) if models else app.models or str(DEFAULT_MODELS)
    app = msgspec.structs.replace(app, models=folder)
    if watch:
        from flows.watch import watch as go_on

        logging.getLogger().setLevel(logging.INFO)
        go_on(app, every_s=every_s, hours=hours, workers=workers)
        return
    _train_once(app, folder, workers, promote=promote, force=force)


def _settings(paths: list[str] | None, format_name: str | None, config: str | None) -> "App":
    from config.app import load_app
    from flows.run import with_control_log

    if paths:
        return settings_for(paths, format_name, None, 1000, Reach(None, config, None))
    if config is None:
        raise BadInput("say what to train on: PATHS, or -c FILE for its sources")
    return with_control_log(load_app(config))


def _train_once(app: "App", folder: str, workers: int, *, promote: bool, force: bool) -> None:
    from flows.replay import Stopped
    from flows.train import run

    try:
        settled = run(app, workers=workers, promote=promote, force=force)
    except Stopped as ex:
        raise KeyboardInterrupt from ex
    for one in settled:
        if one.version:
            state = "active" if one.promoted else "not promoted"
            typer.echo(f"{folder}: {one.version} {state}: {one.reason}")
    if not any(one.version for one in settled):
        typer.echo("no service had rows enough to train on")


def seconds(text: str) -> float:
    """Return the seconds of 90s, 30m, 24h or 7d."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if found is None or not 1 <= (value := float(found[1]) * SECONDS[found[2]]) <= 366 * 86_400:
        raise BadInput(f"--every must be a time such as 30m, 24h or 7d, got {text!r}")
    return value
