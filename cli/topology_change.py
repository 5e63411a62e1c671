"""`foreshock topology add|remove`: change the map of a running flow."""

import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import BadInput, bad_input
from cli.running_flow import Actor, Config, Control, running_flow, who
from cli.tables import clock

if TYPE_CHECKING:
    from pathlib import Path

    from schema import Edge

ADD_HELP = """Add an edge to the map of a running flow.

\b
Examples:
  foreshock topology add web cache -c config/kafka.yaml
  foreshock topology add cache node-7 --type runs_on --control .foreshock/control.jsonl
"""
REMOVE_HELP = """Remove an edge from the map of a running flow.

It stays removed, however often the data show it, until it is added again.

\b
Example:
  foreshock topology remove web cache -c config/kafka.yaml
"""

CallerName = Annotated[str, typer.Argument(help="What needs.", metavar="CALLER")]
CalleeName = Annotated[str, typer.Argument(help="What is needed.", metavar="CALLEE")]
EdgeType = Annotated[str, typer.Option("--type", help="calls, runs_on or in_zone.")]
At = Annotated[
    str | None,
    typer.Option(help="From which event time on, ISO 8601. Default: soon.", metavar="TIME"),
]


def register_changes(group: typer.Typer) -> None:
    """Add the commands to `foreshock topology`."""
    group.command("add", help=ADD_HELP, no_args_is_help=True)(add)
    group.command("remove", help=REMOVE_HELP, no_args_is_help=True)(remove)


def add(
    caller: CallerName,
    callee: CalleeName,
    type_: EdgeType = "calls",
    at: At = None,
    config: Config = None,
    control: Control = None,
    actor: Actor = None,
) -> None:
    """Write an edge that comes into the flow's control log."""
    _tell((_edge(caller, callee, type_),), (), at, config, control, actor)


def remove(
    caller: CallerName,
    callee: CalleeName,
    type_: EdgeType = "calls",
    at: At = None,
    config: Config = None,
    control: Control = None,
    actor: Actor = None,
) -> None:
    """Write an edge that goes into the flow's control log."""
    _tell((), (_edge(caller, callee, type_),), at, config, control, actor)


def _edge(caller: str, callee: str, type_: str) -> "Edge":
    import msgspec

    from connectors.topology_file import Link

    if caller == callee:
        raise BadInput(f"CALLEE must not be CALLER, got {callee!r} for both")
    with bad_input():
        return msgspec.convert({"caller": caller, "callee": callee, "type": type_}, Link).edge()


def _tell(
    added: tuple["Edge", ...],
    removed: tuple["Edge", ...],
    at: str | None,
    config: str | None,
    control: "Path | None",
    actor: str | None,
) -> None:
    from cli.silence_add import effective_ms, moment_ms
    from connectors.source import wall_clock
    from schema import TopologyChange

    flow = running_flow(config, control)
    if at is None and not flow.live:
        raise BadInput("--at must be given, since the settings are of a replay")
    when_ms = effective_ms(flow, wall_clock(), 0) if at is None else moment_ms("--at", at)
    name = f"top-{secrets.token_hex(4)}"
    flow.log.append(TopologyChange(name, when_ms, added, removed, (), actor or who()))
    typer.echo(f"the flow knows it from {clock(when_ms)} UTC on")
