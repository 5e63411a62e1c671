"""`foreshock peek`: what a topic or a file holds, decoded."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.errors import BadInput, bad_input
from cli.places import PREFIX, Brokers, Properties, Reach, Settings, is_file, topic_source

if TYPE_CHECKING:
    from config.app import App
    from connectors.kafka_settings import KafkaSource
    from flows.peek_input import Feed

TABLE_ROWS = 20  # of a table, unless --limit says how many payloads
TABLE_PAYLOADS = 10_000  # of a topic that are looked at for a table
STDIN = "-"

PEEK_HELP = """Print what a topic or a file holds: decoded samples, and where each came from.

TOPIC|FILE is what exists under this name (a file, a folder, a pattern), `-` for standard input,
else a topic; kafka:NAME is always one. A table shows the first samples; --json prints a line for
each sample and for each reject. Counters are shown as the flow sees them: their increase a second,
or a tick (60 s) of what is an amount; the first reading gives no value and counts as absorbed.

\b
Examples:
  foreshock peek metrics.jsonl.gz
  foreshock peek sim --rejects
  foreshock peek metrics.aws --brokers localhost:9092 --limit 5
  foreshock peek metrics.aws -c config/kafka.yaml --follow
  foreshock peek metrics.aws --format cloudwatch-json --from 2026-03-01T10:00:00Z --json
  zcat metrics.json.gz | foreshock peek - --format otlp-json --json
"""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("peek", help=PEEK_HELP, no_args_is_help=True)(peek)


def peek(
    what: Annotated[str, typer.Argument(help="A topic or a file.", metavar="TOPIC|FILE")],
    format_name: Annotated[
        str | None,
        typer.Option("--format", help="Of the payloads. Default: as manifest.json or -c says, "
                     "else found by looking."),
    ] = None,
    brokers: Brokers = None,
    config: Settings = None,
    properties: Properties = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for more, until Ctrl-C.")
    ] = False,
    start: Annotated[
        str,
        typer.Option("--from", help="Of a topic: earliest, latest, or a time such as "
                     "2026-03-01T10:00:00Z.", metavar="WHERE"),
    ] = "earliest",
    limit: Annotated[
        int | None,
        typer.Option(help="Payloads to look at. Default: all; a table of a topic looks at the "
                     f"first {TABLE_PAYLOADS:,}.", min=1),
    ] = None,
    rejects: Annotated[bool, typer.Option("--rejects", help="Only what was refused.")] = False,
    absorbed: Annotated[
        bool, typer.Option("--absorbed", help="Also readings that gave no value.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
) -> None:  # fmt: skip
    """Look into a topic or a file."""
    from cli.peek_report import JsonLines, Shows, Tables, Tally
    from flows.assemble import catalogue_of
    from flows.peek import decode_blocks
    from flows.peek_counters import Streams
    from flows.peek_input import take_for_ever, take_in_order, take_shares

    a_file = what == STDIN or is_file(what)
    if follow and a_file and what != STDIN:
        raise BadInput("--follow needs a topic or standard input: a file is read to its end")
    reach = Reach(brokers, config, properties)
    if a_file:
        app, feeds = _of_files(what, format_name, reach)
    else:
        app, feeds = _of_topic(what.removeprefix(PREFIX), format_name, reach, start, follow)
    in_full = as_json or rejects or follow or limit is not None
    most = limit if a_file or in_full else TABLE_PAYLOADS
    if follow:
        taken = take_for_ever(feeds, most)
    elif most is not None and not a_file:
        taken = take_shares(feeds, most)
    else:
        taken = take_in_order(feeds, most)
    streams = Streams(catalogue_of(app), app.ingest.tick_s, live=follow)
    shows = Shows(rejects_only=rejects, absorbed=absorbed)
    printer = JsonLines(shows) if as_json else Tables(shows, None if in_full else TABLE_ROWS)
    tally = Tally()
    try:
        for block in decode_blocks(taken, streams):
            tally.add(block)
            printer.take(block.rows())
            if follow:
                printer.flush()
    finally:
        if not isinstance(sys.exception(), BrokenPipeError):
            printer.flush()
            tally.say(stopped_at=None if in_full or a_file else TABLE_PAYLOADS)


def _of_files(what: str, format_name: str | None, reach: Reach) -> "tuple[App, list[Feed]]":
    from config.app import App
    from connectors.files import FileSource
    from connectors.formats.auto import AUTO
    from connectors.formats.registry import check_format
    from flows.assemble import catalogue_of
    from flows.peek_input import feeds_of, lines_feed, stream_feed

    path = Path(what).expanduser()
    given = reach.app() or App(sources=(FileSource(paths=(what,)),))
    catalogue = catalogue_of(given)
    with bad_input():
        check_format(format_name or AUTO)
        if what == STDIN:
            stream = stream_feed("stdin", sys.stdin.buffer, format_name or AUTO, given, catalogue)
            return given, [stream]
        for name in (format_name or "", format_name or AUTO):  # "": as a manifest.json says
            app = msgspec.structs.replace(given, sources=(FileSource(paths=(what,), format=name),))
            try:
                return app, feeds_of(app, catalogue)
            except ValueError as ex:
                fault = ex
        if path.is_file():
            return given, [lines_feed(path, format_name or AUTO, given, catalogue)]
        raise fault


def _of_topic(
    topic: str, format_name: str | None, reach: Reach, start: str, follow: bool
) -> "tuple[App, list[Feed]]":
    from config.app import App
    from flows.assemble import catalogue_of
    from flows.peek_input import feeds_of

    source = topic_source(topic, format_name, reach, start, "never" if follow else "now")
    given = reach.app()
    with bad_input():
        app = App(sources=(source,)) if given is None else _with_source(given, source)
        return app, feeds_of(app, catalogue_of(app))


def _with_source(app: "App", source: "KafkaSource") -> "App":
    return msgspec.structs.replace(app, sources=(source,))
