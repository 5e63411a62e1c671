"""`foreshock train`: fit the batch models and put them into the registry."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cli.backtest import settings_for
from cli.errors import BadInput

TRAIN_HELP = """Fit the batch models of each service on recorded metrics, and register them.

The older part of the data is fitted to, the next calibrates, and by the newest a model is judged
beside the one that is active: it is made active if it does no worse, else it stays a candidate.

The data comes from PATHS, or from the sources of a settings file: topics are then read up to where
they end now.

\b
Examples:
  foreshock train sim --models .foreshock/models
  foreshock train -c config/kafka.yaml --models .foreshock/models
"""
DEFAULT_MODELS = Path(".foreshock/models")


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
) -> None:
    """Train and register."""
    from config.app import load_app
    from connectors.kafka_settings import KafkaSource
    from flows.replay import Stopped
    from flows.train import run
    from flows.trainer import never

    if paths:
        app = settings_for(paths, format_name, None, 1000, config)
    elif config is None:
        raise BadInput("say what to train on: PATHS, or -c FILE for its sources")
    else:
        app = load_app(config)
        sources = tuple(
            msgspec.structs.replace(source, end="now")
            if isinstance(source, KafkaSource) and source.end == "never"
            else source
            for source in app.sources
        )
        app = msgspec.structs.replace(app, sources=sources)
    folder = str(models) if models else app.models or str(DEFAULT_MODELS)
    app = msgspec.structs.replace(app, models=folder)
    try:
        settled = run(app, workers=workers, promote=None if promote else never, force=force)
    except Stopped as ex:
        raise KeyboardInterrupt from ex
    for one in settled:
        if one.version:
            state = "active" if one.promoted else "candidate"
            typer.echo(f"{folder}: {one.version} {state}: {one.reason}")
    if not any(one.version for one in settled):
        typer.echo("no service had rows enough to train on")
