"""`foreshock deadletter`: what was refused, why, and back again after a fix."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby, islice
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.errors import CommandFailed, say
from cli.letter_places import open_letters, target_of
from cli.places import Brokers, Properties, Reach, Settings
from cli.tables import counted, print_table, printable, write

if TYPE_CHECKING:
    from connectors.dead_letter import Letter
    from flows.dead_letters import Spool

LIST_HELP = """Count what is in a dead letter, by reason and source.

WHERE is the file or topic that the settings name under `dead_letter`; with -c it may be left out.

\b
Examples:
  foreshock deadletter list .foreshock/dead-letter.jsonl
  foreshock deadletter list foreshock.dead-letter --brokers localhost:9092
  foreshock deadletter list -c config/kafka.yaml --json
"""
SHOW_HELP = """Show payloads that were refused, and what was wrong with them.

\b
Examples:
  foreshock deadletter show .foreshock/dead-letter.jsonl --reason bad_time --limit 3
  foreshock deadletter show -c config/kafka.yaml --source kafka:metrics.aws
"""
REPLAY_HELP = """Write the original payloads back, in order, each once, after a fix.

Without --to each goes to the topic that it came from. A --to that ends in .jsonl, .json or .txt is
a new file of lines, any other path a folder; binary payloads become a file each.
Points of such a payload that were good come again: they count as duplicates. Points older than the
lateness bound are late in a live flow.

\b
Examples:
  foreshock deadletter replay .foreshock/dead-letter.jsonl --to fixed.jsonl
  foreshock deadletter replay -c config/kafka.yaml --reason wrong_type --dry-run
  foreshock deadletter replay -c config/kafka.yaml --source kafka:metrics.aws --yes
"""

Where = Annotated[
    str | None, typer.Argument(help="A file, or a topic (kafka:NAME always is).", metavar="WHERE")
]
Reason = Annotated[str, typer.Option(help="Only this reason: bad_time, wrong_type ...")]
Source = Annotated[str, typer.Option(help="Only what came from here: kafka:metrics.aws ...")]


def register(app: typer.Typer) -> None:
    """Add the command group to the command line."""
    group = typer.Typer(help="Read rejects, and replay them after a fix.", no_args_is_help=True)
    group.command("list", help=LIST_HELP)(list_)
    group.command("show", help=SHOW_HELP)(show)
    group.command("replay", help=REPLAY_HELP)(replay)
    app.add_typer(group, name="deadletter")


def list_(
    where: Where = None,
    brokers: Brokers = None,
    config: Settings = None,
    properties: Properties = None,
    reason: Reason = "",
    source: Source = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print an object a line.")] = False,
) -> None:
    """Count rejects."""
    from flows.dead_letters import Order, Wanted, groups_of

    def place(order: Order) -> str:
        return f"{order[2]}@{order[3]}"

    wanted = Wanted(reason, source)
    with _letters(where, Reach(brokers, config, properties)) as letters:
        groups = groups_of(letter for letter in letters if wanted.takes(letter))
    if as_json:
        for group in groups:
            line = {
                "reason": group.reason,
                "source": group.source,
                "rejects": group.rejects,
                "payloads": group.payloads,
                "cut": group.cut,
                "first": {"partition": group.first[2], "position": group.first[3]},
                "last": {"partition": group.last[2], "position": group.last[3]},
                "detail": group.detail,
            }
            write(msgspec.json.encode(line).decode())
        return
    if not groups:
        write("no rejects")
        return
    header = ("reason", "source", "rejects", "payloads", "first", "last", "for example")
    print_table(
        header,
        [
            (each.reason, each.source, f"{each.rejects:,}", f"{each.payloads:,}", place(each.first),
             place(each.last), each.detail) for each in groups
        ],
    )  # fmt: skip


def show(
    where: Where = None,
    brokers: Brokers = None,
    config: Settings = None,
    properties: Properties = None,
    reason: Reason = "",
    source: Source = "",
    limit: Annotated[int, typer.Option(help="Payloads to show at most.", min=1)] = 10,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the rejects as a dead-letter file has them.")
    ] = False,
) -> None:
    """Show rejects."""
    from cli.letter_view import payload_lines
    from connectors.dead_letter import encode_letter
    from flows.dead_letters import Wanted, order_of

    wanted = Wanted(reason, source)
    with _letters(where, Reach(brokers, config, properties)) as letters:
        by_payload = groupby(
            filter(wanted.takes, letters),
            lambda letter: (order_of(letter), letter.reject.raw),
        )
        for _, faults in islice(by_payload, limit):
            together = list(faults)
            if as_json:
                for letter in together:
                    write(encode_letter(letter).decode())
                continue
            first = together[0]
            place = f"{first.reject.source}:{first.reject.partition}@{first.reject.position}"
            kept = f", {len(first.reject.raw):,} of them kept" if first.is_cut else ""
            write(printable(f"{place}  {first.raw_bytes:,} bytes{kept}"))
            for letter in together:
                write(printable(f"  {letter.reject.reason}: {letter.reject.detail}"))
            for line in payload_lines(first.reject.raw):
                write(f"    {line}")
            write("")


def replay(
    where: Where = None,
    to: Annotated[
        str | None,
        typer.Option(help="A topic, a new file or a folder. Default: where each came from.",
                     metavar="TOPIC|FILE"),
    ] = None,
    brokers: Brokers = None,
    config: Settings = None,
    properties: Properties = None,
    reason: Reason = "",
    source: Source = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:  # fmt: skip
    """Write payloads back."""
    from flows.dead_letters import Spool, Wanted
    from flows.replay_letters import replay as write_back

    reach = Reach(brokers, config, properties)
    wanted = Wanted(reason, source)
    with TemporaryFile() as file:
        spool = Spool(file)
        with _letters(where, reach) as letters:
            for letter in filter(wanted.takes, letters):
                spool.add(letter)
        rejects = counted(spool.rejects, "reject")
        write(f"{rejects} of {counted(len(spool), 'payload')} that can be replayed")
        _say_skipped(spool)
        if not len(spool):
            return
        target = target_of(to, spool.sources, reach)
        if dry_run:
            write(f"would write them to {target.said}")
            return
        if target.asks and not yes:
            _ask(f"Write {counted(len(spool), 'payload')} to {target.said}?")
        destination = target.open()
        with _bar(len(spool)) as progress:
            try:
                write_back(spool, destination, progress)
            finally:
                for place, count in destination.written.items():
                    write(f"{counted(count, 'payload')} to {place}")
    if spool.streams > 1 and target.mixes:
        write("hint: they came from several topics or files, whose formats may differ: --source "
              "chooses one, and a folder keeps them apart")  # fmt: skip
    if target.asks:
        write("hint: good points of these payloads come again and count as duplicates; old ones "
              "are late in a live flow")  # fmt: skip


def _say_skipped(spool: "Spool") -> None:
    for count, why in (
        (spool.cut, "cut off: the dead letter did not keep all of their bytes"),
        (spool.stand_ins, "no payloads: their source could not be read there"),
        (spool.empty, "empty"),
    ):
        if count:
            write(f"  skipped {count:,}: {why}")


def _ask(question: str) -> None:
    """Go on if the answer is yes."""
    try:
        sure = typer.confirm(question, err=True)
    except typer.Abort:  # nobody there to answer
        sure = False
    if not sure:
        raise CommandFailed("nothing was written; --yes writes without asking")


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error, where one looks at it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    off = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=off) as progress:
        task = progress.add_task("replaying", total=total)
        yield lambda done: progress.update(task, completed=done)


@contextmanager
def _letters(where: str | None, reach: Reach) -> "Iterator[Iterator[Letter]]":
    """Open a dead letter; say on leaving what in it could not be read."""
    strange = 0

    def good(found: "Iterator[Letter | bytes]") -> "Iterator[Letter]":
        nonlocal strange
        for each in found:
            if isinstance(each, bytes):
                strange += 1
            else:
                yield each

    yield good(open_letters(where, reach))
    if strange:
        say(f"left out, as no reject is in it: {counted(strange, 'record')}")
