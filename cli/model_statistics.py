"""`foreshock models stats`: how detection stands in each service."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.errors import bad_input
from cli.incident_named import DEFAULT_URL, Store
from cli.tables import print_table

if TYPE_CHECKING:
    from flows.standing import Statistics

STATS_HELP = """Show how detection stands: anomaly rate, scores, warm-up, and precision by feedback.

The figures are those of a flow that keeps its incidents in the store, as of its last ten minutes
of event time, since its state began. With a SERVICE, its scores and detectors too.

\b
Examples:
  foreshock models stats
  foreshock models stats aws.ec2 --store sqlite:///.foreshock/demo.db
  foreshock models stats --json
"""


def stats(
    service: Annotated[str | None, typer.Argument(help="As in aws.ec2.", metavar="SERVICE")] = None,
    store: Store = DEFAULT_URL,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON each.")] = False,
) -> None:
    """Show the statistics."""
    from flows.standing import statistics_of

    with bad_input():
        found = statistics_of(store, service)
    if as_json:
        for each in found:
            more = {"anomaly_rate": each.anomaly_rate, "precision": each.precision}
            typer.echo(msgspec.json.encode(msgspec.to_builtins(each) | more))
        return
    if not found:
        typer.echo("no statistics" + (f" of {service}" if service else ""))
        return
    print_statistics(found, detailed=service is not None)


def print_statistics(found: "list[Statistics]", *, detailed: bool) -> None:
    """Print a row a service; if `detailed`, also the distribution of scores, and each detector."""
    header = ("service", "resources", "warm-up", "rows", "anomalous", "real", "false", "precision",
              "model", "until (UTC)")  # fmt: skip
    print_table(header, [_row(each) for each in found])
    for each in found if detailed else ():
        typer.echo("")
        rows = [(f"up to {bound}" if bound != "more" else bound, f"{count:,}", _share(count, each))
                for bound, count in each.scores]  # fmt: skip
        print_table(("fused score", "rows", "share"), rows)
        typer.echo("")
        detectors = [(d.name, f"{d.rows:,}", f"{d.mean_surprise:.3f}") for d in each.detectors]
        print_table(("detector", "rows", "mean surprise"), detectors)


def _row(each: "Statistics") -> tuple[str, ...]:
    precision = "-" if each.precision is None else f"{each.precision:.2f}"
    return (
        each.service,
        f"{each.resources:,}",
        _warm_up(each),
        f"{each.scored:,}",
        _share(each.anomalous, each),
        f"{each.real:,}",
        f"{each.false_positive:,}",
        precision,
        ", ".join(each.versions) or "fitted as data comes",
        _clock(each.until_ms) if each.until_ms else "-",
    )


def _warm_up(each: "Statistics") -> str:
    if not each.warming:
        return "done" if each.resources else "-"
    return f"{each.warming:,} left, until about {_clock(each.warm_ms)}"


def _share(count: int, each: "Statistics") -> str:
    return f"{count / each.scored:.3%}" if each.scored else "-"


def _clock(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"
