"""Clouds and services as they stand, and the pipeline that says so."""

from collections.abc import Iterator, Sequence

from schema.plots import Health, HeatMap, LivePart, LiveResource, LiveState
from terminal.detail import section
from terminal.lines import Table
from terminal.palette import Line, Part, Role, plain
from terminal.words import brief, clean, clock, count, fit

OLD_MS = 300_000  # a word of the flow that is older says little of now
LATE_MS = 600_000  # a watermark that is so far behind
HEALTH: dict[Health, Role] = {"ok": "good", "off": "bad", "silent": "warn"}
STEPS = "▁▂▃▄▅▆▇"
ODD = 3.0  # thresholds that fill a bar


def pipeline_line(live: LiveState | None, wall_ms: int, now_ms: int) -> Line:
    """Return how fast and how far behind the flow is, in a line."""
    if live is None or live.watermark_ms is None:
        return plain("pipeline: the flow has not said how it is", "dim")
    said = f"{count(live.samples_per_s)} samples/s  {live.anomaly_rate:.2%} anomalous  "
    parts = [Part("pipeline ", "strong"), Part(said)]
    if live.lag_ms is not None:
        role: Role = "warn" if live.lag_ms > LATE_MS else "plain"
        parts.append(Part(f"lag {brief(live.lag_ms)}  ", role))
    parts.append(Part(f"watermark {clock(live.watermark_ms, now_ms)}"))
    if live.said_ms is not None and wall_ms - live.said_ms > OLD_MS:
        parts.append(Part(f"  last heard of {brief(wall_ms - live.said_ms)} ago", "warn"))
    return tuple(parts)


def clouds_line(live: LiveState | None) -> Line:
    """Return each cloud's health in a line."""
    if live is None or not live.clouds:
        return ()
    parts: list[Part] = []
    for each in live.clouds:
        name = clean(each.cloud) or "other"
        well = each.resources - each.off - each.silent
        parts += [Part("● ", HEALTH[each.health]), Part(f"{name} ", "strong"), Part(f"{well:,} ok")]
        parts += [Part(f" {each.off:,} off", "bad")] if each.off else []
        parts += [Part(f" {each.silent:,} silent", "warn")] if each.silent else []
        parts += [Part(f" {count(each.samples_per_s)}/s   ", "dim")]
    return tuple(parts)


def services_table(live: LiveState | None, now_ms: int, width: int) -> Table:
    """Return services as a list, those first that are not well."""
    parts = () if live is None else live.services
    order = sorted(parts, key=lambda each: (-each.off, -each.silent, each.cloud, each.service))
    wide = width >= 76
    columns = (("health", 6), ("service", 22), ("all", -6), ("off", -5), ("silent", -6),
               ("/s", -5), ("anom.", -6))  # fmt: skip
    head = "".join(fit(name, abs(size), right=size < 0) + " " for name, size in columns)

    def line(place: int) -> Line:
        each = order[place]
        cells = [
            Part(fit(each.health, 6), HEALTH[each.health]),
            Part(fit(each.service or each.cloud, 22)),
            Part(fit(count(each.resources), 6, right=True)),
            Part(fit(count(each.off) if each.off else "", 5, right=True), "bad"),
            Part(fit(count(each.silent) if each.silent else "", 6, right=True), "warn"),
            Part(fit(count(each.samples_per_s), 5, right=True)),
            Part(fit(f"{each.anomaly_rate:.1%}", 6, right=True)),
            Part(clock(each.watermark_ms, now_ms) if wide else "", "dim"),
        ]
        return tuple(cell for part in cells for cell in (part, Part(" ")))

    return Table(
        (Part(fit(head + ("watermark" if wide else ""), width), "title"),),
        tuple(f"{each.cloud}|{each.service}" for each in order),
        line,
        "the flow has not said how its services are",
    )


def service_lines(
    key: str, live: LiveState, heat: HeatMap | None, now_ms: int, width: int
) -> list[Line]:
    """Return a service: how it stands, and which of its resources are not well."""
    found = [each for each in live.services if f"{each.cloud}|{each.service}" == key]
    lines = [line for each in found for line in _service(each, now_ms)]
    mine = [each for each in live.resources if f"{each.cloud}|{each.service}" == key]
    lines += section(f"Resources that are not well, {len(mine)} listed", width)
    lines += _resources(mine, heat, now_ms, width)
    if not mine:
        lines.append(plain("none", "good"))
    if live.more:
        lines.append(plain(f"{live.more:,} of all services are not listed", "dim"))
    return lines


def _service(each: LivePart, now_ms: int) -> Iterator[Line]:
    yield (Part(f"{each.health} ", HEALTH[each.health]), Part(clean(each.service), "strong"))
    yield plain(f"{each.resources:,} resources: {each.off:,} off, {each.silent:,} silent")
    yield plain(f"{count(each.samples_per_s)} samples/s, {each.anomaly_rate:.2%} of rows anomalous")
    yield plain(f"judged up to {clock(each.watermark_ms, now_ms)} UTC", "dim")


def _resources(
    found: Sequence[LiveResource], heat: HeatMap | None, now_ms: int, width: int
) -> Iterator[Line]:
    room = max(0, min(48, width - 46))
    for each in found:
        yield (
            Part(fit(each.health, 6) + " ", HEALTH[each.health]),
            Part(fit(each.name, 22) + " "),
            Part(fit(f"{each.oddness:.1f}x", 6, right=True), "strong"),
            Part(f" {fit(brief(max(0, now_ms - each.since_ms)), 6, right=True)} ", "dim"),
            Part("" if heat is None else spark(heat, each.resource, room), "mark"),
        )


def spark(heat: HeatMap, resource: str, room: int) -> str:
    """Return how odd a resource was over the last buckets, a character each."""
    buckets = max(1, (heat.to_ms - heat.from_ms) // max(1, heat.bucket_ms))
    shown = min(room, buckets)
    first_ms = heat.to_ms - shown * heat.bucket_ms
    bars = [" "] * shown
    for cell in heat.cells:
        place = (cell.start_ms - first_ms) // max(1, heat.bucket_ms)
        if cell.resource == resource and 0 <= place < shown:
            step = int(min(1.0, max(0.0, cell.oddness / ODD)) * (len(STEPS) - 1))
            bars[place] = STEPS[step]
    return "".join(bars)
