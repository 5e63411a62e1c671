"""`foreshock review summary`, `list` and `show`: read what the review has found."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import BadInput, CommandFailed, bad_input
from cli.incident_named import DEFAULT_URL, Store
from cli.tables import clock, print_table, write

if TYPE_CHECKING:
    from connectors.review_store import ReviewStore
    from schema import AnomalyRecord, ReviewSummary

SUMMARY_HELP = """Sum up the records of a span of time, beside the span before it.

\b
Examples:
  foreshock review summary
  foreshock review summary --from 2026-03-01 --until 2026-04-01 --json
  foreshock review summary --days 30 --by-service
"""
LIST_HELP = """List records, the newest first.

\b
Examples:
  foreshock review list
  foreshock review list --days 90 --service payments --state DETECTED
"""
SHOW_HELP = """Show one record: what, by which model, made of which incidents, and who did what.

\b
Example:
  foreshock review show anom-3f9c2d
"""
DAY_MS = 86_400_000

From = Annotated[str | None, typer.Option("--from", help="ISO 8601. Default: --days before.")]
Until = Annotated[str | None, typer.Option(help="ISO 8601. Default: now.")]
Days = Annotated[float, typer.Option(help="Length of the span, without --from.", min=0.01)]


def summary(
    store: Store = DEFAULT_URL,
    from_: From = None,
    until: Until = None,
    days: Days = 7.0,
    by_service: Annotated[bool, typer.Option(help="A line a service too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Sum up."""
    import msgspec

    from flows.review_service import ReviewService
    from operators.review_settings import ReviewSettings

    from_ms, to_ms = span_of(from_, until, days)
    with bad_input():
        service = ReviewService(store, ReviewSettings())
    try:
        found = service.summary(from_ms, to_ms)
    finally:
        service.close()
    if as_json:
        typer.echo(msgspec.json.encode(found if by_service else found.now))
        return
    write(f"{clock(from_ms)} to {clock(to_ms)} UTC, in brackets the span before it")
    named = [("all", found.now, found.before)]
    if by_service:
        named += [(name, each.now, each.before) for name, each in found.services.items()]
    fields = found.now.__struct_fields__
    rows = [
        (name, *(f"{_figure(now, field)} ({_figure(before, field)})" for field in fields))
        for name, now, before in named
    ]
    print_table(("service", *(field.replace("_", " ") for field in fields)), rows)


def _figure(summary: "ReviewSummary", field: str) -> str:
    value = getattr(summary, field)
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def list_(
    store: Store = DEFAULT_URL,
    from_: From = None,
    until: Until = None,
    days: Days = 30.0,
    service: Annotated[str, typer.Option(help="Of one service.")] = "",
    state: Annotated[str | None, typer.Option(help="In one state, as DETECTED.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print each as JSON.")] = False,
) -> None:
    """List."""
    import msgspec

    from cli.review_run import print_records
    from schema.review import STEPS_OF_RECORD

    states = tuple(each for each in STEPS_OF_RECORD if each == state)
    if state is not None and not states:
        raise BadInput(f"--state must be one of {', '.join(STEPS_OF_RECORD)}, got {state!r}")
    from_ms, to_ms = span_of(from_, until, days)
    opened = open_review(store)
    try:
        found = opened.records(from_ms, to_ms, service=service, states=states, limit=limit)
    finally:
        opened.close()
    if as_json:
        for each in found:
            typer.echo(msgspec.json.encode(each))
    elif found:
        print_records(found)
    else:
        write("no records")


def show(
    record_id: Annotated[str, typer.Argument(help="The id, or how it begins.", metavar="ID")],
    store: Store = DEFAULT_URL,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show one record."""
    import msgspec

    opened = open_review(store)
    try:
        found = find_record(opened, record_id)
        audit = opened.audit(found.id)
    finally:
        opened.close()
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    write(f"{found.severity.name} {found.type} {found.state}  [{found.id}]")
    write(found.description)
    write(
        f"{clock(found.window_start_ms)} to {clock(found.window_end_ms)} UTC, by "
        f"{found.model}-{found.version}"
    )
    write(
        f"score {found.score:.2f} (from {found.threshold:g} on a record), "
        f"confidence {found.confidence:.2f}, raw score {found.raw_score:.3g}"
    )
    write(f"services {', '.join(found.affected_services)}")
    write(f"metrics {', '.join(found.affected_metrics)}")
    ids = found.metadata.incidents
    write(f"incidents ({len(ids)}) {', '.join(ids)}")
    for act in audit:
        said = f": {act.note}" if act.note else ""
        write(f"{clock(act.at_ms)}  {act.before} -> {act.after}  {act.actor}{said}")


def span_of(from_: str | None, until: str | None, days: float) -> tuple[int, int]:
    """Return the span that options name."""
    from cli.silence_add import moment_ms
    from connectors.source import wall_clock

    to_ms = round(wall_clock().timestamp() * 1000) if until is None else moment_ms("--until", until)
    from_ms = to_ms - round(days * DAY_MS) if from_ is None else moment_ms("--from", from_)
    if not from_ms < to_ms:
        raise BadInput("--from must be before --until")
    return from_ms, to_ms


def open_review(url: str) -> "ReviewStore":
    """Open the review's part of a store that is there."""
    from connectors.review_store import ReviewStore

    with bad_input():
        return ReviewStore(url)


def find_record(store: "ReviewStore", record_id: str) -> "AnomalyRecord":
    """Return the record of an id, or of how it begins if that is one alone."""
    found = store.find(record_id)
    exact = [each for each in found if each.id == record_id]
    if len(exact or found) != 1:
        how_many = "several records" if found else "no record"
        raise CommandFailed(f"{how_many} with an id that begins with {record_id!r}")
    return (exact or found)[0]
