"""`foreshock why`: who is told of an incident, who is not, and why."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.incident_named import DEFAULT_URL, find_incident, open_store
from cli.running_flow import Config, Control, StoreOfFlow, running_flow
from cli.tables import clock, printable, write

if TYPE_CHECKING:
    from connectors.incident_store import IncidentStore
    from flows.why import Explanation, Tried
    from schema import Incident

HELP = """Tell who is told of an incident and who is not, and why.

It goes by what the flow has said, which is in the store. With -c or --control, the silences in
force are tried too: which of them match, and at which matcher the others fail. They are those of
now, or of the incident's newest event where that is more than a day old. With -c, channels that
have not heard of it say by which route.

\b
Examples:
  foreshock why 3f9c2d
  foreshock why 3f9c2d -c config/kafka.yaml
  foreshock why 3f9c2d --control .foreshock/control.jsonl --json
"""
_OLD_MS = 86_400_000


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("why", help=HELP, no_args_is_help=True)(why)


def why(
    incident_id: Annotated[str, typer.Argument(help="The id, or how it begins.", metavar="ID")],
    config: Config = None,
    control: Control = None,
    store: StoreOfFlow = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the reasons."""
    from connectors.outbox import Outbox
    from connectors.source import wall_clock
    from flows.silences import known_silences
    from flows.why import explain

    url, known, notify = store or DEFAULT_URL, [], None
    if config is not None or control is not None:
        flow = running_flow(config, control, store)
        url = flow.store
        silences = () if flow.app is None else flow.app.triage.silences
        known = known_silences(flow.log.read(), silences)
        notify = None if flow.app is None else flow.app.notify
    opened = open_store(url)
    try:
        incident = find_incident(opened, incident_id)
        history = opened.history(incident.id)
        cause = _cause(opened, incident)
    finally:
        opened.close()
    own = None if notify is None or store is not None else notify.store
    outbox = Outbox(url if own is None else own.url)
    try:
        rows = outbox.told_of(incident.id)
    finally:
        outbox.close()
    now_ms = round(wall_clock().timestamp() * 1000)
    if now_ms - incident.updated_ms > _OLD_MS:
        now_ms = incident.updated_ms
    found = explain(history, known, now_ms, rows, notify)
    if as_json:
        write(msgspec.json.encode(found).decode())
        return
    write(f"{found.severity} {found.state}: {incident.title}  [{incident.id}]")
    write(f"{'told' if found.told else 'told to nobody'}: {found.because}")
    write("")
    for name, lines in (
        ("severity", found.reasons),
        ("silences", _silences(found, asked=config is not None or control is not None)),
        ("inhibition", [cause]),
        ("flapping", ["yes: held open until it is quiet" if found.flapping else "no"]),
        ("occurrences", [str(found.occurrences)]),
    ):
        for i, line in enumerate(lines):
            write(f"{name if i == 0 else '':<12} {line}")
    write("")
    write("what was said")
    for each in found.said:
        told = "told" if each.told else "nobody"
        after = f"{each.reason}  [{each.by}]" if each.by else each.reason
        write(f"  {clock(each.ts_ms)}  {each.event:<16} {told:<6}  {after}")
    if found.channels:
        write("")
        write("who was told")
        for heard in found.channels:
            line = f"  {clock(heard.at_ms)}  {heard.channel:<12} {heard.what:<11} {heard.status:<7}"
            write(f"{line}  {printable(heard.why)}")


def _cause(store: "IncidentStore", incident: "Incident") -> str:
    by = incident.inhibited_by
    if not by:
        return "nothing hides it"
    cause = store.get_incident(by)
    if cause is None:
        return f"{by} hides it" if by.startswith("inc-") else f"the rule {by} hides it"
    return f"{by} hides it ({cause.severity.name} {cause.state}: {cause.title})"


def _silences(found: "Explanation", *, asked: bool) -> list[str]:
    lines = [_tried(each) for each in found.silences]
    gone = set(found.silenced_by) - {each.id for each in found.silences}
    lines += [f"{name}: as of the incident's last word" for name in sorted(gone)]
    if not asked:
        lines.append("which are in force, and which match: give -c or --control")
    return lines or ["none is in force"]


def _tried(each: "Tried") -> str:
    from operators.silences import ALWAYS_MS

    whose = ": ".join(filter(None, (each.actor, each.reason)))
    what = ", ".join(each.matchers) or "everything"
    verdict = "matches" if each.matches else f"does not match, {each.unlike}"
    until = "" if each.until_ms in ALWAYS_MS else f"; until {clock(each.until_ms)}"
    return f"{each.id} ({each.purpose}, {whose}) {verdict}: {what}{until}"
