"""`foreshock serve`: the web page and the API over the incident store."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import bad_input
from cli.running_flow import Config, Control, StoreOfFlow

if TYPE_CHECKING:
    from config.serve import ServeSettings

HELP = """Serve the web page and the API of the incident store, until stopped.

On a loopback address, which is the default, everybody on this machine may do everything; on any
other, settings must say by what people are known: `serve.auth`. With -c or --control, what is done
on the page reaches the running flow by its control log; without, the page shows and cannot act.

\b
Examples:
  foreshock serve -c config/kafka.yaml
  foreshock serve --store sqlite:///.foreshock/demo.db --port 8090
  foreshock serve --control .foreshock/control.jsonl
"""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("serve", help=HELP)(serve)


def serve(
    config: Config = None,
    control: Control = None,
    store: StoreOfFlow = None,
    bind: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1.", metavar="IP")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Default: 8090; 0: one that is free.", metavar="PORT")
    ] = None,
) -> None:
    """Serve."""
    from api.server import Server
    from config.app import load_app
    from flows.desk import Desk

    app = None if config is None else load_app(config)
    with bad_input():
        settings = _settings(None if app is None else app.serve, bind, port)
        desk = Desk(store, app, control=control)
        server = Server(settings, desk)
    typer.echo(f"serving {desk.stores.place} at {server.url}")
    if not desk.can_act:
        typer.echo("no flow can be told: -c or --control must name its control log", err=True)
    server.run()


def _settings(given: "ServeSettings | None", bind: str | None, port: int | None) -> "ServeSettings":
    import msgspec

    from config.serve import ServeSettings

    settings = ServeSettings() if given is None else given
    changed = {name: value for name, value in (("bind", bind), ("port", port)) if value is not None}
    return msgspec.structs.replace(settings, **changed)
