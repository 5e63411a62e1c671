"""`foreshock incidents feedback`: tell the running flow what an incident was."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.errors import BadInput
from cli.incident_named import find_incident, open_store
from cli.running_flow import Actor, Config, Control, StoreOfFlow, running_flow, who
from cli.tables import counted

FEEDBACK_HELP = """Say that an incident was a false positive, or real.

After a false positive the same pattern (those metrics of those resources, to that side, by as
much) is quiet from then on; what is clearly bigger or different is told. "real" undoes it. The
last word on an incident counts, for the precision in the statistics too. The word goes into the
control log of the settings, by which a running flow hears of it.

\b
Examples:
  foreshock incidents feedback 3f9c2d false-positive -c config/kafka.yaml --note "nightly backup"
  foreshock incidents feedback 3f9c2d real --control .foreshock/control.jsonl
"""
VERDICTS = ("false-positive", "real")


def feedback(
    incident_id: Annotated[str, typer.Argument(help="The id, or how it begins.", metavar="ID")],
    verdict: Annotated[str, typer.Argument(metavar="false-positive|real")],
    note: Annotated[str, typer.Option(help="Why, in words.", metavar="TEXT")] = "",
    config: Config = None,
    control: Control = None,
    store: StoreOfFlow = None,
    actor: Actor = None,
) -> None:
    """Tell the flow, and keep the word."""
    from connectors.feedback_store import FeedbackStore, Word
    from connectors.source import wall_clock
    from flows.feedback import counts_from_ms, say

    if verdict not in VERDICTS:
        raise BadInput(f"the verdict must be {' or '.join(VERDICTS)}, got {verdict!r}")
    flow = running_flow(config, control, store)
    opened = open_store(flow.store)
    try:
        incident = find_incident(opened, incident_id)
    finally:
        opened.close()
    now = wall_clock()
    word = Word(
        incident.id,
        "real" if verdict == "real" else "false_positive",
        actor or who(),
        note,
        int(now.timestamp() * 1000),
    )
    effective_ms = counts_from_ms(incident, flow.tick_s, now, live=flow.live)
    kept = FeedbackStore(flow.store)
    try:
        said = say(flow.log, kept, incident, word, effective_ms)
    finally:
        kept.close()
    if said.repeats:
        typer.echo(f"{incident.id} was said to be {verdict} before; nothing is changed")
        return
    typer.echo(f"{incident.id} is {verdict}")
    if said.effective_ms is None:
        typer.echo("it is about no metric: alerts of rules and of silence are changed in settings")
        return
    until = datetime.fromtimestamp(said.effective_ms / 1000, UTC)
    typer.echo(f"{counted(said.series, 'metric')} of it, in force from {until:%Y-%m-%d %H:%M} UTC")
    if incident.member_count > len(incident.members):
        typer.echo(
            f"of its {incident.member_count:,} alerts, the {len(incident.members):,} most suspect"
        )
