"""`foreshock incidents`: read the incident store."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import BadInput, bad_input
from cli.incident_feedback import FEEDBACK_HELP, feedback
from cli.incident_named import DEFAULT_URL, Store, find_incident, open_store

if TYPE_CHECKING:
    from schema import Incident

SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
LIST_HELP = """List incidents, those that opened last first.

\b
Examples:
  foreshock incidents list
  foreshock incidents list --state open --severity HIGH --service aws.rds
  foreshock incidents list --title "orders-db latency"
  foreshock incidents list --store sqlite:///.foreshock/demo.db --json
"""
SHOW_HELP = """Show one incident: what, why, who is hit, and what happened to it.

\b
Example:
  foreshock incidents show 3f9c2d
"""

AsJson = Annotated[
    bool, typer.Option("--json", help="Print the newest event of each, in the wire form.")
]


def register(app: typer.Typer) -> None:
    """Add the command group to the command line."""
    group = typer.Typer(help="Read the incident store.", no_args_is_help=True)
    group.command("list", help=LIST_HELP)(list_)
    group.command("show", help=SHOW_HELP, no_args_is_help=True)(show)
    group.command("feedback", help=FEEDBACK_HELP, no_args_is_help=True)(feedback)
    app.add_typer(group, name="incidents")


def list_(
    store: Store = DEFAULT_URL,
    state: Annotated[
        str | None, typer.Option(help="open, acknowledged, resolved, closed or merged.")
    ] = None,
    severity: Annotated[str, typer.Option(help="At least: LOW, MEDIUM, HIGH, CRITICAL.")] = "LOW",
    cloud: Annotated[str, typer.Option(help="aws, azure or gcp.")] = "",
    account: Annotated[str, typer.Option(help="Account, subscription or project.")] = "",
    region: Annotated[str, typer.Option(help="As in eu-west-1.")] = "",
    service: Annotated[str, typer.Option(help="As in aws.rds.")] = "",
    title: Annotated[str, typer.Option(help="Words of the title, or parts of names.")] = "",
    assignee: Annotated[str, typer.Option(help="Who has it.")] = "",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 50,
    after: Annotated[
        str | None, typer.Option(help="Where the page before ended, as it said.", metavar="CURSOR")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List incidents."""
    from connectors.incident_query import Cursor, IncidentFilter
    from connectors.incident_store import cursor_of
    from connectors.incident_terms import STATES
    from connectors.incident_wire import encode_transition
    from schema import Severity

    states = tuple(each for each in STATES if each == state)
    if state is not None and not states:
        raise BadInput(f"--state must be one of {', '.join(STATES)}, got {state!r}")
    if severity.upper() not in SEVERITIES:
        raise BadInput(f"--severity must be one of {', '.join(SEVERITIES)}, got {severity!r}")
    wanted = IncidentFilter(
        states, Severity[severity.upper()], cloud, account, region, service, title, assignee
    )
    with bad_input():
        begin = None if after is None else Cursor.of(after)
    opened = open_store(store)
    try:
        found = opened.list_incidents(wanted, limit=limit, after=begin)
        if as_json:
            for incident in found:
                typer.echo(encode_transition(opened.history(incident.id)[-1]))
            return
    finally:
        opened.close()
    if not found:
        typer.echo("no incidents")
        return
    rows = [("id", "severity", "state", "opened (UTC)", "hit", "title")]
    rows += [
        (each.id, each.severity.name, each.state, _clock(each.opened_ms), str(each.member_count),
         each.title) for each in found
    ]  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for row in rows:
        columns = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        _say("  ".join([*columns, row[-1]]))
    if len(found) == limit:
        _say(f"\nmore, if there are: --after {cursor_of(found[-1])}")


def show(
    incident_id: Annotated[str, typer.Argument(help="The id, or how it begins.", metavar="ID")],
    store: Store = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show one incident."""
    from connectors.incident_wire import encode_transition

    opened = open_store(store)
    try:
        incident = find_incident(opened, incident_id)
        history = opened.history(incident.id)
    finally:
        opened.close()
    if as_json:
        typer.echo(encode_transition(history[-1]))
        return
    _print(incident)
    _say("")
    _say("history")
    for step in history:
        _say(f"  {_clock(step.ts_ms)}  {step.event:<9} {step.actor}: {step.reason}")


def _print(incident: "Incident") -> None:
    _say(f"{incident.severity.name} {incident.state}: {incident.title}  [{incident.id}]")
    ended = incident.resolved_ms
    until = "" if ended is None else f", resolved {_clock(ended)}"
    _say(f"since {_clock(incident.onset_ms)}, opened {_clock(incident.opened_ms)}{until} UTC")
    _say(f"confidence {incident.confidence:.2f}: {'; '.join(incident.reasons)}")
    _say(f"hint: {incident.hint}")
    shown = len(incident.members)
    _say("")
    _say(f"most suspect first ({shown} of {incident.member_count})")
    for member in incident.members:
        resource = member.resource
        _say(f"  {_clock(member.onset_ms)}  {resource.service}  {resource.name}")
        for evidence in member.evidence[:3]:
            _say(
                f"      {evidence.metric} {evidence.value:.4g} {evidence.unit}, expected "
                f"{evidence.expected:.4g} ({evidence.lower:.4g} to {evidence.upper:.4g})"
            )


def _say(line: str) -> None:
    typer.echo(_plain(line))


def _plain(text: str) -> str:
    """Return text whose names, which came from outside, cannot steer a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _clock(ms: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms):%Y-%m-%d %H:%M}"
