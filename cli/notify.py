"""`foreshock notify`: tell people, and see whom and why."""

import logging
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.errors import BadInput, CommandFailed, bad_input
from cli.incident_named import find_incident, open_store
from cli.tables import clock, print_table, write

if TYPE_CHECKING:
    from config.app import App
    from connectors.channels.registry import ChannelSettings
    from operators.routes import Target

HELP = """Tell people of incidents: by routes, with repeats and escalation, on any channel.

\b
Examples:
  foreshock notify run -c config/kafka.yaml
  foreshock notify test page -c config/kafka.yaml
  foreshock notify routes show -c config/kafka.yaml
"""
RUN_HELP = """Tell people of incidents, until stopped.

It reads the incident store of the settings, decides by the section `notify`, and may be down for a
day: nothing is lost, and nothing is told twice. One process serves a store.

\b
Example:
  foreshock notify run -c config/kafka.yaml
"""
TEST_HELP = """Send a test message to one channel, and say what the provider answered.

\b
Example:
  foreshock notify test page -c config/kafka.yaml
"""
RENDER_HELP = """Print the message of an incident as a channel would get it; nothing is sent.

\b
Example:
  foreshock notify render 3f9c2d --channel page -c config/kafka.yaml
"""
ROUTES_HELP = """Print which routes an incident of these labels takes, and who hears of it.

\b
Examples:
  foreshock notify routes test --label severity=CRITICAL --label team=shop -c config/kafka.yaml
  foreshock notify routes show -c config/kafka.yaml
"""
FAILED_HELP = """List what could not be delivered: the dead letters, newest first.

\b
Example:
  foreshock notify failed -c config/kafka.yaml
"""
Config = Annotated[
    str, typer.Option("-c", "--config", help="Settings file of the flow.", metavar="FILE")
]


def register(app: typer.Typer) -> None:
    """Add the command group to the command line."""
    group = typer.Typer(help=HELP, no_args_is_help=True)
    group.command("run", help=RUN_HELP)(run)
    group.command("test", help=TEST_HELP, no_args_is_help=True)(test)
    group.command("render", help=RENDER_HELP, no_args_is_help=True)(render)
    group.command("failed", help=FAILED_HELP)(failed)
    routes = typer.Typer(help=ROUTES_HELP, no_args_is_help=True)
    routes.command("test", help=ROUTES_HELP)(routes_test)
    routes.command("show", help=ROUTES_HELP)(routes_show)
    group.add_typer(routes, name="routes")
    app.add_typer(group, name="notify")


def run(config: Config) -> None:
    """Run notification."""
    from connectors.source import wall_clock
    from flows.launch import stop_on_signal
    from flows.notify import open_notification

    logging.getLogger().setLevel(logging.INFO)
    app = _settings(config)
    with stop_on_signal() as (stop, _):
        open_notification(app, lambda: round(wall_clock().timestamp() * 1000), stop).run()


def test(
    channel: Annotated[str, typer.Argument(help="Name of the channel.", metavar="CHANNEL")],
    config: Config,
) -> None:
    """Send a test message."""
    from connectors.channels.channel import Message, Sent
    from connectors.channels.registry import open_channel
    from connectors.source import wall_clock
    from schema import Notice

    settings = _channel(_settings(config), channel)
    now_ms = round(wall_clock().timestamp() * 1000)
    notice = Notice("", 0, channel, "test", f"test:{now_ms}", now_ms, "a test by hand")
    message = Message(notice, None, "Foreshock: a test", f"This is a test of channel {channel}.")
    with bad_input():
        opened = open_channel(settings)
    try:
        outcome = opened.send(message)
    finally:
        opened.close()
    if not isinstance(outcome, Sent):
        raise CommandFailed(f"channel {channel}: {outcome.error}")
    write(f"channel {channel} has taken it")


def render(
    incident_id: Annotated[str, typer.Argument(help="The id, or how it begins.", metavar="ID")],
    channel: Annotated[str, typer.Option(help="Name of the channel.")],
    config: Config,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print a message."""
    from flows.notify import store_of
    from flows.rendering import renderer_of
    from schema import Notice

    app = _settings(config)
    _channel(app, channel)
    opened = open_store(store_of(app).url)
    try:
        said = opened.history(find_incident(opened, incident_id).id)[-1]
    finally:
        opened.close()
    notice = Notice(said.incident.id, said.incident.revision, channel, "trigger",
                    f"transition:{said.incident.revision}", said.ts_ms, "as it stands")  # fmt: skip
    with bad_input():
        renderer = renderer_of(app.notify, permits=False)
    message = renderer.render(notice, said)
    if as_json:
        shown = {"title": message.title, "text": message.text, "link": message.link}
        write(msgspec.json.encode(shown).decode())
        return
    for line in (message.title, "", *message.text.splitlines()):
        write(line)


def failed(
    config: Config,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 50,
) -> None:
    """List dead letters."""
    from connectors.outbox import Outbox
    from flows.notify import store_of

    with bad_input():
        outbox = Outbox(store_of(_settings(config)).url)
    try:
        rows = outbox.failed(limit)
    finally:
        outbox.close()
    print_table(
        ("given up", "channel", "incident", "what", "why"),
        [
            (clock(row.ended_ms or 0), row.notice.channel, row.notice.incident, row.notice.cause,
             row.note)
            for row in rows
        ],
    )  # fmt: skip


def routes_test(
    config: Config,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="As in severity=CRITICAL; again for more.")
    ] = None,
) -> None:
    """Print the routes of labels."""
    from operators.routes import targets_of

    labels: dict[str, str] = {}
    for text in label or []:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise BadInput(f"--label must be like severity=CRITICAL, got {text!r}")
        labels[name] = value
    _print_targets(targets_of(_settings(config).notify.tree(), labels))


def routes_show(config: Config) -> None:
    """Print the whole tree."""
    from operators.routes import every_target

    _print_targets(every_target(_settings(config).notify.tree()))


def _print_targets(targets: "list[Target]") -> None:
    print_table(
        ("route", "takes", "channels", "waits", "repeats", "escalates", "hours"),
        [
            (
                each.path or "root",
                each.why,
                ", ".join(each.channels) or "nobody",
                f"{each.timing.group_wait_s:g} s",
                f"{each.timing.repeat_s:g} s" if each.timing.repeat_s else "never",
                each.escalate or "-",
                _hours(each),
            )
            for each in targets
        ],
    )


def _hours(target: "Target") -> str:
    quiet = [f"not in {name}" for name in target.hours.mute]
    return "; ".join([*target.hours.active, *quiet]) or "always"


def _settings(config: str) -> "App":
    from config.app import load_app

    return load_app(config)


def _channel(app: "App", name: str) -> "ChannelSettings":
    settings = app.notify.channels.get(name)
    if settings is None:
        known = ", ".join(sorted(app.notify.channels)) or "none"
        raise BadInput(f"channel must be one of the settings ({known}), got {name!r}")
    return settings
