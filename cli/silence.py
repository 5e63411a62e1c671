"""`foreshock silence`: what is kept quiet, for how long, and why."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.answered import Wait, tell
from cli.errors import BadInput, CommandFailed, bad_input
from cli.running_flow import (
    Actor,
    Config,
    Control,
    StoreOfFlow,
    running_flow,
    who,
)
from cli.silence_add import ADD_HELP, add, moment_ms
from cli.tables import clock, counted, print_table

if TYPE_CHECKING:
    from flows.running import RunningFlow
    from flows.silences import Known
    from schema import Silence

LIST_HELP = """List silences: those in force first, then those to come, then those that have ended.

Those of the control log, and, with -c, those of the settings. What ended more than a day ago is
shown with --expired alone.

\b
Examples:
  foreshock silence list -c config/kafka.yaml
  foreshock silence list --control .foreshock/control.jsonl --expired --json
"""
EXPIRE_HELP = """End a silence before its time.

\b
Example:
  foreshock silence expire sil-3f9c2d1a --reason "done earlier" -c config/kafka.yaml
"""
IMPORT_HELP = """Take over Alertmanager's silences, from its API v2 or from amtool.

Those that have expired are left out, and so are those that stand in the control log already. Names
of labels stay, unless --rename says otherwise.

\b
Examples:
  amtool silence query -o json | foreshock silence import - -c config/kafka.yaml
  foreshock silence import silences.json --rename instance=resource -c config/kafka.yaml
"""
_ORDER = {"active": 0, "requested": 1, "pending": 1, "expired": 2, "refused": 3}
_DAY_MS = 86_400_000

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


def register(app: typer.Typer) -> None:
    """Add the command group to the command line."""
    group = typer.Typer(
        help="Keep quiet what is known: silences and maintenance windows.", no_args_is_help=True
    )
    group.command("add", help=ADD_HELP, no_args_is_help=True)(add)
    group.command("list", help=LIST_HELP)(list_)
    group.command("expire", help=EXPIRE_HELP, no_args_is_help=True)(expire)
    group.command("import", help=IMPORT_HELP, no_args_is_help=True)(import_)
    app.add_typer(group, name="silence")


def list_(
    expired: Annotated[
        bool, typer.Option("--expired", help="Those too that ended long ago.")
    ] = False,
    config: Config = None,
    control: Control = None,
    as_json: AsJson = False,
) -> None:
    """List silences."""
    now_ms = _now_ms()
    found = [
        each
        for each in _known(running_flow(config, control))
        if expired or each.silence.ends_ms > now_ms - _DAY_MS
    ]
    found.sort(key=lambda each: (_ORDER[each.state(now_ms)], abs(each.change_ms(now_ms) - now_ms)))
    if as_json:
        for each in found:
            typer.echo(msgspec.json.encode(_as_json(each, now_ms)))
        return
    if not found:
        typer.echo("no silences")
        return
    header = ("id", "state", "time", "when (UTC)", "what", "who", "why")
    print_table(header, [_row(each, now_ms) for each in found])


def expire(
    silence_id: Annotated[str, typer.Argument(help="The id, or how it begins.", metavar="ID")],
    reason: Annotated[str, typer.Option(help="Why, in words.", metavar="TEXT")] = "",
    at: Annotated[
        str | None,
        typer.Option(help="From which event time on, ISO 8601. Default: soon.", metavar="TIME"),
    ] = None,
    config: Config = None,
    control: Control = None,
    actor: Actor = None,
    store: StoreOfFlow = None,
    wait_s: Wait = 0.0,
) -> None:
    """Write the end of a silence into the flow's control log."""
    from connectors.source import wall_clock
    from schema import Expire

    flow = running_flow(config, control, store)
    if at is None and not flow.live:
        raise BadInput("--at must be given, since the settings are of a replay")
    now = wall_clock()
    silence = _find(_known(flow), silence_id)
    soon_ms = flow.effective_ms(now, 0) if at is None else moment_ms("--at", at)
    when_ms = max(soon_ms, silence.effective_ms + 1)  # of one time the flow would expire first
    if when_ms >= silence.ends_ms:
        raise CommandFailed(f"{silence.id} ends at {clock(silence.ends_ms)} UTC anyway")
    end = Expire(silence.id, when_ms, actor or who(), reason)
    tell(flow, end, wait_s, lambda: typer.echo(f"{silence.id} ends at {clock(when_ms)} UTC"))


def import_(
    file: Annotated[Path, typer.Argument(help='A JSON file; "-": standard input.')],
    rename: Annotated[
        list[str] | None,
        typer.Option(help="Name of a label there and here, as instance=resource.", metavar="A=B"),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also those that match everything.")] = False,
    config: Config = None,
    control: Control = None,
) -> None:
    """Write Alertmanager's silences into the flow's control log."""
    from connectors.alertmanager_silences import read_silences
    from connectors.source import wall_clock
    from operators.silences import check_silence

    names = dict(_renamed(each) for each in rename or ())
    flow = running_flow(config, control)
    data = typer.get_binary_stream("stdin").read() if str(file) == "-" else file.read_bytes()
    with bad_input():
        given = read_silences(data, flow.effective_ms(wall_clock(), 0))
    there = {each.silence.id: each.silence for each in _known(flow)}
    added, refused = 0, 0
    for silence in (_with_names(each, names, flow) for each in given):
        try:
            check_silence(silence, everything=all_)
        except ValueError as ex:
            typer.echo(f"{silence.id}: {ex}", err=True)
            refused += 1
            continue
        if not _is_same(silence, there.get(silence.id)):
            flow.log.append(silence)
            added += 1
    typer.echo(f"{counted(added, 'silence')} added, {len(given) - added - refused} known already")
    if refused:
        raise CommandFailed(f"{counted(refused, 'silence')} of {len(given)} could not be taken")


def _known(flow: "RunningFlow") -> "list[Known]":
    from flows.silences import known_silences

    return known_silences(flow.log.read(), () if flow.app is None else flow.app.triage.silences)


def _find(known: "list[Known]", silence_id: str) -> "Silence":
    exact = [each for each in known if each.silence.id == silence_id]
    found = exact or [each for each in known if each.silence.id.startswith(silence_id)]
    if len(found) != 1:
        how_many = "no silence" if not found else f"{len(found)} silences"
        raise CommandFailed(f"{how_many} with an id that begins with {silence_id!r}")
    if found[0].origin == "settings":
        raise CommandFailed(f"{found[0].silence.id} is in the settings: take it out there")
    return found[0].silence


def _renamed(text: str) -> tuple[str, str]:
    there, equals, here = text.partition("=")
    if not (there and equals and here):
        raise BadInput(f"--rename must be two names, as instance=resource, got {text!r}")
    return there, here


def _with_names(silence: "Silence", names: dict[str, str], flow: "RunningFlow") -> "Silence":
    """Return a silence with our names of labels; in a replay it counts from its start on."""
    replace = msgspec.structs.replace
    matchers = tuple(replace(m, label=names.get(m.label, m.label)) for m in silence.matchers)
    from_ms = silence.effective_ms if flow.live else silence.starts_ms
    return replace(silence, matchers=matchers, effective_ms=from_ms)


def _is_same(silence: "Silence", known: "Silence | None") -> bool:
    if known is None:
        return False
    return silence == msgspec.structs.replace(known, effective_ms=silence.effective_ms)


def _row(known: "Known", now_ms: int) -> tuple[str, ...]:
    from operators.matching import shown
    from operators.quantity import span

    silence, state = known.silence, known.state(now_ms)
    change_ms = known.change_ms(now_ms)
    time = {
        "active": f"{span(change_ms - now_ms)} left",
        "requested": f"in {span(change_ms - now_ms)}",
        "pending": f"in {span(change_ms - now_ms)}",
        "refused": "",
        "expired": f"{span(now_ms - change_ms)} ago",
    }[state]
    what = ", ".join(map(shown, silence.matchers)) or "everything"
    kind = "" if silence.purpose == "silence" else "maintenance: "
    who_ = silence.actor if known.origin == "log" else f"{silence.actor} (settings)".strip()
    if known.expired is not None:
        who_ += f", ended by {known.expired.actor}"
    why = known.wrong or f"{kind}{silence.reason}".strip()
    return silence.id, state, time, _when(silence), what, who_, why


def _when(silence: "Silence") -> str:
    from operators.recurrence import shown_recurrence
    from operators.silences import ALWAYS_MS

    recurs = "" if silence.recurs is None else shown_recurrence(silence.recurs)
    bounds = [
        f"{word} {clock(ms)}"
        for word, ms in (("from", silence.starts_ms), ("until", silence.ends_ms))
        if ms not in ALWAYS_MS
    ]
    return ", ".join(filter(None, (recurs, " ".join(bounds)))) or "always"


def _as_json(known: "Known", now_ms: int) -> dict[str, object]:
    from operators.matching import shown

    return {
        "id": known.silence.id,
        "state": known.state(now_ms),
        "change_ms": known.change_ms(now_ms),
        "matches": [shown(matcher) for matcher in known.silence.matchers],
        "origin": known.origin,
        "wrong": known.wrong,
        "expired": known.expired,
        "silence": known.silence,
    }


def _now_ms() -> int:
    from connectors.source import wall_clock

    return round(wall_clock().timestamp() * 1000)
