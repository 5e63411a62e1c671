"""`foreshock review report`: the week as a page, a mail, or JSON."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import BadInput, CommandFailed, bad_input
from cli.incident_named import DEFAULT_URL, Store
from cli.places import Brokers, Properties, Reach, Settings
from cli.review_shown import Days, From, Until, span_of
from cli.tables import write

if TYPE_CHECKING:
    from flows.review_facts import ReviewFacts

REPORT_HELP = """Report on a week, or another span: anomalies, what comes next, what gets worse.

It is of the incidents of the store, or of files and topics if any are named; the anomalies are
those that `foreshock review run` has kept in the store.

\b
Examples:
  foreshock review report --out week.html
  foreshock review report history.csv --from 2026-03-01 --until 2026-04-01 --out march.html
  foreshock review report --mail ops -c config/dev.yaml
  foreshock review report --json
"""


def report(
    inputs: Annotated[
        list[str] | None, typer.Argument(help="Files or topics. Default: the store.")
    ] = None,
    store: Store = DEFAULT_URL,
    from_: From = None,
    until: Until = None,
    days: Days = 7.0,
    out: Annotated[
        Path | None, typer.Option(help="Write a page that needs nothing else.", metavar="FILE")
    ] = None,
    mail: Annotated[
        str | None, typer.Option(help="Send it by a channel of the settings.", metavar="CHANNEL")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    config: Settings = None,
    brokers: Brokers = None,
    properties: Properties = None,
) -> None:
    """Report."""
    from cli.review_input import given
    from config.app import load_app
    from flows.review_facts import gather
    from operators.deadlines import SlaSettings
    from report.review_page import as_json as json_of
    from report.review_page import as_text, write_page

    if mail is not None and config is None:
        raise BadInput("--mail must come with -c FILE, which says how the channel is reached")
    app = None if config is None else load_app(config)
    targets = SlaSettings().targets if app is None else app.triage.sla.targets
    from_ms, to_ms = span_of(from_, until, days)
    events = given(inputs, store, Reach(brokers, config, properties)).events if inputs else None
    with bad_input():
        facts = gather(store, from_ms, to_ms, targets, events)
    if out is not None:
        write_page(out, facts)
    if mail is not None and config is not None:
        _send(facts, config, mail)
    if as_json:
        typer.echo(json_of(facts))
    elif out is None and mail is None:
        for line in as_text(facts).splitlines():
            write(line)


def _send(facts: "ReviewFacts", config: str, name: str) -> None:
    """Send the report by a channel; fail if it is not taken."""
    from config.app import load_app
    from connectors.channels.channel import Message, Sent
    from connectors.channels.registry import open_channel
    from connectors.source import wall_clock
    from report.review_page import as_html, as_text
    from report.timeline import clock
    from schema import Notice

    channels = load_app(config).notify.channels
    if name not in channels:
        known = ", ".join(channels) or "none"
        raise BadInput(f"--mail must be one of the settings' channels ({known}), got {name!r}")
    now_ms = round(wall_clock().timestamp() * 1000)
    cause = f"review:{facts.from_ms}:{facts.to_ms}"
    notice = Notice("", 0, name, "digest", cause, now_ms, "the review's report")
    title = f"Review of incidents, {clock(facts.from_ms)[:10]} to {clock(facts.to_ms)[:10]}"
    with bad_input():
        channel = open_channel(channels[name])
    try:
        outcome = channel.send(Message(notice, None, title, as_text(facts), as_html(facts)))
    finally:
        channel.close()
    if not isinstance(outcome, Sent):
        raise CommandFailed(f"{name} has not taken the report: {outcome}")
    write(f"sent by {name}")
