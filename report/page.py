"""The report as files: one page that needs nothing else, and the same as JSON."""

import base64
import hashlib
import re
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from connectors.incident_wire import encode_transition
from flows.figures import Curve, CurvePoint
from flows.side_words import HEAD, cells
from flows.summary import Counts, Summary
from operators.quantity import band, quantity, span
from report.between import Between, moved
from report.facts import Facts
from report.timeline import clock, lanes, ticks
from report.told import Told
from schema import Severity

HTML, JSON = "report.html", "report.json"
SCHEMA = "foreshock.report.v1"
AFTER = "after-"  # begins the address of an incident of the second run
_TICKED = re.compile("`([^`]*)`")


def write_report(folder: Path, facts: Facts) -> None:
    """Write both files, in place of older ones. Raises: OSError if they cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in ((JSON, as_json(facts)), (HTML, as_page(facts).encode())):
        new = folder / f"{name}.new"
        new.write_bytes(content)
        new.replace(folder / name)


def as_json(facts: Facts) -> bytes:
    """Return the report for programs: an incident's last event is as docs/incidents.md says."""
    fields = {
        name: getattr(facts, name)
        for name in facts.__struct_fields__
        if name not in {"summary", "incidents", "between"}
    }
    return msgspec.json.encode(
        {
            "schema": SCHEMA,
            "summary": _without_incidents(facts.summary),
            **fields,
            "comparison": None if facts.between is None else _comparison(facts.between),
            "incidents": [_told(each) for each in facts.incidents],
        }
    )


def _told(told: Told) -> dict[str, Any]:
    return {
        "last": msgspec.Raw(encode_transition(told.life[-1])),
        "judgement": told.judgement,
        "faults": told.faults,
        "first_detector": told.detector,
        "detectors": dict(told.drawn.detectors),
        "life": [
            {
                "ts_ms": said.ts_ms,
                "event": said.event,
                "severity": said.incident.severity.name,
                "actor": said.actor,
                "reason": said.reason,
            }
            for said in told.life
        ],
        "plots": told.drawn.plots,
    }


def _comparison(between: Between) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(between.comparison),
        "settings": between.settings,
        "after_run": _without_incidents(between.after),
        "gained_incidents": [_told(each) for each in between.gained],
    }


def _without_incidents(summary: Summary) -> dict[str, object]:
    return {name: held for name, held in summary.to_json().items() if name != "incidents"}


def as_page(facts: Facts) -> str:
    """Return the page. All text is escaped: names come from producers that nobody vouches for."""
    environment = Environment(
        loader=PackageLoader("report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "code": _code,
        "num": _number,
        "quantity": quantity,
        "seconds": _seconds,
        "share": _share,
        "span": span,
        "time": clock,
    }
    environment.globals |= {
        "anchor": _anchor,
        "band": band,
        "facts": facts,
        "cells": cells,
        "head": HEAD,
        "lasted": lambda told: _lasted_ms(told, facts),
        "moved": moved,
        "peak": _peak,
    }
    source = environment.loader
    if source is None:
        raise RuntimeError("templates must have a loader, got None")
    script, style = (source.get_source(environment, f"report.{kind}")[0] for kind in ("js", "css"))
    severities = Counter(each.incident.severity.name for each in facts.incidents)
    detailed = tuple(told for told in facts.incidents if told.detailed)
    gained = () if facts.between is None else facts.between.gained
    gained = tuple(told for told in gained if told.detailed)
    anchors = {_anchor(told.incident.id) for told in detailed}
    anchors |= {_anchor(told.incident.id, AFTER) for told in gained}
    return environment.get_template("report.html").render(
        by_severity=severities,
        curve=None if facts.summary.figures is None else _curve(facts.summary.figures.curve),
        anchors=anchors,
        detailed=detailed,
        gained=gained,
        after=AFTER,
        lanes=lanes(facts),
        plots=_for_script({**_plots(detailed), **_plots(gained, AFTER)}),
        script=Markup(script),  # noqa: S704 - ours
        script_digest=_digest(script),
        severities=[severity.name for severity in sorted(Severity, reverse=True)],
        severity_values={severity.name: severity.value for severity in Severity},
        style=Markup(style),  # noqa: S704 - ours
        cost=_cost(facts.summary.counts),
        ticks=ticks(facts),
        version=version("foreshock"),
    )


def _digest(script: str) -> str:
    found = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"sha256-{found}"


def _for_script(value: object) -> Markup:
    """Return JSON that no HTML parser finds an end tag in."""
    text = msgspec.json.encode(value).decode()
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - has none of the signs that HTML gives a meaning to


def _anchor(incident: str, run: str = "") -> str:
    """Return the address of an incident in the page; both runs may have one of the same id."""
    return run + (incident if incident.startswith("inc-") else f"inc-{incident}")


def _plots(detailed: tuple[Told, ...], run: str = "") -> dict[str, list[dict[str, Any]]]:
    """Return by address what is drawn; the text beside it is in the page."""
    names = ("from_ms", "until_ms", "unit", "ts_s", "value", "expected", "lower", "upper", "odd")
    return {
        _anchor(told.incident.id, run): [
            {name: getattr(plot, name) for name in (*names, "alerts")} for plot in told.drawn.plots
        ]
        for told in detailed
        if told.drawn.plots
    }


# ------------------------------------------------------------------ words


def _code(text: str) -> Markup:
    """Show what stands between backticks as code."""
    return Markup(_TICKED.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - is escaped


def _number(value: float) -> str:
    if isinstance(value, int) or value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f}"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else span(round(seconds * 1000))


def _lasted_ms(told: Told, facts: Facts) -> int:
    return max(0, (told.end_ms or facts.until_ms) - told.incident.opened_ms)


def _peak(told: Told) -> float:
    return max((member.score for member in told.incident.members), default=0.0)


def _cost(counts: Counts) -> list[tuple[str, str]]:
    """Return what went in and what it cost, as far as it is known."""
    rows: list[tuple[str, str | None]] = [
        ("Payloads", _number(counts.payloads)),
        ("Samples", _number(counts.samples)),
        ("Late", _number(counts.late)),
        ("Rejected", _number(counts.rejected)),
        ("Gave no value", _number(counts.absorbed)),
        ("Resources", _number(counts.resources)),
        ("Took", _seconds(counts.elapsed_s)),
        ("Samples a second", _number(counts.samples_per_s) if counts.samples_per_s else None),
        ("Times real time", _number(counts.times_real_time) if counts.times_real_time else None),
        ("CPU", _seconds(counts.cpu_s) if counts.cpu_s else None),
        (
            "Peak memory",
            quantity(counts.peak_rss_bytes, "bytes") if counts.peak_rss_bytes else None,
        ),
    ]
    return [(name, value) for name, value in rows if value is not None]


# ------------------------------------------------------------------ the curve


class CurvePage(NamedTuple):
    """Precision over recall, as the page draws it."""

    path: str
    points: list[dict[str, Any]]
    words: str


def _curve(curve: Curve) -> CurvePage | None:
    known = [p for p in curve.points if p.precision is not None and p.recall is not None]
    if not known:
        return None
    now = min(known, key=lambda p: abs(p.threshold - curve.in_use))
    points = [_point(point, point is now) for point in known]
    path = "M" + "L".join(f"{p['x']} {p['y']}" for p in points)
    of = (
        "the incidents that were told" if curve.basis == "incidents" else "single resources' alarms"
    )
    return CurvePage(path, points, f"Of {of}; the large point is the threshold in use, "
                     f"{curve.in_use:.2f}.")  # fmt: skip


def _point(point: CurvePoint, now: bool) -> dict[str, Any]:
    recall, precision = point.recall or 0.0, point.precision or 0.0
    return {
        "x": round(45 + 285 * recall, 1),
        "y": round(215 - 205 * precision, 1),
        "now": now,
        "threshold": point.threshold,
        "precision": point.precision,
        "recall": point.recall,
    }
