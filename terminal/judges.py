"""How detection does in each service: precision, anomaly rate, drift, versions of its model."""

from collections.abc import Iterator, Sequence

from schema.desk import DetectorView, DriftView, ModelsPage, ServiceModels
from terminal.detail import pair, section
from terminal.lines import Table
from terminal.palette import Line, Part, Role, plain
from terminal.words import clean, clock, count, fit

DRIFTS: dict[str, Role] = {"steady": "good", "suspected": "warn", "drifting": "bad",
                           "accepted": "plain"}  # fmt: skip
BARS = 24


def models_table(page: ModelsPage | None, now_ms: int, width: int) -> Table:
    """Return services as a list."""
    services = () if page is None else page.services
    columns = [("service", 20), ("drift", 9), ("anom.", -7), ("prec.", -5), ("judged", -6),
               ("rows", -6)]  # fmt: skip
    columns += [("warming", -7), ("until", 11)] if width >= 90 else []
    head = "".join(fit(name, abs(size), right=size < 0) + " " for name, size in columns)

    def line(place: int) -> Line:
        each = services[place]
        cells = [
            Part(fit(each.service, 20)),
            _drift(each.drift),
            Part(fit(_share(each.anomaly_rate), 7, right=True)),
            Part(fit(_precision(each.precision), 5, right=True)),
            Part(fit(count(each.real + each.false_positive), 6, right=True), "dim"),
            Part(fit(count(each.scored), 6, right=True), "dim"),
        ]
        if width >= 90:
            until = clock(each.until_ms, now_ms) if each.until_ms else "-"
            cells.append(Part(fit(count(each.warming), 7, right=True), "dim"))
            cells.append(Part(fit(until, 11), "dim"))
        cells.append(Part(clean(", ".join(each.in_use)[:200]) or "fitted as data comes", "dim"))
        return tuple(cell for part in cells for cell in (part, Part(" ")))

    return Table(
        (Part(fit(head + "model", width), "title"),),
        tuple(each.service for each in services),
        line,
        "the flow has not said how its models do",
    )


def model_lines(each: ServiceModels, now_ms: int, width: int) -> list[Line]:
    """Return a service with its detectors, its scores and the versions of its model."""
    said = f"{each.scored:,} rows judged, {_share(each.anomaly_rate)} anomalous"
    words = f"{each.real} real, {each.false_positive} false positive: {_precision(each.precision)}"
    lines: list[Line] = [plain(clean(each.service), "strong")]
    lines += pair("rows", said, width)
    lines += pair("precision", words, width)
    warm = f"{each.resources:,} resources, {each.warming:,} of them warming up"
    lines += pair("resources", warm, width)
    if each.drift is not None:
        lines += pair("drift", _drifted(each.drift, now_ms), width, DRIFTS[each.drift.state])
    lines += pair("model", ", ".join(each.in_use) or "fitted as data comes", width)
    lines += [*_detectors(each.detectors, width), *_scores(each.scores, width)]
    lines += _versions(each, now_ms, width)
    return lines


def _drift(drift: DriftView | None) -> Part:
    return (
        Part(fit("-", 9), "dim")
        if drift is None
        else Part(fit(drift.state, 9), DRIFTS[drift.state])
    )


def _drifted(drift: DriftView, now_ms: int) -> str:
    since = "" if drift.since_ms is None else f" since {clock(drift.since_ms, now_ms)}"
    return f"{drift.state}{since}, {drift.share:.0%} of resources odd, {drift.drifts} so far"


def _detectors(detectors: Sequence[DetectorView], width: int) -> Iterator[Line]:
    if not detectors:
        return
    yield from section("Detectors", width)
    names = ("rows", "anom.", "prec.", "real", "false")
    yield plain(fit("", 18) + "".join(fit(each, 8, right=True) for each in names), "dim")
    for each in detectors:
        cells = (count(each.rows), _share(each.anomaly_rate), _precision(each.precision),
                 count(each.real), count(each.false_positive))  # fmt: skip
        yield plain(fit(each.name, 18) + "".join(fit(cell, 8, right=True) for cell in cells))


def _scores(scores: Sequence[tuple[str, int]], width: int) -> Iterator[Line]:
    most = max((rows for _, rows in scores), default=0)
    if not most:
        return
    yield from section("Scores, rows up to each bound", width)
    for bound, rows in scores:
        bar = "█" * max(1 if rows else 0, round(BARS * rows / most))
        yield (Part(fit(bound, 8, right=True) + " ", "dim"), Part(fit(bar, BARS), "line"),
               Part(f" {rows:,}"))  # fmt: skip


def _versions(each: ServiceModels, now_ms: int, width: int) -> Iterator[Line]:
    if not each.versions:
        return
    yield from section("Versions, the newest first", width)
    for version in each.versions[::-1]:
        role: Role = "strong" if version.state == "active" else "plain"
        role = "bad" if version.refused else role
        when = version.effective_from_ms
        said = "" if when is None else f" from {clock(when, now_ms)}"
        yield (Part(fit(version.version, 24) + " ", role), Part(clean(f"{version.state}{said}")))
        if version.refused:
            yield plain(clean(version.refused), "bad")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _precision(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
