"""`foreshock incidents false-positive|real`: tell the running flow what an incident was."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from cli.answered import Wait, hear
from cli.incident_named import find_incident, open_store
from cli.running_flow import (
    Actor,
    Config,
    Control,
    StoreOfFlow,
    running_flow,
    who,
)
from cli.tables import clock, counted

if TYPE_CHECKING:
    from flows.running import RunningFlow
    from schema import Feedback

HELP = """Say that an incident was {what}.

After a false positive the same pattern (those metrics of those resources, to that side, by as
much) is quiet from then on; what is clearly bigger or different is told. "real" undoes it. The
last word on an incident counts, for the precision in the statistics too. The word goes into the
control log of the settings, by which a running flow hears of it.

\b
Examples:
  foreshock incidents false-positive 3f9c2d -c config/kafka.yaml --note "nightly backup"
  foreshock incidents real 3f9c2d --control .foreshock/control.jsonl
"""


def register_feedback(group: typer.Typer) -> None:
    """Add the two commands to the group."""
    for name, what in (("false-positive", "a false positive"), ("real", "real")):
        told = HELP.format(what=what)
        group.command(name, help=told, no_args_is_help=True)(_command(name))


def _command(verdict: str) -> Callable[..., None]:
    def say(
        incident_id: Annotated[str, typer.Argument(help="The id, or how it begins.", metavar="ID")],
        note: Annotated[str, typer.Option(help="Why, in words.", metavar="TEXT")] = "",
        config: Config = None,
        control: Control = None,
        store: StoreOfFlow = None,
        actor: Actor = None,
        wait_s: Wait = 0.0,
    ) -> None:
        flow = running_flow(config, control, store)
        told = feedback(verdict, incident_id, note, flow, actor or who())
        if told is not None:
            hear(flow.store, told, wait_s)

    return say


def feedback(
    verdict: str, incident_id: str, note: str, flow: "RunningFlow", actor: str
) -> "Feedback | None":
    """Tell the flow, and keep the word; return what the flow was told, if anything."""
    from connectors.feedback_store import FeedbackStore, Word
    from connectors.source import wall_clock
    from flows.feedback import counts_from_ms, say

    opened = open_store(flow.store)
    try:
        incident = find_incident(opened, incident_id)
    finally:
        opened.close()
    now = wall_clock()
    word = Word(
        incident.id,
        "real" if verdict == "real" else "false_positive",
        actor,
        note,
        int(now.timestamp() * 1000),
    )
    effective_ms = counts_from_ms(incident, flow.tick_s, now, live=flow.live)
    kept = FeedbackStore(flow.store)
    try:
        said = say(flow.log, kept, incident, word, effective_ms, now)
    finally:
        kept.close()
    if said.command is None:
        typer.echo(f"{incident.id} was said to be {verdict} before; nothing is changed")
        return None
    typer.echo(f"{incident.id} is {verdict}")
    if not said.series:
        typer.echo("it is about no metric: alerts of rules and of silence are changed in settings")
        return said.command
    typer.echo(f"{counted(said.series, 'metric')} of it, in force from {clock(effective_ms)} UTC")
    if incident.member_count > len(incident.members):
        typer.echo(
            f"of its {incident.member_count:,} alerts, the {len(incident.members):,} most suspect"
        )
    return said.command
