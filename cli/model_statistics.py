"""`foreshock models stats`: how detection stands in each service."""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from cli.errors import bad_input
from cli.incident_named import DEFAULT_URL, Store
from cli.tables import clock, counted, print_table, write

if TYPE_CHECKING:
    from flows.standing import DetectorFigures, Statistics
    from schema import DriftStanding

STATS_HELP = """Show how detection stands: anomaly rate, warm-up, drift, and precision by feedback.

The figures are those of a flow that keeps its incidents in the store, as of its last ten minutes
of event time, since its state began. With a SERVICE, the same by detector, the distribution of
scores, and the last drift too.

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
            typer.echo(msgspec.json.encode(as_object(each)))
        return
    if not found:
        typer.echo("no statistics" + (f" of {service}" if service else ""))
        return
    print_statistics(found)
    for each in found if service is not None else ():
        print_details(each)


def statistics_at(asked: str | None, otherwise: str, service: str) -> "Statistics | None":
    """Return a service's statistics from the store that is asked for, else from one if it is there.

    None where there is no such store, or it knows nothing of the service.
    """
    from flows.standing import statistics_of

    if asked is not None:
        with bad_input():
            found = statistics_of(asked, service)
    else:
        try:
            found = statistics_of(otherwise, service)
        except ValueError:  # none was asked for
            return None
    return found[0] if found else None


def as_object(each: "Statistics") -> dict[str, Any]:
    """Return the statistics for JSON, with the rates that follow from them."""
    found: dict[str, Any] = msgspec.to_builtins(each)
    found |= {"anomaly_rate": each.anomaly_rate, "precision": each.precision}
    found["detectors"] = [
        msgspec.to_builtins(d) | {"anomaly_rate": d.anomaly_rate, "precision": d.precision}
        for d in each.detectors
    ]
    return found


def print_statistics(found: "list[Statistics]") -> None:
    """Print a row a service."""
    header = ("service", "resources", "warm-up", "rows", "anomalous", "real", "false", "precision",
              "drift", "model", "until (UTC)")  # fmt: skip
    print_table(header, [_row(each) for each in found])


def print_details(each: "Statistics") -> None:
    """Print drift, the distribution of scores, and each detector."""
    write("")
    _print_drift(each.drift)
    write("")
    header = ("detector", "rows", "mean surprise", "anomalous", "real", "false", "precision")
    print_table(header, [_detector(d) for d in each.detectors])
    write("")
    judges = [d for d in each.detectors if d.scores]
    rows = [
        (
            f"up to {bound}" if bound != "more" else bound,
            f"{count:,}",
            _share(count, each.scored),
            *(_share(dict(d.scores).get(bound, 0), d.counted) for d in judges),
        )
        for bound, count in each.scores
    ]
    print_table(("score", "rows", "fused", *(d.name for d in judges)), rows)


def _print_drift(drift: "DriftStanding | None") -> None:
    if drift is None:
        write("drift  not known")
        return
    write(
        f"drift  {_state(drift)}; {drift.share:.1%} of its resources odd to the batch forest, "
        f"mean of ADWIN's window of {drift.window:,}"
    )
    if drift.changed_ms is not None:
        write(f"       that share rose at {clock(drift.changed_ms)}")
    if drift.last is not None:
        last = drift.last
        write(
            f"       {counted(drift.drifts, 'drift')}, the last found at {clock(last.found_ms)}: "
            f"{last.resources:,} resources ({last.share:.0%}) since {clock(last.since_ms)}, "
            f"new level accepted at {clock(last.effective_ms)}"
        )


def _row(each: "Statistics") -> tuple[str, ...]:
    return (
        each.service,
        f"{each.resources:,}",
        _warm_up(each),
        f"{each.scored:,}",
        _share(each.anomalous, each.scored),
        f"{each.real:,}",
        f"{each.false_positive:,}",
        _precision(each.precision),
        "-" if each.drift is None else _state(each.drift),
        ", ".join(each.versions) or "fitted as data comes",
        clock(each.until_ms) if each.until_ms else "-",
    )


def _detector(each: "DetectorFigures") -> tuple[str, ...]:
    return (
        each.name,
        f"{each.rows:,}" if each.rows else "-",
        f"{each.mean_surprise:.3f}" if each.rows else "-",
        _share(each.anomalous, each.counted),
        f"{each.real:,}",
        f"{each.false_positive:,}",
        _precision(each.precision),
    )


def _state(drift: "DriftStanding") -> str:
    if drift.since_ms is None:
        return drift.state
    if drift.state == "accepted":
        return f"new level accepted at {clock(drift.since_ms)}"
    return f"{drift.state} since {clock(drift.since_ms)}"


def _warm_up(each: "Statistics") -> str:
    if not each.warming:
        return "done" if each.resources else "-"
    return f"{each.warming:,} left, until about {clock(each.warm_ms)}"


def _share(count: int, of: int) -> str:
    return f"{count / of:.3%}" if of else "-"


def _precision(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
