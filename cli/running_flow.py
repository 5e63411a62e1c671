"""How a command reaches a running flow: by its control log, which the settings name."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from cli.errors import BadInput
from cli.incident_named import DEFAULT_URL

if TYPE_CHECKING:
    from config.app import App
    from connectors.control_log import ControlLog

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


class RunningFlow(NamedTuple):
    """Where a flow listens, and how."""

    log: "ControlLog"
    store: str
    tick_s: int
    live: bool
    app: "App | None" = None  # its settings, where they were given


def running_flow(config: str | None, control: Path | None, store: str | None = None) -> RunningFlow:
    """Return what the options name; an option goes over the settings."""
    from config.app import load_app
    from connectors.control_log import FileControlLog
    from connectors.incident_store import SqlSink
    from flows.control import control_log, is_live
    from flows.run import with_control_log
    from operators.ingest import IngestSettings

    if config is None:
        if control is None:
            raise BadInput(
                "say how a running flow is told: by the control log of its settings, -c FILE, or "
                "by the log itself, --control LOG"
            )
        tick_s = IngestSettings().tick_s
        return RunningFlow(FileControlLog(control), store or DEFAULT_URL, tick_s, True)
    app = with_control_log(load_app(config))
    log = control_log(app) if control is None else FileControlLog(control)
    if log is None:
        raise BadInput(
            f"{config}: control_log must be set, to a topic or the path of a file, or a flow with "
            "these settings does not hear of it"
        )
    own = DEFAULT_URL if app.notify.store is None else app.notify.store.url
    url = next((sink.url for sink in app.sinks if isinstance(sink, SqlSink)), own)
    return RunningFlow(log, store or url, app.ingest.tick_s, is_live(app), app)


def who() -> str:
    """Return who is logged in."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
