"""The review's report: one page that needs nothing else, plain text for mails, and JSON."""

from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from flows.review_facts import DAY_MS, ReviewFacts
from operators.quantity import span
from report.timeline import clock
from schema import ReviewSummary

SCHEMA = "foreshock.review/1"
_WIDTH, _HEIGHT = 720, 120


class Bar(NamedTuple):
    """A day's incidents, as the page draws them."""

    x: float
    y: float
    width: float
    height: float
    words: str
    inside: bool  # of the span that the report is of


def as_json(facts: ReviewFacts) -> bytes:
    """Return the report for programs."""
    return msgspec.json.encode({"schema": SCHEMA, **msgspec.structs.asdict(facts)})


def as_html(facts: ReviewFacts) -> str:
    """Return the page. It has no script; all text is escaped: names come from anywhere."""
    environment = Environment(
        loader=PackageLoader("report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"seconds": _seconds, "time": clock, "share": _share, "num": _number}
    source = environment.loader
    if source is None:
        raise RuntimeError("templates must have a loader, got None")
    style = source.get_source(environment, "report.css")[0]
    return environment.get_template("review.html").render(
        facts=facts,
        fields=[(name, name.replace("_", " ")) for name in ReviewSummary.__struct_fields__],
        bars=bars(facts),
        width=_WIDTH,
        height=_HEIGHT,
        style=Markup(style),  # noqa: S704 - ours
        version=version("foreshock"),
    )


def as_text(facts: ReviewFacts) -> str:
    """Return what matters most, as a mail's plain text."""
    now, before = facts.summary.now, facts.summary.before
    lines = [
        f"{clock(facts.from_ms)} to {clock(facts.to_ms)} UTC",
        f"{facts.incidents} incidents ({facts.incidents_before} before)",
        f"{now.total_anomalies} anomalies ({before.total_anomalies} before), "
        f"{now.unresolved} unresolved",
    ]
    lines += [
        f"expected in the next {'day' if each.days == 1 else f'{each.days} days'}: "
        f"{each.expected:.0f} ({each.low:.0f} to {each.high:.0f})"
        for each in facts.outlook.forecasts
    ]
    for title, found in (
        ("ANOMALIES", [f"{each.severity.name}: {each.description}" for each in facts.records]),
        ("WORSENING", [f"{each.service}: {each.words}" for each in facts.outlook.worsening]),
        (
            "COMES AGAIN",
            [f"{each.incidents} times: {each.cause}" for each in facts.outlook.recurring],
        ),
    ):
        if found:
            lines += ["", title, *(f"- {each}" for each in found)]
    return "\n".join(lines) + "\n"


def write_page(path: Path, facts: ReviewFacts) -> None:
    """Write the page, in place of an older one. Raises: OSError if it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.write_text(as_html(facts))
    new.replace(path)


def bars(facts: ReviewFacts) -> list[Bar]:
    """Return the incidents a day as bars."""
    most = max(*facts.days, 1)
    wide = _WIDTH / len(facts.days)
    first_ms = (facts.to_ms // DAY_MS - len(facts.days)) * DAY_MS
    out = []
    for place, number in enumerate(facts.days):
        at_ms = first_ms + place * DAY_MS
        high = (_HEIGHT - 4) * number / most
        words = f"{clock(at_ms)[:10]}: {number}"
        out.append(Bar(place * wide, _HEIGHT - high, wide - 2, high, words, at_ms >= facts.from_ms))
    return out


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else span(round(seconds * 1000))


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
