"""Prints what a run over data came to."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from cli.figures import figure_lines

if TYPE_CHECKING:
    from flows.drift_labels import DriftAgreement
    from flows.summary import Counts, IncidentLine, Labelled, Summary
    from schema import Drift

MAX_SHOWN = 20


def print_summary(summary: "Summary", as_json: bool) -> None:
    """Print a summary for programs or for people."""
    if as_json:
        typer.echo(msgspec.json.encode(summary.to_json()).decode())
        return
    for line in summary_lines(summary):
        typer.echo(line)


def write_summary(summary: "Summary", file: Path) -> None:
    """Write a summary for programs."""
    file.parent.mkdir(parents=True, exist_ok=True)
    content = msgspec.json.format(msgspec.json.encode(summary.to_json()), indent=2)
    file.write_bytes(content + b"\n")


def summary_lines(summary: "Summary") -> list[str]:
    """Return a summary as people read it."""
    counts = summary.counts
    lines = [_incident(line) for line in summary.incidents[:MAX_SHOWN]]
    if len(summary.incidents) > MAX_SHOWN:
        lines.append(f"... and {len(summary.incidents) - MAX_SHOWN} more")
    lines += map(_drift_event, summary.drift_events)
    lines += [
        "",
        *([f"PARTIAL     {summary.partial}"] if summary.partial else ()),
        f"payloads    {counts.payloads:,}",
        f"samples     {counts.samples:,} ({_others(counts)})",
        f"resources   {counts.resources:,}",
        f"took        {_cost(counts)}",
        f"incidents   {len(summary.incidents):,}",
    ]
    if summary.labelled is not None:
        lines += _labelled(summary.labelled)
    if summary.figures is not None:
        lines += figure_lines(summary.figures)
    return [*lines, f"outcome     {summary.outcome_digest}"]


def _cost(counts: "Counts") -> str:
    """Say how long it took, how fast that is, and what it used."""
    parts = [f"{counts.elapsed_s:,.1f} s"]
    if counts.samples_per_s is not None:
        parts.append(f"{counts.samples_per_s:,.0f} samples/s")
    if counts.times_real_time:
        parts.append(f"{counts.times_real_time:,.0f} times real time")
    if counts.peak_rss_bytes:
        parts.append(f"CPU {counts.cpu_s:,.1f} s, {counts.peak_rss_bytes / 2**20:,.0f} MiB")
    return ", ".join(parts)


def _others(counts: "Counts") -> str:
    """Say what became of the points that are no samples."""
    absorbed = f"{counts.absorbed:,} absorbed, " if counts.absorbed else ""
    return f"{counts.late:,} late, {absorbed}{counts.rejected:,} rejected"


def _labelled(found: "Labelled") -> list[str]:
    delay_s = found.median_detection_delay_s
    lines = [
        f"faults      {found.faults}, caught {found.faults_caught}, "
        f"false incidents {len(found.false_incidents)}",
        f"precision   {_share(found.precision)}",
        f"recall      {_share(found.recall)}",
        f"delay       {'-' if delay_s is None else f'{delay_s / 60:.1f} min'} (median)",
    ]
    if found.false_positive_rate is not None:
        lines.append(f"false rows  {found.false_positive_rate:.3%} of those scored")
    if found.drift is not None:
        lines += _drift(found.drift)
    if found.missed_faults:
        lines.append(f"missed      {', '.join(found.missed_faults[:MAX_SHOWN])}")
    return lines


def _drift(found: "DriftAgreement") -> list[str]:
    delay_s = found.median_delay_s
    after = "" if delay_s is None else f" after {delay_s / 60:.0f} min (median)"
    caught = ", ".join(
        f"{phase} {recall.caught} of {recall.faults}"
        for phase, recall in (
            ("before", found.before),
            ("in its first day", found.during),
            ("later", found.after),
        )
    )
    return [
        f"drifts      {found.drifts}, found {found.found}{after}, false {found.false_events}",
        f"their pages {found.pages_in_first_hour} in the first hour, "
        f"{len(found.late_pages)} in the rest of the day",
        f"faults of those that drift: caught {caught}",
    ]


def _drift_event(event: "Drift") -> str:
    found = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=event.found_ms)
    what = f"{event.service} has another normal: {event.resources} resources"
    return f"{found:%Y-%m-%d %H:%M}  drift             {what}"


def _incident(line: "IncidentLine") -> str:
    opened = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=line.opened_ms)
    return f"{opened:%Y-%m-%d %H:%M}  {line.severity:<8} {line.state:<8} {line.title}"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f}"
