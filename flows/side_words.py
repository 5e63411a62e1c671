"""Figures of two runs side by side, as cells of a table."""

from flows.intervals import Side

HEAD = ("figure", "before", "after", "difference", "95 % interval", "")
_IN_WORDS = {
    "precision": "precision",
    "recall": "recall",
    "f1": "f1",
    "false_alarms_per_day": "false a day",
    "delay_median_s": "delay, median (min)",
    "delay_p90_s": "delay, p90 (min)",
    "incidents_per_fault": "incidents a caught fault",
    "incidents_per_day": "incidents a day",
}


def cells(side: Side) -> tuple[str, str, str, str, str, str]:
    """Return a figure's row, the verdict last."""
    scale = 60.0 if side.name.endswith("_s") else 1.0

    def shown(value: float | None, sign: str = "") -> str:
        return "-" if value is None else f"{value / scale:{sign}.2f}"

    known = side.low is not None
    return (
        _IN_WORDS[side.name],
        shown(side.before),
        shown(side.after),
        shown(side.difference, "+"),
        f"{shown(side.low, '+')} to {shown(side.high, '+')}" if known else "-",
        "within noise" if side.verdict == "unclear" else side.verdict,
    )
