"""`foreshock topology add|remove`: change the map of a running flow."""

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from cli.answered import Wait, tell
from cli.errors import BadInput, bad_input
from cli.running_flow import Actor, Config, Control, StoreOfFlow, running_flow, who
from cli.tables import clock

if TYPE_CHECKING:
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


def register_changes(group: typer.Typer) -> None:
    """Add the commands to `foreshock topology`."""
    group.command("add", help=ADD_HELP, no_args_is_help=True)(_command(adds=True))
    group.command("remove", help=REMOVE_HELP, no_args_is_help=True)(_command(adds=False))


def _command(*, adds: bool) -> Callable[..., None]:
    def change(
        caller: Annotated[str, typer.Argument(help="What needs.", metavar="CALLER")],
        callee: Annotated[str, typer.Argument(help="What is needed.", metavar="CALLEE")],
        type_: Annotated[str, typer.Option("--type", help="calls, runs_on or in_zone.")] = "calls",
        at: Annotated[
            str | None,
            typer.Option(help="From which event time on, ISO 8601. Default: soon.", metavar="TIME"),
        ] = None,
        config: Config = None,
        control: Control = None,
        actor: Actor = None,
        store: StoreOfFlow = None,
        wait_s: Wait = 0.0,
    ) -> None:
        """Write an edge that comes or goes into the flow's control log."""
        from cli.silence_add import moment_ms
        from connectors.source import wall_clock
        from schema import TopologyChange

        edges = (_edge(caller, callee, type_),)
        flow = running_flow(config, control, store)
        if at is None and not flow.live:
            raise BadInput("--at must be given, since the settings are of a replay")
        when_ms = flow.effective_ms(wall_clock(), 0) if at is None else moment_ms("--at", at)
        name = f"top-{secrets.token_hex(4)}"
        added, removed = (edges, ()) if adds else ((), edges)
        told = TopologyChange(name, when_ms, added, removed, (), actor or who())
        said = f"the flow knows it from {clock(when_ms)} UTC on"
        tell(flow, told, wait_s, lambda: typer.echo(said))

    return change


def _edge(caller: str, callee: str, type_: str) -> "Edge":
    import msgspec

    from connectors.topology_file import Link

    if caller == callee:
        raise BadInput(f"CALLEE must not be CALLER, got {callee!r} for both")
    with bad_input():
        return msgspec.convert({"caller": caller, "callee": callee, "type": type_}, Link).edge()
