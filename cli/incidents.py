"""`foreshock incidents`: read the incident store."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.errors import BadInput, CommandFailed, bad_input

if TYPE_CHECKING:
    from connectors.incident_store import IncidentStore
    from schema import Incident

DEFAULT_URL = "sqlite:///.foreshock/incidents.db"
SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
LIST_HELP = """List incidents, those that opened last first.

\b
Examples:
  foreshock incidents list
  foreshock incidents list --state open --severity HIGH
  foreshock incidents list --store sqlite:///.foreshock/demo.db --json
"""
SHOW_HELP = """Show one incident: what, why, who is hit, and what happened to it.

\b
Example:
  foreshock incidents show 3f9c2d
"""

Store = Annotated[
    str, typer.Option(help="URL of the incident store.", envvar="FORESHOCK_STORE", metavar="URL")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one incident a line.")]


def register(app: typer.Typer) -> None:
    """Add the command group to the command line."""
    group = typer.Typer(help="Read the incident store.", no_args_is_help=True)
    group.command("list", help=LIST_HELP)(list_)
    group.command("show", help=SHOW_HELP, no_args_is_help=True)(show)
    app.add_typer(group, name="incidents")


def list_(
    store: Store = DEFAULT_URL,
    state: Annotated[str | None, typer.Option(help="open or resolved.")] = None,
    severity: Annotated[str, typer.Option(help="At least: LOW, MEDIUM, HIGH, CRITICAL.")] = "LOW",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 50,
    as_json: AsJson = False,
) -> None:
    """List incidents."""
    from schema import Severity

    if state not in (None, "open", "resolved"):
        raise BadInput(f"--state must be open or resolved, got {state!r}")
    if severity.upper() not in SEVERITIES:
        raise BadInput(f"--severity must be one of {', '.join(SEVERITIES)}, got {severity!r}")
    opened = _open(store)
    try:
        found = opened.list_incidents(
            state="open" if state == "open" else "resolved" if state else None,
            least=Severity[severity.upper()],
            limit=limit,
        )
    finally:
        opened.close()
    if as_json:
        for incident in found:
            typer.echo(_json(incident))
        return
    if not found:
        typer.echo("no incidents")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("id", "severity", "state", "opened (UTC)", "hit", "title"):
        table.add_column(heading, justify="right" if heading == "hit" else "left")
    for incident in found:
        cells = (
            incident.id, incident.severity.name, incident.state, _clock(incident.opened_ms),
            str(incident.member_count), incident.title,
        )  # fmt: skip
        table.add_row(*map(Text, cells))
    _console().print(table)


def show(
    incident_id: Annotated[str, typer.Argument(help="The id, or how it begins.", metavar="ID")],
    store: Store = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show one incident."""
    opened = _open(store)
    try:
        incident = _find(opened, incident_id)
        history = opened.history(incident.id)
    finally:
        opened.close()
    if as_json:
        typer.echo(_json(incident))
        return
    _print(incident)
    typer.echo("\nhistory")
    for step in history:
        typer.echo(f"  {_clock(step.ts_ms)}  {step.event:<9} {step.actor}: {step.reason}")


def _print(incident: "Incident") -> None:
    typer.echo(f"{incident.severity.name} {incident.state}: {incident.title}  [{incident.id}]")
    ended = incident.resolved_ms
    until = "" if ended is None else f", resolved {_clock(ended)}"
    typer.echo(f"since {_clock(incident.onset_ms)}, opened {_clock(incident.opened_ms)}{until} UTC")
    typer.echo(f"confidence {incident.confidence:.2f}: {'; '.join(incident.reasons)}")
    typer.echo(f"hint: {incident.hint}")
    shown = len(incident.members)
    typer.echo(f"\nmost suspect first ({shown} of {incident.member_count})")
    for member in incident.members:
        resource = member.resource
        typer.echo(f"  {_clock(member.onset_ms)}  {resource.service}  {resource.name}")
        for evidence in member.evidence[:3]:
            typer.echo(
                f"      {evidence.metric} {evidence.value:.4g} {evidence.unit}, expected "
                f"{evidence.expected:.4g} ({evidence.lower:.4g} to {evidence.upper:.4g})"
            )


def _open(url: str) -> "IncidentStore":
    from connectors.incident_store import IncidentStore

    with bad_input():
        return IncidentStore(url)


def _find(store: "IncidentStore", incident_id: str) -> "Incident":
    exact = store.get_incident(incident_id)
    if exact is not None:
        return exact
    found = [
        each for each in store.list_incidents(limit=1_000_000) if each.id.startswith(incident_id)
    ]
    if len(found) != 1:
        how_many = "no incident" if not found else f"{len(found)} incidents"
        raise CommandFailed(f"{how_many} with an id that begins with {incident_id!r}")
    return found[0]


def _json(incident: "Incident") -> str:
    return msgspec.json.encode(incident).decode()


def _clock(ms: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms):%Y-%m-%d %H:%M}"


def _console() -> Console:
    return Console(soft_wrap=True, highlight=False)
