"""`foreshock demo`: a simulated estate with faults, and the incidents that come of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import bad_input
from cli.report import print_summary, write_summary

if TYPE_CHECKING:
    from flows.summary import Summary

DEMO_HELP = """Simulate three clouds with faults, detect them, and watch the incidents appear.

Detection trains on the first part of the data, and never sees which faults were put in; they are
used at the end, to say how many were caught. Incidents stay in the store for `foreshock incidents`.

\b
Examples:
  foreshock demo
  foreshock demo --days 30 --seed 3 --headless --summary summary.json
"""
DEFAULT_STORE = "sqlite:///.foreshock/demo.db"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("demo", help=DEMO_HELP)(demo)


def demo(
    days: Annotated[float, typer.Option(help="Simulated days.")] = 7.0,
    seed: Annotated[int, typer.Option(help="Decides everything that is drawn.")] = 1,
    headless: Annotated[
        bool, typer.Option("--headless", help="No feed and no progress, only the summary.")
    ] = False,
    summary: Annotated[
        Path | None, typer.Option(help="Write the summary as JSON.", metavar="FILE")
    ] = None,
    store: Annotated[str, typer.Option(help="Where incidents are kept.")] = DEFAULT_STORE,
) -> None:
    """Run the demo."""
    from importlib import import_module

    from connectors.incident_store import SqlSink
    from connectors.simulator.settings import SimulatorSource

    with bad_input():
        source = SimulatorSource(seed=seed, days=days)
        sink = SqlSink(store)
    result: Summary = import_module("flows.demo").run(source, sink, headless=headless)
    if summary is not None:
        write_summary(result, summary)
    print_summary(result, as_json=False)
    typer.echo(f"store       foreshock incidents list --store {store}")
