"""`foreshock deploys add|import`: tell a flow what was changed on purpose."""

import secrets
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.answered import Wait, tell
from cli.errors import BadInput, bad_input
from cli.running_flow import (
    Actor,
    Config,
    Control,
    StoreOfFlow,
    running_flow,
    who,
)
from cli.tables import clock

if TYPE_CHECKING:
    from flows.running import RunningFlow
    from schema import Deploy

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
IMPORT_HELP = """Tell a flow of the deploys in a file of JSON lines, as pipelines write them.

\b
  {"id": "d7", "ts_ms": 1772359200000, "version": "v42", "resource": "web-3"}
  {"id": "d8", "ts_ms": 1772359800000, "application": "shop", "region": "eu-west-1"}

Lines that the log has already are left out, so a file that grows can be imported again. If a line
is no deploy, none is taken.

\b
Examples:
  foreshock deploys import deploys.jsonl -c config/kafka.yaml
  foreshock deploys import simulated/deploys.jsonl --control control.jsonl --replay
"""


def register(app: typer.Typer) -> None:
    """Add the command group to the command line."""
    group = typer.Typer(help=HELP, no_args_is_help=True)
    group.command("add", help=ADD_HELP, no_args_is_help=True)(add)
    group.command("import", help=IMPORT_HELP, no_args_is_help=True)(import_)
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
    store: StoreOfFlow = None,
    wait_s: Wait = 0.0,
) -> None:
    """Write a deploy into the flow's control log."""
    from cli.silence_add import moment_ms
    from connectors.source import wall_clock
    from operators.matching import check_matchers, parse_matcher
    from schema import Deploy

    with bad_input():
        found = tuple(parse_matcher(text) for text in matchers)
        check_matchers(found)
    flow = running_flow(config, control, store)
    if at is None and not flow.live:
        raise BadInput("--at must be given, since the settings are of a replay")
    now = wall_clock()
    was_ms = flow.effective_ms(now, 0) if at is None else moment_ms("--at", at)
    known = name or f"deploy-{secrets.token_hex(4)}"
    deploy = Deploy(known, was_ms, version, found, actor or who(), reason)
    deploy = _in_time(deploy, flow, now)
    said = f"{known}: the flow knows it from {clock(deploy.effective_ms)} UTC on"
    tell(flow, deploy, wait_s, lambda: typer.echo(said))


def import_(
    file: Annotated[Path, typer.Argument(help='A file of JSON lines; "-": standard input.')],
    config: Config = None,
    control: Control = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="The log is a replay's: each counts when it was.")
    ] = False,
) -> None:
    """Write what a pipeline has announced into the flow's control log."""
    from connectors.deploy_lines import read_deploys
    from connectors.source import wall_clock
    from schema import Deploy

    flow = running_flow(config, control)
    flow = flow._replace(live=flow.live and not replay)
    with bad_input():
        data = typer.get_binary_stream("stdin").read() if str(file) == "-" else file.read_bytes()
        given = read_deploys(data, str(file))
    there = {each.id for each in flow.log.read() if isinstance(each, Deploy)}
    new = [deploy for deploy in given if deploy.id not in there]
    now = wall_clock()
    for deploy in new:
        flow.log.append(_in_time(deploy, flow, now))
    typer.echo(f"{len(new)} of {len(given)} deploys are new to the control log")


def _in_time(deploy: "Deploy", flow: "RunningFlow", now: datetime) -> "Deploy":
    """Return the deploy as a flow can still take it up: a live one not before it has read it."""
    from connectors.deploy_lines import in_time

    return in_time(deploy, flow.effective_ms(now, deploy.effective_ms))
