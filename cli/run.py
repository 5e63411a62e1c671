"""`foreshock run`: the live worker."""

import logging
from enum import Enum
from typing import Annotated

import typer

from cli.errors import BadInput, bad_input

RUN_HELP = """Read metrics and tell incidents, until stopped.

The first Ctrl-C or SIGTERM stops after a last snapshot, with exit code 0; the second at once.
A later run with the same settings goes on where this one stood.

\b
Examples:
  foreshock run -c config/dev.yaml
  KAFKA_BROKERS=localhost:9092 foreshock run -c config/kafka.yaml --processes 2
  foreshock run -c config/kafka.yaml --addresses a:2101,b:2101 --index 0   # on host a
  foreshock run -c config/kafka.yaml --addresses a:2101,b:2101 --index 1   # on host b
"""


class LogFormat(Enum):
    """How log lines look."""

    CONSOLE = "console"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("run", help=RUN_HELP, no_args_is_help=True)(run)


def run(
    config: Annotated[str, typer.Option("-c", "--config", help="Settings file.", metavar="FILE")],
    processes: Annotated[
        int, typer.Option(help="Worker processes on this machine.", min=1, max=64)
    ] = 1,
    addresses: Annotated[
        str | None,
        typer.Option(
            help="One worker a host: where each listens, host:port,host:port, the same everywhere. "
            "The first also listens at the next port."
        ),
    ] = None,
    index: Annotated[
        int | None, typer.Option(help="Which of the addresses this is, from 0.", min=0)
    ] = None,
    log_format: Annotated[
        LogFormat | None,
        typer.Option(help="How log lines look; else as the settings' log_format says."),
    ] = None,
) -> None:
    """Run the worker."""
    from config.app import load_app
    from flows.hosts import Hosts
    from flows.logs import log_to_stderr
    from flows.run import run as run_flow

    hosts = None
    if addresses is not None or index is not None:
        if addresses is None or index is None or processes != 1:
            raise BadInput("--addresses and --index go together, and without --processes")
        with bad_input():
            hosts = Hosts(tuple(each.strip() for each in addresses.split(",")), index)

    app = load_app(config)
    form = app.log_format if log_format is None else log_format.value
    log_to_stderr(logging.INFO, form)  # starts, stops and reconnects are worth a line
    run_flow(app, processes=processes, hosts=hosts)
