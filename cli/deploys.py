"""`foreshock deploys add`: tell a running flow what was changed on purpose."""

import secrets
from typing import Annotated

import typer

from cli.errors import BadInput, bad_input
from cli.running_flow import Actor, Config, Control, running_flow, who
from cli.tables import clock

HELP = """Tell a running flow what was changed on purpose.

\b
Example:
  foreshock deploys add v42 'resource=~web-.*' -c config/kafka.yaml
"""
ADD_HELP = """Tell a running flow of a deploy: what it hit and goes wrong soon after is its work.

MATCHERS say which resources were changed: 'service=aws.ecs' 'resource=~web-.*'.

\b
Examples:
  foreshock deploys add v42 'resource=~web-.*' -c config/kafka.yaml
  foreshock deploys add v42 application=shop --at 2026-03-01T10:00:00Z --control control.jsonl
"""


def register(app: typer.Typer) -> None:
    """Add the command group to the command line."""
    group = typer.Typer(help=HELP, no_args_is_help=True)
    group.command("add", help=ADD_HELP, no_args_is_help=True)(add)
    group.callback(help=HELP)(_root)
    app.add_typer(group, name="deploys")


def _root() -> None:
    """What was changed on purpose."""


def add(
    version: Annotated[str, typer.Argument(help="What was deployed.", metavar="VERSION")],
    matchers: Annotated[list[str], typer.Argument(help="Which resources.", metavar="MATCHERS")],
    name: Annotated[
        str | None, typer.Option("--id", help="Its id. Default: a new one.", metavar="ID")
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="When, ISO 8601. Default: now.", metavar="TIME")
    ] = None,
    reason: Annotated[str, typer.Option(help="What for.")] = "",
    config: Config = None,
    control: Control = None,
    actor: Actor = None,
) -> None:
    """Write a deploy into the flow's control log."""
    from cli.silence_add import effective_ms, moment_ms
    from connectors.source import wall_clock
    from operators.matching import check_matchers, parse_matcher
    from schema import Deploy

    with bad_input():
        found = tuple(parse_matcher(text) for text in matchers)
        check_matchers(found)
    flow = running_flow(config, control)
    if at is None and not flow.live:
        raise BadInput("--at must be given, since the settings are of a replay")
    when_ms = effective_ms(flow, wall_clock(), 0) if at is None else moment_ms("--at", at)
    known = name or f"deploy-{secrets.token_hex(4)}"
    flow.log.append(Deploy(known, when_ms, version, found, actor or who(), reason))
    typer.echo(f"{known}: the flow knows it from {clock(when_ms)} UTC on")
