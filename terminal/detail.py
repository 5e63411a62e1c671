"""One incident as lines: what, until when, the metric itself, why, who is hit, what was done."""

from collections.abc import Iterator, Sequence

from operators.quantity import band, quantity
from schema.desk import EvidenceView, IncidentDetail, IncidentFull, MemberView
from schema.plots import Plot
from terminal.feed import badge, left_role, left_words, time_left
from terminal.palette import Line, Part, Role, plain
from terminal.plot import LEAST_HEIGHT, LEAST_WIDTH, draw_plot
from terminal.words import clean, clock, fit, minutes, wrap

PLOTS, MEMBERS, EVIDENCES, NAMES, STEPS = 4, 12, 3, 6, 40  # so many are shown of each
PLOT_HEIGHT = (8, 16)
VERBS = {"calls": "calls", "runs_on": "runs on", "in_zone": "lies in"}


def incident_lines(
    detail: IncidentDetail, plots: Sequence[Plot], now_ms: int, width: int, height: int
) -> list[Line]:
    """Return all that is to be read of it, what matters in the first minute first."""
    incident = detail.incident
    lines = [*_head(incident, now_ms, width), *_time(detail, now_ms, width)]
    lines += [*_waiting(detail, now_ms, width), *_hidden(incident, width)]
    lines += [(), *_wrapped(incident.hint, width)] if incident.hint else []
    lines += _plots(plots[:1], width, height)
    lines += _suspects(incident, width)
    lines += _members(incident, now_ms, width)
    lines += _plots(plots[1:PLOTS], width, height)
    lines += _impact(incident, width)
    lines += _topology(detail, width)
    lines += _told(detail, now_ms, width)
    lines += _audit(detail, now_ms, width)
    return lines


def section(name: str, width: int) -> list[Line]:
    """Return an empty line, and one that begins something else."""
    return [(), (Part(f"── {name} ", "strong"), Part("─" * max(0, width - len(name) - 4), "dim"))]


def pair(name: str, value: str, width: int, role: Role = "plain") -> list[Line]:
    """Return a value with its name before it, in as many lines as it takes."""
    lines = wrap(value, width - 10)
    first = (Part(fit(name, 9) + " ", "dim"), Part(lines[0], role))
    return [first, *((Part(" " * 10), Part(each, role)) for each in lines[1:])]


def _head(incident: IncidentFull, now_ms: int, width: int) -> Iterator[Line]:
    lines = wrap(incident.title, width - 5, most=3)
    yield (badge(incident.severity), Part(" "), Part(lines[0], "strong"))
    for each in lines[1:]:
        yield (Part(" " * 5), Part(each, "strong"))
    ended = incident.resolved_ms if incident.closed_ms is None else incident.closed_ms
    until = now_ms if ended is None else ended
    said = f"{incident.state}, began {clock(incident.onset_ms, now_ms)} UTC, "
    said += f"opened {clock(incident.opened_ms, now_ms)}, "
    said += f"{'for' if ended is None else 'lasted'} {minutes(until - incident.opened_ms)}"
    said += f" · {incident.id} rev {incident.revision}"
    yield from _wrapped(said, width)
    place = " ".join(value for value in incident.scope.values() if value)
    hit = f"{incident.member_count:,} alert{'' if incident.member_count == 1 else 's'}"
    sure, pattern = f"confidence {incident.confidence:.2f}", incident.pattern.replace("_", " ")
    yield from _wrapped(" · ".join(filter(None, (hit, sure, pattern, place))), width, "dim")


def _time(detail: IncidentDetail, now_ms: int, width: int) -> Iterator[Line]:
    incident = detail.incident
    left = time_left(incident, now_ms)
    if left is not None:
        role = left_role(left[0], predicted=incident.breach_ms is not None)
        said = left_words(*left)
        if incident.breach_ms is not None and left[0] > 0:
            said += f", too little as it looks: late at {clock(incident.breach_ms, now_ms)}"
        yield from pair("deadline", said, width, role)
    yield from pair("assignee", incident.assignee or "nobody", width, _nobody(incident))
    if detail.points is not None:
        why = "; ".join(detail.points_why)
        yield from pair("urgency", f"{detail.points} points: {why}", width, "dim")
    elif incident.reasons:
        yield from pair("severity", "; ".join(incident.reasons), width, "dim")


def _nobody(incident: IncidentFull) -> Role:
    return "warn" if not incident.assignee and incident.state == "open" else "plain"


def _waiting(detail: IncidentDetail, now_ms: int, width: int) -> Iterator[Line]:
    """Yield what was asked for and is not answered, and what was refused last."""
    for each in detail.requests:
        said = f"{each.what} by {each.actor}"
        if each.status == "requested":
            when = clock(each.effective_ms, now_ms)
            yield from pair("requested", f"{said}, to be obeyed at {when}", width, "warn")
    last = detail.requests[-1] if detail.requests else None
    if last is not None and last.status == "refused":
        yield from pair("refused", f"{last.what} by {last.actor}: {last.answer}", width, "bad")


def _hidden(incident: IncidentFull, width: int) -> Iterator[Line]:
    if incident.silenced_by:
        by = ", ".join(incident.silenced_by)
        yield from pair("silenced", f"told to nobody: {by}", width, "warn")
    if incident.inhibited_by:
        yield from pair("inhibited", f"told to nobody: {incident.inhibited_by}", width, "warn")
    if incident.verdict:
        yield from pair("verdict", incident.verdict.replace("_", " "), width, "warn")
    if incident.merged_into:
        yield from pair("merged", f"it is part of {incident.merged_into}", width, "warn")
    if incident.flapping:
        yield from pair("flapping", "it is held open until it is quiet", width, "warn")


def _plots(plots: Sequence[Plot], width: int, height: int) -> Iterator[Line]:
    if width < LEAST_WIDTH:
        return
    least, most = PLOT_HEIGHT
    tall = max(LEAST_HEIGHT, min(most, max(least, height // 3)))
    for plot in plots:
        yield ()
        yield from draw_plot(plot, width, tall)
        if plot.detectors:
            said = ", ".join(f"{name} {share:.0%}" for name, share in plot.detectors)
            yield from _wrapped(f"found by {said}", width, "dim")


def _suspects(incident: IncidentFull, width: int) -> Iterator[Line]:
    if not incident.suspects:
        return
    yield from section("Suspects", width)
    for place, each in enumerate(incident.suspects, 1):
        name = f"{clean(each.resource.name)} {clean(each.resource.service)}"
        share = Part(f"{each.score:4.0%} ", "strong")
        yield (Part(f"{place}. "), share, Part(fit(name, width - 8)))
        yield from _wrapped(each.why, width, "dim", indent=8)


def _members(incident: IncidentFull, now_ms: int, width: int) -> Iterator[Line]:
    if not incident.members:
        return
    shown = incident.members[:MEMBERS]
    yield from section(f"Alerts, {len(shown)} of {incident.member_count:,}", width)
    for member in shown:
        yield _member(member, now_ms, width)
        for evidence in member.evidence[:EVIDENCES]:
            yield from _wrapped(_evidence(evidence), width, "dim", indent=8)


def _member(member: MemberView, now_ms: int, width: int) -> Line:
    over = member.closed_ms is not None
    when = f"{clock(member.onset_ms, now_ms)} "
    kind = "" if member.kind == "metrics" else f" {clean(member.kind)}"
    found = f" by {', '.join(map(clean, member.detectors))}" if member.detectors else ""
    said = f"{clean(member.resource.name)} {clean(member.resource.service)}{kind}"
    rest = (" (over)" if over else "") + found
    return (
        Part(when, "dim"),
        Part(fit(said, max(8, width - len(when) - len(rest))).rstrip(), "dim" if over else "plain"),
        Part(rest, "dim"),
    )


def _evidence(evidence: EvidenceView) -> str:
    labels = "".join(f" {name}={value}" for name, value in evidence.labels.items())
    unit = evidence.unit
    value = "unknown" if evidence.value is None else quantity(evidence.value, unit)
    said = f"{evidence.metric}{labels} {value}"
    if evidence.expected is not None:
        said += f", expected {quantity(evidence.expected, unit)}"
    if evidence.lower is not None and evidence.upper is not None:
        said += f" ({band(evidence.lower, evidence.upper, unit)})"
    return said + f" · {evidence.share:.0%}"


def _impact(incident: IncidentFull, width: int) -> Iterator[Line]:
    impact = incident.impact
    if not impact.dependants and not impact.users:
        return
    yield from section("Who is hit", width)
    if impact.dependants:
        more = impact.dependants - len(impact.names[:NAMES])
        said = f"{impact.dependants:,} more by the topology: {', '.join(impact.names[:NAMES])}"
        yield from _wrapped(said + (f" and {more:,} others" if more > 0 else ""), width)
    if impact.suffering:
        yield from _wrapped(f"seen to suffer: {', '.join(impact.suffering[:NAMES])}", width, "warn")
    if impact.users is not None:
        yield from _wrapped(f"{impact.users:,} users", width)
    if impact.tiers:
        yield from _wrapped(f"tiers {', '.join(impact.tiers)}", width, "dim")


def _topology(detail: IncidentDetail, width: int) -> Iterator[Line]:
    """Yield who needs whom around the suspects, as far as it is about them."""
    view = detail.topology
    if view is None or not view.edges:
        return
    centre = {*view.around}
    near = [each for each in view.edges if each.source in centre or each.target in centre]
    if not near:
        return
    yield from section("Topology", width)
    for each in near[:MEMBERS]:
        yield from _wrapped(f"{each.source} {VERBS.get(each.type, 'needs')} {each.target}", width)
    if len(near) > MEMBERS:
        yield plain(f"and {len(near) - MEMBERS} more", "dim")


def _told(detail: IncidentDetail, now_ms: int, width: int) -> Iterator[Line]:
    if not detail.told:
        return
    yield from section("Who was told", width)
    for each in detail.told[-STEPS:]:
        role: Role = "bad" if each.status in {"failed", "dropped"} else "plain"
        said = f"{clock(each.at_ms, now_ms)} {each.channel} {each.kind}: {each.status}, {each.why}"
        yield from _wrapped(said, width, role)


def _audit(detail: IncidentDetail, now_ms: int, width: int) -> Iterator[Line]:
    yield from section("What happened, the newest first", width)
    steps = detail.audit[::-1]
    for each in steps[:STEPS]:
        when = clock(each.ts_ms, now_ms)
        who = "" if each.actor == "foreshock" else f"{each.actor}: "
        lines = wrap(f"{who}{each.reason}", max(8, width - len(when) - 14))
        yield (Part(f"{when} ", "dim"), Part(fit(each.event, 13)), Part(lines[0]))
        for more in lines[1:]:
            yield (Part(" " * (len(when) + 14)), Part(more))
    if len(steps) > STEPS:
        yield plain(f"and {len(steps) - STEPS:,} before", "dim")


def _wrapped(text: str, width: int, role: Role = "plain", indent: int = 0) -> list[Line]:
    before = (Part(" " * indent),) if indent else ()
    return [(*before, Part(each, role)) for each in wrap(text, width - indent)]
