"""`foreshock train`: fit the batch models and put them into the registry."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cli.backtest import settings_for
from cli.errors import BadInput

TRAIN_HELP = """Fit the batch models of each service on recorded metrics, and register them.

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
        bool, typer.Option(help="Make the models active; --no-promote: candidates.")
    ] = True,
) -> None:
    """Train and register."""
    from config.app import load_app
    from connectors.kafka_settings import KafkaSource
    from flows.replay import Stopped
    from flows.train import run

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
        versions = run(app, workers=workers, promote=promote)
    except Stopped as ex:
        raise KeyboardInterrupt from ex
    for version in versions:
        typer.echo(f"{folder}: {version} {'active' if promote else 'candidate'}")
    if not versions:
        typer.echo("no service had rows enough to train on")
