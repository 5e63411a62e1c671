"""`foreshock incidents`: read the incident store, and act on what is in it."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import BadInput, bad_input
from cli.incident_acts import register_acts
from cli.incident_feedback import register_feedback
from cli.incident_named import DEFAULT_URL, Store, find_incident, least_severity, open_store
from cli.incident_watch import WATCH_HELP, watch
from cli.tables import clock, print_table, printable

if TYPE_CHECKING:
    from schema import Impact, Incident

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
    group = typer.Typer(help="Read the incident store, and act.", no_args_is_help=True)
    group.command("list", help=LIST_HELP)(list_)
    group.command("show", help=SHOW_HELP, no_args_is_help=True)(show)
    group.command("watch", help=WATCH_HELP)(watch)
    register_acts(group)
    register_feedback(group)
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

    states = tuple(each for each in STATES if each == state)
    if state is not None and not states:
        raise BadInput(f"--state must be one of {', '.join(STATES)}, got {state!r}")
    wanted = IncidentFilter(
        states, least_severity(severity), cloud, account, region, service, title, assignee
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
    rows = [
        (each.id, each.severity.name, each.state, clock(each.opened_ms), str(each.member_count),
         each.assignee, each.title) for each in found
    ]  # fmt: skip
    print_table(("id", "severity", "state", "opened (UTC)", "hit", "who", "title"), rows)
    if len(found) == limit:
        _say(f"\nmore, if there are: --after {cursor_of(found[-1])}")


def show(
    incident_id: Annotated[str, typer.Argument(help="The id, or how it begins.", metavar="ID")],
    store: Store = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show one incident."""
    from connectors.incident_wire import encode_transition
    from connectors.requests_store import RequestsStore

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
        _say(f"  {clock(step.ts_ms)}  {step.event:<16} {step.actor}: {step.reason}")
    kept = RequestsStore(store)
    try:
        waiting = [each for each in kept.requests_of(incident.id) if each.status == "requested"]
    finally:
        kept.close()
    for each in waiting:
        act = each.act
        words = " ".join(filter(None, (act.action, act.assignee, act.reason)))
        _say(f"  {clock(act.effective_ms)}  requested        {act.actor}: {words}")


def _print(incident: "Incident") -> None:
    _say(f"{incident.severity.name} {incident.state}: {incident.title}  [{incident.id}]")
    ended = incident.resolved_ms
    until = "" if ended is None else f", resolved {clock(ended)}"
    _say(f"since {clock(incident.onset_ms)}, opened {clock(incident.opened_ms)}{until} UTC")
    _say(f"confidence {incident.confidence:.2f}: {'; '.join(incident.reasons)}")
    _say(f"hint: {incident.hint}")
    for line in _life(incident):
        _say(line)
    shown = len(incident.members)
    _say("")
    _say(f"most suspect first ({shown} of {incident.member_count})")
    for member in incident.members:
        resource = member.resource
        _say(f"  {clock(member.onset_ms)}  {resource.service}  {resource.name}")
        for evidence in member.evidence[:3]:
            _say(
                f"      {evidence.metric} {evidence.value:.4g} {evidence.unit}, expected "
                f"{evidence.expected:.4g} ({evidence.lower:.4g} to {evidence.upper:.4g})"
            )


def _life(incident: "Incident") -> list[str]:
    """Return who has it, until when, and what else people should know."""
    lines = []
    if incident.impact.dependants:
        lines.append(f"hits {_hit(incident.impact)}")
    if incident.assignee:
        lines.append(f"assigned to {incident.assignee}")
    for what, by_ms in (
        ("acknowledge", incident.ack_by_ms if incident.acked_ms is None else None),
        ("resolve", incident.resolve_by_ms),
    ):
        if by_ms is not None and incident.state in ("open", "acknowledged"):
            lines.append(f"{what} by {clock(by_ms)} UTC")
    if incident.breach_ms is not None:
        lines.append(f"too late at {clock(incident.breach_ms)} UTC, as it looks")
    if incident.flapping:
        lines.append("flapping: held open until it is quiet")
    if incident.silenced_by:
        lines.append(f"told to nobody: silenced by {', '.join(incident.silenced_by)}")
    if incident.inhibited_by:
        lines.append(f"told to nobody: inhibited by {incident.inhibited_by}")
    if incident.verdict:
        lines.append(f"said to be {incident.verdict.replace('_', ' ')}")
    if incident.merged_into:
        lines.append(f"part of {incident.merged_into}")
    return lines


def _hit(impact: "Impact") -> str:
    """Return who is hit beside the members, in words."""
    more = impact.dependants - len(impact.names)
    parts = [f"{impact.dependants} more by the topology: {', '.join(impact.names)}"]
    parts += [f"and {more} others"] if more else []
    parts += [f"tiers {', '.join(impact.tiers)}"] if impact.tiers else []
    parts += [f"{impact.users:,} users"] if impact.users is not None else []
    return "; ".join(parts)


def _say(line: str) -> None:
    typer.echo(printable(line))
