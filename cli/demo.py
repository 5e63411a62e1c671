"""`foreshock demo`: a simulated estate with faults, and the incidents that come of them."""

import sys
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import bad_input
from cli.report import print_summary, write_summary

if TYPE_CHECKING:
    from config.app import App

DEMO_HELP = """Simulate three clouds with faults, detect them, and watch the incidents appear.

Detection trains on the quiet first part of the data, and never sees which faults were put in; they
are used at the end, to say how many were caught. Nobody is told of the incidents; who would be is
decided by the default routes: CRITICAL is a page, HIGH a ticket, MEDIUM a chat, LOW a log line.
Incidents stay in the store for `foreshock incidents` and `foreshock why`. With --speed there is
time to put in a fault of your own from another terminal, and the feed says who would be told.
The web page shows all of it meanwhile, at the address that is printed; in a terminal it stays
until Ctrl-C.

\b
Examples:
  foreshock demo
  foreshock demo --days 30 --seed 3 --headless --summary summary.json
  foreshock demo --days 14 --drifts 1
  foreshock demo --days 1 --speed 600
  foreshock inject cpu_hog --resource checkout-web-1
"""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("demo", help=DEMO_HELP)(demo)


def demo(
    days: Annotated[float, typer.Option(help="Simulated days.")] = 7.0,
    seed: Annotated[int, typer.Option(help="Decides everything that is drawn.")] = 1,
    resources: Annotated[int, typer.Option(help="Cloud resources, 3 to 20,000.")] = 48,
    drifts: Annotated[int, typer.Option(help="Services whose level moves for good, 0 to 3.")] = 0,
    speed: Annotated[
        float | None,
        typer.Option(help="Simulated seconds a second. Default: as fast as it goes."),
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="No feed; progress as lines on standard error.")
    ] = False,
    summary: Annotated[
        Path | None, typer.Option(help="Write the summary as JSON.", metavar="FILE")
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            help="Where incidents are kept, a store that is not there yet. Default: the demo's "
            "own, sqlite:///.foreshock/demo.db, made anew.",
            metavar="URL",
        ),
    ] = None,
    page: Annotated[
        bool, typer.Option("--page/--no-page", help="Serve the web page, at a port that is free.")
    ] = True,
) -> None:
    """Run the demo."""
    from connectors.incident_store import SqlSink
    from connectors.simulator.settings import SimulatorSource
    from flows.demo import OWN_STORE, run
    from flows.replay import Stopped

    with bad_input():
        source = SimulatorSource(
            seed=seed, days=days, resources=resources, drifts=drifts, speed=speed
        )
        sink = SqlSink(store or OWN_STORE)
    try:
        with ExitStack() as after:
            shown = partial(_page, after) if page else None
            result = run(source, sink, headless=headless, page=shown)
            if summary is not None:
                write_summary(result, summary)
            print_summary(result, as_json=False)
            typer.echo(f"told        {_told(sink.url)}")
            typer.echo(f"store       foreshock incidents list --store {sink.url}")
            if page and not headless and sys.stdout.isatty():
                typer.echo("the page stays until Ctrl-C")
                threading.Event().wait()
    except Stopped as ex:
        raise KeyboardInterrupt from ex


def _told(url: str) -> str:
    """Say how many messages each channel would have got."""
    from connectors.outbox import Outbox
    from flows.telling import CHANNELS

    outbox = Outbox(url)
    counts = outbox.counts()
    outbox.close()
    messages = [f"{name} {counts.get((name, 'sent'), 0)}" for name in CHANNELS]
    return f"{', '.join(messages)} messages; foreshock why ID --store {url}"


def _page(until: ExitStack, app: "App") -> None:
    """Serve the page of a flow, until the stack is left, which may be after the flow."""
    from api.server import Server
    from config.serve import ServeSettings
    from flows.desk import Desk

    server = Server(ServeSettings(port=0), Desk(app=app))
    thread = server.start()
    until.callback(thread.join, 10)
    until.callback(server.stop)
    typer.echo(f"the page is at {server.url}")
    sys.stdout.flush()
