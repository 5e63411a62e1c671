"""`foreshock incidents feedback`: tell the running flow what an incident was."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from cli.errors import BadInput
from cli.incident_named import DEFAULT_URL, find_incident, open_store
from cli.tables import counted

if TYPE_CHECKING:
    from connectors.control_log import ControlLog

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


class _Flow(NamedTuple):
    """Where a flow listens, and how."""

    log: "ControlLog"
    store: str
    tick_s: int
    live: bool


def feedback(
    incident_id: Annotated[str, typer.Argument(help="The id, or how it begins.", metavar="ID")],
    verdict: Annotated[str, typer.Argument(metavar="false-positive|real")],
    note: Annotated[str, typer.Option(help="Why, in words.", metavar="TEXT")] = "",
    config: Annotated[
        str | None,
        typer.Option("-c", "--config", help="Settings file of the flow.", metavar="FILE"),
    ] = None,
    control: Annotated[
        Path | None, typer.Option(help="The flow's control log, if a file.", metavar="LOG")
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            help=f"URL of the incident store. Default: that of the settings, else {DEFAULT_URL}",
            envvar="FORESHOCK_STORE",
            metavar="URL",
            show_default=False,
        ),
    ] = None,
    actor: Annotated[
        str | None, typer.Option(help="Who says so. Default: who is logged in.", metavar="NAME")
    ] = None,
) -> None:
    """Tell the flow, and keep the word."""
    from connectors.feedback_store import FeedbackStore, Word
    from connectors.source import wall_clock
    from flows.feedback import counts_from_ms, say

    if verdict not in VERDICTS:
        raise BadInput(f"the verdict must be {' or '.join(VERDICTS)}, got {verdict!r}")
    flow = _flow(config, control, store)
    opened = open_store(flow.store)
    try:
        incident = find_incident(opened, incident_id)
    finally:
        opened.close()
    now = wall_clock()
    word = Word(
        incident.id,
        "real" if verdict == "real" else "false_positive",
        actor or _who(),
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


def _flow(config: str | None, control: Path | None, store: str | None) -> _Flow:
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
        return _Flow(FileControlLog(control), store or DEFAULT_URL, IngestSettings().tick_s, True)
    app = with_control_log(load_app(config))
    log = control_log(app) if control is None else FileControlLog(control)
    if log is None:
        raise BadInput(
            f"{config}: control_log must be set, to a topic or the path of a file, or a flow with "
            "these settings does not hear of it"
        )
    url = next((sink.url for sink in app.sinks if isinstance(sink, SqlSink)), DEFAULT_URL)
    return _Flow(log, store or url, app.ingest.tick_s, is_live(app))


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
