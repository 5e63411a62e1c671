"""How a command reaches a running flow: by its control log, which the settings name."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import BadInput
from cli.incident_named import DEFAULT_URL

if TYPE_CHECKING:
    from flows.running import RunningFlow

Config = Annotated[
    str | None,
    typer.Option("-c", "--config", help="Settings file of the flow.", metavar="FILE"),
]
Control = Annotated[
    Path | None,
    typer.Option("--control", help="The flow's control log, if a file.", metavar="LOG"),
]
StoreOfFlow = Annotated[
    str | None,
    typer.Option(
        "--store",
        help=f"URL of the incident store. Default: that of the settings, else {DEFAULT_URL}",
        envvar="FORESHOCK_STORE",
        metavar="URL",
        show_default=False,
    ),
]
Actor = Annotated[
    str | None,
    typer.Option("--actor", help="Who says so. Default: who is logged in.", metavar="NAME"),
]


def running_flow(
    config: str | None, control: Path | None, store: str | None = None
) -> "RunningFlow":
    """Return what the options name; an option goes over the settings."""
    from config.app import load_app
    from connectors.control_log import FileControlLog
    from flows.run import with_control_log
    from flows.running import flow_by_log, flow_of, store_of

    if config is None:
        if control is None:
            raise BadInput(
                "say how a running flow is told: by the control log of its settings, -c FILE, or "
                "by the log itself, --control LOG"
            )
        return flow_by_log(control, store or DEFAULT_URL)
    app = with_control_log(load_app(config))
    log = None if control is None else FileControlLog(control)
    flow = flow_of(app, store or store_of(app), log)
    if flow is None:
        raise BadInput(
            f"{config}: control_log must be set, to a topic or the path of a file, or a flow with "
            "these settings does not hear of it"
        )
    return flow


def who() -> str:
    """Return who is logged in."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
