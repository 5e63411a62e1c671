"""`foreshock silence add`: keep something quiet, once or every so often."""

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cli.answered import Wait, tell
from cli.errors import BadInput, bad_input
from cli.running_flow import (
    Actor,
    Config,
    Control,
    StoreOfFlow,
    running_flow,
    who,
)
from cli.tables import clock

if TYPE_CHECKING:
    from flows.running import RunningFlow
    from schema import Recurrence, Silence

ADD_HELP = """Tell nobody of what matches, for a time, once or every so often.

An incident is silenced when each of its open alerts is; it is kept, and shown like any other.
Matchers are a label, one of = != =~ !~ and a value, all of which must hold; a missing label is "",
and a regular expression (RE2) must match the whole value. Labels are cloud, account, region,
service, resource, metric, kind, severity, pattern, and the resource's attributes.

\b
Examples:
  foreshock silence add -m service=aws.rds -m team=shop --for 2h --reason index \\
      -c config/kafka.yaml
  foreshock silence add -m 'resource=~"db-.*"' --every day --from 02:30 --to 03:30 \\
      --zone Europe/Berlin --reason backup -c config/kafka.yaml
  foreshock silence add -m region=eu-west-1 --maintenance --starts 2026-03-07T22:00 --for 4h \\
      --zone Europe/Berlin --reason "new switches" --control .foreshock/control.jsonl
"""
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_LENGTH = re.compile(r"(?:\d+[smhdw])+")


def add(
    matcher: Annotated[
        list[str] | None,
        typer.Option("-m", "--matcher", help="What it is about. Repeat it: all must hold."),
    ] = None,
    for_: Annotated[
        str | None, typer.Option("--for", help="How long: 90m, 2h, 1d12h.", metavar="TIME")
    ] = None,
    starts: Annotated[
        str | None,
        typer.Option(help="ISO 8601, in --zone where it names none. Default: now.", metavar="TIME"),
    ] = None,
    ends: Annotated[
        str | None, typer.Option(help="The same; instead of --for.", metavar="TIME")
    ] = None,
    every: Annotated[
        str, typer.Option(help="day, weekday, weekend, or days as in mon,tue.", metavar="DAYS")
    ] = "",
    from_: Annotated[
        str, typer.Option("--from", help="With --every: time of the day.", metavar="HH:MM")
    ] = "00:00",
    to: Annotated[
        str, typer.Option(help="Up to then; if not later: of the next day.", metavar="HH:MM")
    ] = "24:00",
    zone: Annotated[str, typer.Option(help="Time zone, as Europe/Berlin.")] = "UTC",
    reason: Annotated[str, typer.Option(help="Why, in words.", metavar="TEXT")] = "",
    maintenance: Annotated[
        bool, typer.Option("--maintenance", help="It is a maintenance window.")
    ] = False,
    all_: Annotated[
        bool, typer.Option("--all", help="Yes, match everything, if the matchers do.")
    ] = False,
    config: Config = None,
    control: Control = None,
    actor: Actor = None,
    store: StoreOfFlow = None,
    wait_s: Wait = 0.0,
) -> None:
    """Write a silence into the flow's control log."""
    from connectors.source import wall_clock
    from operators.matching import parse_matcher
    from operators.silences import check_silence
    from schema import Silence

    flow = running_flow(config, control, store)
    now = wall_clock()
    with bad_input():
        recurs = _recurrence(every, from_, to, zone)
        starts_ms, ends_ms = _period(starts, ends, for_, zone, now, flow, recurs is not None)
        silence = Silence(
            f"sil-{secrets.token_hex(4)}",
            "maintenance" if maintenance else "silence",
            tuple(parse_matcher(text) for text in matcher or ()),
            starts_ms,
            ends_ms,
            flow.effective_ms(now, starts_ms),
            actor or who(),
            reason,
            recurs,
        )
        _check_all(silence, all_)
        check_silence(silence, everything=True)

    def asked() -> None:
        typer.echo(silence.id)
        typer.echo(f"the flow knows it from {clock(silence.effective_ms)} UTC on", err=True)

    tell(flow, silence, wait_s, asked)


def _check_all(silence: "Silence", all_: bool) -> None:
    from operators.matching import match_everything

    if match_everything(silence.matchers) and not all_:
        raise ValueError(
            "these matchers match everything, since they match what has no labels: say --all if "
            "that is meant"
        )


def _recurrence(every: str, from_: str, to: str, zone: str) -> "Recurrence | None":
    from operators.recurrence import check_zone, parse_recurrence

    if every:
        return parse_recurrence(every, from_, to, zone)
    check_zone(zone)
    if (from_, to) != ("00:00", "24:00"):
        raise ValueError("--from and --to must come with --every; --starts and --ends say once")
    return None


def _period(
    starts: str | None,
    ends: str | None,
    for_: str | None,
    zone: str,
    now: datetime,
    flow: "RunningFlow",
    recurs: bool,
) -> tuple[int, int]:
    """Return from when until when; what recurs may go on for ever."""
    from operators.silences import ALWAYS_MS

    if starts is None and not flow.live:
        raise BadInput("--starts must be given, since the settings are of a replay")
    starts_ms = _ms(now) if starts is None else moment_ms("--starts", starts, zone)
    if for_ is not None and ends is not None:
        raise BadInput("--for and --ends must not come together")
    if for_ is not None:
        return starts_ms, starts_ms + _length_ms(for_)
    if ends is not None:
        ends_ms = moment_ms("--ends", ends, zone)
        if ends_ms <= starts_ms:
            raise BadInput(f"--ends must be after the start, got {ends!r}")
        return starts_ms, ends_ms
    if recurs:
        return starts_ms, ALWAYS_MS[1]
    raise BadInput("say how long: --for 2h, --ends TIME, or --every for one that recurs")


def _length_ms(text: str) -> int:
    """Return the length of 90s, 30m, 2h, 1d12h or 1w."""
    if _LENGTH.fullmatch(text) is None:
        raise BadInput(f"--for must be a time such as 30m, 2h or 1d12h, got {text!r}")
    parts = re.findall(r"(\d+)([smhdw])", text)
    seconds = sum(int(count) * _UNITS[unit] for count, unit in parts)
    if not 0 < seconds <= 3_660 * 86_400:
        raise BadInput(f"--for must be in (0, 10] years, got {text!r}")
    return seconds * 1000


def moment_ms(name: str, text: str, zone: str = "UTC") -> int:
    """Return the time of ISO 8601, in the zone where it names none."""
    from zoneinfo import ZoneInfo

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{name} must be a time in ISO 8601, got {text!r}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return _ms(moment)


def _ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
