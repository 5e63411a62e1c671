"""Prints figures: how good a run was by its labels."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.figures import Curve, Figures
    from flows.judged import Measures

_COLUMNS = ("incidents", "right", "faults", "caught", "precision", "recall", "f1", "false/day")


def figure_lines(figures: "Figures") -> list[str]:
    """Return the figures as people read them, those of groups in one table."""
    overall = figures.overall
    per_day = overall.false_alarms_per_day
    lines = [
        f"f1          {_share(overall.f1)}",
        f"false a day {'-' if per_day is None else f'{per_day:.2f}'}, "
        f"in {figures.days:.1f} days with data",
        f"delay p90   {_delay(overall.delay_p90_s)}",
        *(f"nab         {each.score:.4f} {each.profile}" for each in figures.nab),
    ]
    if not figures.complete:
        lines.append("            incidents that the labels do not know are left out")
    if overall.incidents or overall.faults:
        lines += ["", *_table(figures), "", *_curve(figures.curve), ""]
    return lines


def _table(figures: "Figures") -> list[str]:
    groups: Mapping[str, Mapping[str, Measures]] = {
        "severity": figures.by_severity,
        "service": figures.by_service,
        "detector": figures.by_detector,
    }
    head = ["by", *_COLUMNS, "delay", "p90"]
    rows = [
        [f"{what} {name}", *_cells(measures)]
        for what, by in groups.items()
        for name, measures in by.items()
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows)
    ]


def _cells(found: "Measures") -> list[str]:
    per_day = found.false_alarms_per_day
    return [
        f"{found.incidents:,}",
        f"{found.right:,}",
        f"{found.faults:,}",
        f"{found.caught:,}",
        _share(found.precision),
        _share(found.recall),
        _share(found.f1),
        "-" if per_day is None else f"{per_day:.2f}",
        _delay(found.delay_median_s),
        _delay(found.delay_p90_s),
    ]


def _curve(curve: "Curve") -> list[str]:
    """Say what the best threshold would have been, and what is not known of others."""
    known = [point for point in curve.points if point.f1 is not None]
    if not known:
        return []
    best = max(known, key=lambda point: (point.f1 or 0.0, -point.threshold))
    said = (
        f"best threshold {best.threshold:.2f} (in use {curve.in_use:.2f}): "
        f"precision {_share(best.precision)}, recall {_share(best.recall)}, f1 {_share(best.f1)}"
    )
    if curve.basis == "incidents":
        return [said, f"of the incidents that were told: below {curve.in_use:.2f} nothing is known"]
    return [said, "of alarms by single resources' scores, before hysteresis and triage"]


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f}"


def _delay(delay_s: float | None) -> str:
    return "-" if delay_s is None else f"{delay_s / 60:.1f} min"
