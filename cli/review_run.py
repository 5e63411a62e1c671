"""`foreshock review run`: let the models judge what there is."""

import threading
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import BadInput, CommandFailed, bad_input, say
from cli.incident_named import DEFAULT_URL, Store
from cli.places import Brokers, Properties, Reach, Settings
from cli.tables import clock, counted, print_table, write

if TYPE_CHECKING:
    from flows.review_service import ReviewRun
    from operators.review_settings import ReviewSettings
    from schema import AnomalyRecord, IncidentEvent

RUN_HELP = """Let one model, or all that are active, judge the incidents; keep the records.

Incidents are those of the store; or of files (CSV, JSON, exports of PagerDuty and Opsgenie) and
topics of incident events, if any are named. Each window of each service and team is judged by the
windows before it. Running again over the same changes nothing.

\b
Examples:
  foreshock review run
  foreshock review run history.csv pagerduty.json --store sqlite:///review.db
  foreshock review run kafka:incidents --brokers localhost:9092 --model temporal-1
  foreshock review run --follow
  foreshock review run --fit-on-window --window-hours 24
"""
MAX_SHOWN = 20


def run(
    inputs: Annotated[
        list[str] | None, typer.Argument(help="Files or topics. Default: the store.")
    ] = None,
    store: Store = DEFAULT_URL,
    model: Annotated[
        str | None, typer.Option(help="One model, by name or id. Default: all that are active.")
    ] = None,
    window_hours: Annotated[
        int | None, typer.Option(help="Length of a window. Default: as the settings say, 24.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="Keep records from then on. ISO 8601.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="What has happened by then. Default: now; of files, all.")
    ] = None,
    fit_on_window: Annotated[
        bool, typer.Option(help="Judge the last window by itself, a row an incident.")
    ] = False,
    follow: Annotated[bool, typer.Option(help="Go on as the store grows. Ctrl-C ends it.")] = False,
    workers: Annotated[int, typer.Option(help="Threads; they change no result.", min=1)] = 1,
    dead_letter: Annotated[
        str | None, typer.Option(help="File for rows that had to be refused.", metavar="FILE")
    ] = None,
    config: Settings = None,
    brokers: Brokers = None,
    properties: Properties = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each record as JSON.")] = False,
) -> None:
    """Run."""
    from cli.review_input import given, settings_of, write_rejects
    from cli.silence_add import moment_ms
    from connectors.source import wall_clock
    from flows.review_service import ReviewService, end_of, reader_of

    settings = settings_of(config, window_hours)
    until_ms = None if until is None else moment_ms("--until", until)
    from_ms = None if from_ is None else moment_ms("--from", from_)
    if follow:
        if inputs or fit_on_window:
            raise BadInput("--follow must be of a store alone, without --fit-on-window")
        _follow(store, settings, model, as_json)
        return
    found = given(inputs or [], store, Reach(brokers, config, properties))
    write_rejects(found.rejects, dead_letter)
    events = found.events if until_ms is None else _before(found.events, until_ms)
    if until_ms is None:
        now_ms = round(wall_clock().timestamp() * 1000 - 1000 * settings.lateness_s)
        until_ms = end_of(events, settings) if found.is_history else now_ms
    with bad_input():
        service = ReviewService(store, settings, create=True)
    try:
        with bad_input():
            if fit_on_window:
                ends_ms = min(until_ms, end_of(events, settings)) if events else until_ms
                starts_ms = ends_ms - settings.window_ms
                done = service.run_on_window(events, starts_ms, ends_ms, model)
            else:
                done = service.run(
                    reader_of(events), until_ms, model, workers=workers, from_ms=from_ms
                )
    finally:
        service.close()
    _print(done, events, as_json)


def _before(events: "list[IncidentEvent]", until_ms: int) -> "list[IncidentEvent]":
    return [each for each in events if each.ts_ms < until_ms]


def _print(done: "ReviewRun", events: "list[IncidentEvent]", as_json: bool) -> None:
    if as_json:
        import msgspec

        for each in done.records:
            typer.echo(msgspec.json.encode(each))
    else:
        incidents = len({each.incident for each in events})
        write(f"{counted(incidents, 'incident')}, models {', '.join(done.models) or 'none'}")
        write(f"{counted(len(done.records), 'record')}, {done.kept} new or grown")
        print_records(done.records[-MAX_SHOWN:])
        if done.storms:
            write(f"{counted(len(done.storms), 'incident')} opened: {', '.join(done.storms)}")
    if done.late:
        say(f"{counted(done.late, 'event')} came after the window was over: not reviewed")
    for failure in done.failures:
        of = f", {failure.service}, team {failure.team}" if failure.service else ""
        say(f"model {failure.model} failed{of}: {failure.error}")
    if done.failures:
        failed = len({each.model for each in done.failures})
        raise CommandFailed(f"{counted(failed, 'model')} failed; what the others found is kept")


def print_records(records: "tuple[AnomalyRecord, ...] | list[AnomalyRecord]") -> None:
    """Print records as a table."""
    rows = [
        (each.id, each.severity.name, each.state, clock(each.window_end_ms), each.model,
         f"{each.confidence:.2f}", each.description) for each in records
    ]  # fmt: skip
    if rows:
        head = ("id", "severity", "state", "until (UTC)", "model", "confidence", "what")
        print_table(head, rows)


def _follow(store: str, settings: "ReviewSettings", model: str | None, as_json: bool) -> None:
    """Review the store as it grows, until Ctrl-C."""
    import msgspec

    from flows.review_follow import follow
    from schema import AnomalyRecord, ModelFailure

    def told(each: object) -> None:
        match each:
            case AnomalyRecord() if as_json:
                typer.echo(msgspec.json.encode(each))
            case AnomalyRecord():
                ends = clock(each.window_end_ms)
                write(f"{ends}  {each.severity.name:<8}  {each.id}  {each.description}")
            case ModelFailure():
                say(f"model {each.model} failed: {each.error}")

    with bad_input():
        follow(store, settings, model, told, threading.Event())
