"""`foreshock run`: the live worker."""

import logging
from typing import Annotated

import typer

RUN_HELP = """Read metrics and tell incidents, until stopped.

The first Ctrl-C or SIGTERM stops after a last snapshot, with exit code 0; the second at once.
A later run with the same settings goes on where this one stood.

\b
Examples:
  foreshock run -c config/dev.yaml
  KAFKA_BROKERS=localhost:9092 foreshock run -c config/kafka.yaml --processes 2
"""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("run", help=RUN_HELP, no_args_is_help=True)(run)


def run(
    config: Annotated[str, typer.Option("-c", "--config", help="Settings file.", metavar="FILE")],
    processes: Annotated[
        int, typer.Option(help="Worker processes on this machine.", min=1, max=64)
    ] = 1,
) -> None:
    """Run the worker."""
    from config.app import load_app
    from flows.run import run as run_flow

    logging.getLogger().setLevel(logging.INFO)  # starts, stops and reconnects are worth a line
    app = load_app(config)
    run_flow(app, processes=processes)
