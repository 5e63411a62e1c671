"""What the catalogue says of a metric, in words: rows of what, how, and the file that says so."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.explanation import Entry, Explanation
    from schema import Labels, MetricSpec

Row = tuple[str, str, str]

_BAD = {
    "up": "by rising",
    "down": "by falling",
    "both": "by rising or falling",
    "none": "never: context only",
}


def cards(found: "Explanation") -> Iterator[list[Row]]:
    """Yield rows for each way in which a metric is read; names that are read alike share one."""
    alike: list[list[Entry]] = []
    for entry in found.entries:
        same = (group for group in alike if _way(group[0]) == _way(entry))
        group = next(same, None)
        if group is None:
            alike.append([entry])
        else:
            group.append(entry)
    for group in alike:
        yield _card([entry.metric for entry in group], group[0], found.by)


def conversion(spec: "MetricSpec") -> str:
    """Return in words how a canonical value is made of a vendor's."""
    value = "value" if abs(spec.scale) == 1 else f"value * {abs(spec.scale):.12g}"
    if spec.scale < 0:
        return f"{spec.offset:.12g} - {value}" if spec.offset else f"-({value})"
    if spec.offset:
        return f"{value} {'+' if spec.offset > 0 else '-'} {abs(spec.offset):.12g}"
    return value if spec.scale != 1 else "as it is"


def braces(labels: "Labels") -> str:
    """Return `{direction=in}`, nothing if there are no labels."""
    return f"{{{_listed(labels)}}}" if labels else ""


def _way(entry: "Entry") -> tuple[object, ...]:
    return entry.service, entry.spec, sorted(entry.files.items()), entry.labels, entry.parts


def _card(names: list[str], entry: "Entry", by: tuple[str, ...]) -> list[Row]:
    file = entry.files.get
    rows: list[Row] = [
        ("or" if i else "metric", name, file("metric", "")) for i, name in enumerate(names)
    ]
    if entry.service:
        rows.append(("service", entry.service, ""))
    rows += [*_read(entry), *_meant(entry), *_series(entry)]
    rows += [("by", rule, "") for rule in by]
    return rows


def _read(entry: "Entry") -> Iterator[Row]:
    """Yield how a value becomes canonical."""
    spec, file = entry.spec, entry.files.get("metric", "")
    words = conversion(spec)
    if file:
        yield "becomes", spec.metric, file
        yield "value", f"{words}, in {spec.unit}" if spec.unit else words, file
    elif spec.unit:
        yield "unit", spec.unit, entry.files.get("unit", "")
    increase = "a tick" if spec.statistic == "sum" else "a second"
    then = "" if words == "as it is" else ", then converted"
    yield "if a counter", f"its increase {increase}{then}", ""
    yield "statistic", spec.statistic, entry.files.get("statistic", "default")


def _meant(entry: "Entry") -> Iterator[Row]:
    """Yield what a canonical value means."""
    spec, file = entry.spec, entry.files.get
    yield "hurts", _BAD[spec.bad], file("bad", "default")
    yield "weight", f"{spec.weight:g}", file("weight", "default")
    if spec.load:
        yield "drives the rest", "yes", file("load", "")
    if spec.lower is not None:
        yield "never below", f"{spec.lower:g}", file("lower", "")
    if spec.upper is not None:
        yield "never above", f"{spec.upper:g}", file("upper", "")
    if spec.min_change:
        least = f"{spec.min_change:.12g} {spec.unit}".rstrip()
        yield "smallest change", least, file("min_change", "")
    if spec.least_effect is not None:
        yield "least effect", f"{spec.least_effect:g} spreads", file("least_effect", "")
    if spec.harmless is not None:
        yield "harmless", "from {:g} to {:g}".format(*spec.harmless), file("harmless", "")


def _series(entry: "Entry") -> Iterator[Row]:
    """Yield what makes a series, and which one it is where labels were given."""
    spec, file = entry.spec, entry.files.get("metric", "")
    if spec.labels:
        yield "gets labels", _listed(spec.labels), file
    if spec.across:
        yield "one series across", ", ".join(spec.across), file
    if entry.chosen_by:
        yield "chosen by", _listed(entry.chosen_by), ""
    if entry.labels or entry.parts:
        yield "series", spec.metric + braces(entry.labels), ""
    if entry.parts:
        yield "a part of it", _listed(entry.parts), ""


def _listed(labels: "Labels") -> str:
    return ", ".join(f"{key}={value}" for key, value in labels)
