"""Say in words what an incident is: which metric changed, against what, and who follows."""

import math
from collections.abc import Sequence

from operators.members import RULE
from operators.quantity import band, clock, quantity, span
from operators.scope import Pairs
from schema import Evidence, Member

TITLE_CHARS = 79  # fits a phone's notification
NAME_CHARS = 48  # of a resource's name in a hint


def title(suspects: Sequence[Member], resources: int) -> str:
    """Return one line of at most TITLE_CHARS for the incident; `suspects` most suspect first."""
    first = suspects[0]
    more = f" (+{resources - 1} resource{'s' if resources > 2 else ''})" if resources > 1 else ""
    for room in (NAME_CHARS, 36, 24, 16):
        text = _said(first, _short(first.resource.name, room), expected=False) + more
        if len(text) <= TITLE_CHARS:
            return text
    return _short(text, TITLE_CHARS)


def lost_title(node: str, is_zone: bool, hit: int, resources: int) -> str:
    """Return the same for an incident whose cause raises no alert: a zone, a callee, a host."""
    more = f" (+{resources - hit:,} more)" if resources > hit else ""
    name = _short(node, NAME_CHARS - 14)
    if is_zone:
        return f"zone {name} is lost: {hit:,} resources alert{more}"
    return f"trouble at {name}: {hit:,} that need it alert{more}"


def hint(suspects: Sequence[Member], resources: int, scope: Pairs, now_ms: int) -> str:
    """Return the evidence in words: the first suspect, the next one, how many follow and where.

    `resources` counts all the incident's resources, of which `suspects` may hold only the first.
    """
    first = suspects[0]
    since = clock(first.onset_ms, now_ms)
    text = _said(first, _short(first.resource.name, NAME_CHARS), expected=True)
    if first.kind == "silent":
        others_send = all(
            member.kind != "silent" or member.resource.key == first.resource.key
            for member in suspects
        )
        text += f" since {since}" + (" (its neighbours have)" if others_send else "")
    else:
        text += f" at {since}" + _forecast(first, now_ms)
    second = next((m for m in suspects if m.resource.key != first.resource.key), None)
    if second is None:
        return text
    text += ", " + _relation(second.onset_ms - first.onset_ms) + " " + _topic(second)
    others = resources - 2
    if others > 0:
        noun = "resource" if others == 1 else "resources"
        verb = "follows" if others == 1 else "follow"
        text += f"; {others} more {noun}{_place(scope)} {verb}"
    return text


def _said(member: Member, name: str, *, expected: bool) -> str:
    """Return the change of a member, as a sentence without its end."""
    if member.kind == "silent":
        return f"{name} has sent nothing"
    if not member.evidence:
        return f"{name} behaves unusually"
    part = member.evidence[0]
    if member.kind.startswith(RULE):
        rule = member.kind.removeprefix(RULE)
        value = quantity(part.value, part.unit)
        text = f"rule {rule}: {series_name(part)} of {name} is {value}"
        return f"{text} ({_limit(part)})" if expected else text
    value, normal = _told_apart(part)
    if part.value > part.upper:
        text = f"{series_name(part)} of {name} rose to {value}"
    elif part.value < part.lower:
        text = f"{series_name(part)} of {name} fell to {value}"
    else:
        text = f"{series_name(part)} of {name} is unusual at {value}"
    return f"{text} (expected {normal})" if expected else text


def _forecast(member: Member, now_ms: int) -> str:
    """Return when the first of a member's metrics that climbs to its limit will be there."""
    for i, part in enumerate(member.evidence):
        if part.limit is not None and part.limit_at_ms is not None and part.limit_at_ms > now_ms:
            what = f"{series_name(part)} " if i else ""
            when = clock(part.limit_at_ms, now_ms)
            return f"; {what}reaches {quantity(part.limit, part.unit)} at {when} at this pace"
    return ""


def _told_apart(part: Evidence) -> tuple[str, str]:
    """Return value and band with as many digits as it takes to see that the one left the other."""
    bound = part.upper if part.value > part.upper else part.lower
    digits = next(
        (
            digits
            for digits in (3, 4, 5, 6)
            if quantity(part.value, part.unit, digits) != quantity(bound, part.unit, digits)
        ),
        6,
    )
    return quantity(part.value, part.unit, digits), band(part.lower, part.upper, part.unit, digits)


def _limit(part: Evidence) -> str:
    """Return the threshold where the band has one side only, else what is expected."""
    if not math.isfinite(part.lower):
        return "limit " + quantity(part.upper, part.unit)
    if not math.isfinite(part.upper):
        return "limit " + quantity(part.lower, part.unit)
    return "expected " + band(part.lower, part.upper, part.unit)


def series_name(part: Evidence) -> str:
    """Return the metric with the labels that tell its series apart."""
    labels = ", ".join(f"{name}={value}" for name, value in part.labels)
    return f"{part.metric}{{{labels}}}" if labels else part.metric


def _topic(member: Member) -> str:
    name = _short(member.resource.name, NAME_CHARS)
    if member.kind == "silent":
        return f"silence of {name}"
    if member.kind.startswith(RULE):
        return f"rule {member.kind.removeprefix(RULE)} on {name}"
    return f"{series_name(member.evidence[0])} of {name}" if member.evidence else name


def _relation(later_ms: int) -> str:
    if later_ms == 0:
        return "together with"
    return f"{span(abs(later_ms))} {'before' if later_ms > 0 else 'after'}"


def _place(scope: Pairs) -> str:
    shared = dict(scope)
    service, region = shared.get("service", ""), shared.get("region", "")
    return (f" of {service}" if service else "") + (f" in {region}" if region else "")


def _short(name: str, room: int) -> str:
    """Return the name, its last path segment where it is too long, cut in the middle if need be."""
    if len(name) <= room:
        return name
    last = name.rstrip("/").rsplit("/", 1)[-1]
    if len(last) <= room:
        return last
    return last[: (room - 1) // 2] + "…" + last[len(last) - room // 2 :]
